"""Own data whose inputs are predicted themselves: with classes and without, and others than a model was trained on."""

from typing import Any

import numpy as np
import pytest

from deepcli.data import DATASETS
from deepcli.data.files import Sources
from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import DataError
from tests import own_files


def load(known=None, **section):
    with carrying(known):
        return DATASETS.select(section).bound("inputs")


def test_a_table_without_a_target_has_all_columns_as_inputs(tmp_path):
    data = load(type="table", path=str(own_files.table(tmp_path / "a.csv", "kind")))
    assert [column.name for column in data.signature.columns] == ["size", "colour", "age", "kind"]
    assert (data.signature.predicted.kind, data.signature.classes) == ("inputs", 0)
    splits = data.load(Sources())
    assert splits.train.labels is None and splits.train.y is splits.train.x


def test_the_classes_of_a_table_are_labels_and_no_input_and_may_be_missing(tmp_path):
    path = own_files.table(tmp_path / "a.csv", "kind")
    lines = path.read_text().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ","
    path.write_text("\n".join(lines) + "\n")
    data = load(type="table", path=str(path), target="kind", split={"test": 0.5})
    assert [column.name for column in data.signature.columns] == ["size", "colour", "age"]
    splits = data.load(Sources())
    labels = np.concatenate([part.labels for part in (splits.train, splits.validation, splits.test)])
    assert len(labels) == len(lines) - 1 and (labels == -1).sum() == 1 and set(labels.tolist()) == {-1, 0, 1}
    assert data.signature.predicted.names == ("cheap", "dear")


def test_a_number_named_as_the_target_is_left_out_and_is_no_label(tmp_path):
    data = load(type="table", path=str(own_files.table(tmp_path / "a.csv", "price")), target="price")
    assert [column.name for column in data.signature.columns] == ["size", "colour", "age"]
    assert data.load(Sources()).train.labels is None


def test_a_model_takes_rows_of_other_classes_or_of_none(tmp_path):
    path = own_files.table(tmp_path / "a.csv", "kind")
    known = load(type="table", path=str(path), target="kind").data_schema
    other, bare = tmp_path / "b.csv", tmp_path / "c.csv"
    other.write_text(path.read_text().replace("dear", "broken"))
    bare.write_text("\n".join(line.rpartition(",")[0] for line in path.read_text().splitlines()) + "\n")
    for place, labels in ((other, {-1, 0}), (bare, {-1})):
        test = load(known, type="table", path=str(place), target="kind").load(Sources()).test
        assert set(test.labels.tolist()) == labels and len(test) == 120


def test_pictures_have_classes_if_all_are_in_class_folders(tmp_path):
    folder = own_files.pictures(tmp_path / "photos", 12, ("bright", "dark"))
    data = load(type="image_folder", path=str(folder), size=8)
    assert data.signature.predicted.names == ("bright", "dark")
    splits = data.load(Sources())
    assert set(splits.train.labels.tolist()) == {0, 1} and splits.train.y is splits.train.x
    (folder / "dark" / "dark 1.png").rename(folder / "loose.png")
    data = load(type="image_folder", path=str(folder), size=8)
    assert data.signature.predicted.names == () and sum(data.data_schema.counts.values()) == 24
    with pytest.raises(DataError, match="no such folder"):
        _ = load(type="image_folder", path=str(folder / "none"), size=8).data_schema


def test_a_folder_of_one_class_has_no_classes(tmp_path):
    folder = own_files.pictures(tmp_path / "photos", 20, ("bright",))
    assert load(type="image_folder", path=str(folder), size=8).signature.predicted.names == ()
    with pytest.raises(DataError, match="has only one class"):
        _ = DATASETS.select({"type": "image_folder", "path": str(folder), "size": 8}).data_schema


def test_textbook_data_keep_their_labels_beside_the_inputs():
    data = load(type="digits")
    plain = DATASETS.select({"type": "digits"}).load(Sources())
    splits = data.load(Sources())
    for name in ("train", "validation", "test"):
        one: Any = splits[name]
        other: Any = plain[name]
        assert one.y is one.x and np.array_equal(one.x, other.x) and np.array_equal(one.labels, other.y)
    assert data.bound(None).load(Sources()).train.y.ndim == 1


@pytest.mark.parametrize("y", ["classes", "numbers", "none"])
def test_arrays_have_labels_if_their_targets_are_classes(tmp_path, y):
    arrays: dict[str, Any] = {"x": np.random.RandomState(0).normal(0, 1, (90, 6)).astype(np.float32)}
    if y != "none":
        arrays["y"] = np.arange(90) % 3 if y == "classes" else np.linspace(0, 1, 90)
    np.savez(tmp_path / "a.npz", **arrays)
    data = load(type="arrays", path=str(tmp_path / "a.npz"))
    splits = data.load(Sources())
    assert (splits.train.labels is not None) == (y == "classes")
    assert data.signature.predicted.names == (("0", "1", "2") if y == "classes" else ())
    assert sum(len(splits[name]) for name in ("train", "validation", "test")) == 90
