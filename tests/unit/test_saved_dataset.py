"""Folders that Hugging Face's `datasets` saved: found, read as tables by split, damaged, and without the package."""

import datetime
import json
import sys
import types

import pytest

from deepcli.data.sources.kinds import kind_at
from deepcli.data.sources.tables.saved_dataset import table_of_dataset
from deepcli.data.table import TableDataset
from deepcli.errors import DataError, UsageError


class Value:
    def __init__(self, dtype):
        self.dtype = dtype


class ClassLabel:
    dtype = "int64"

    def __init__(self, *names):
        self.names = names


class List:
    def __init__(self, feature):
        self.feature = feature


class Image:
    dtype = "PIL.Image.Image"


class Fake:
    """A `datasets.Dataset` with these columns, each a feature and values; those of pictures are never asked for."""

    def __init__(self, **columns):
        self.columns = {name: values for name, (_, values) in columns.items()}
        self.column_names = list(columns)
        self.features = {name: feature for name, (feature, _) in columns.items()}

    def __getitem__(self, name):
        assert not isinstance(self.features[name], Image)
        return self.columns[name]


TEXT, LABEL = Value("string"), ClassLabel("ham", "spam")


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Save data sets by name; without a name, one has no splits."""

    def save(**parts):
        folder = tmp_path / "a data set"
        folder.mkdir()
        if "" not in parts:
            (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}))
        for name in parts:
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "state.json").write_text("{}")
        by_folder = {str(folder / name): part for name, part in parts.items()}
        monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_from_disk=by_folder.__getitem__))
        monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: name)
        return folder

    return save


def mails(count, first=0):
    texts = [f"{'win' if k % 2 else 'dear'} number{k}" for k in range(first, first + count)]
    return Fake(text=(TEXT, texts), label=(LABEL, [k % 2 for k in range(first, first + count)]))


def test_columns_become_text_and_classes_their_names(tmp_path):
    day = datetime.datetime(2024, 5, 6, 7, 8)
    table = table_of_dataset(
        Fake(
            text=(TEXT, ["a ", None]),
            label=(LABEL, [1, -1]),
            tags=(List(LABEL), [[0, 1], []]),
            stars=(Value("int32"), [5, 0]),
            share=(Value("float64"), [0.5, None]),
            ok=(Value("bool"), [True, False]),
            day=(Value("timestamp[s]"), [day, day.date()]),
            picture=(Image(), []),
            sound=(Value("binary"), []),
            nested=(List(List(TEXT)), []),
        ),
        tmp_path,
    )
    assert dict(zip(table.names, table.columns, strict=True)) == {
        "text": ["a", None],
        "label": ["spam", None],
        "tags": ['["ham", "spam"]', "[]"],
        "stars": ["5", "0"],
        "share": ["0.5", None],
        "ok": ["true", "false"],
        "day": ["2024-05-06T07:08:00", "2024-05-06"],
    }
    assert table.lines == [1, 2]
    assert [(found.code, found.text.split()[3]) for found in table.findings] == [
        ("column-left-out", "Image"), ("column-left-out", "binary"), ("column-left-out", "List"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "message"),
    [(Fake(picture=(Image(), [])), "has no column of strings"), (Fake(text=(TEXT, [])), "has no rows")],
)
def test_nothing_to_read(tmp_path, dataset, message):
    with pytest.raises(DataError, match=message):
        table_of_dataset(dataset, tmp_path)


def test_splits_are_taken_as_they_are(saved):
    folder = saved(train=mails(40), validation=mails(8, 100), test=mails(6, 200))
    assert kind_at(str(folder)) == "table"
    data = TableDataset(path=str(folder))
    assert data.data_schema.counts == {"train": 40, "validation": 8, "test": 6}
    assert data.data_schema.target.names == ("ham", "spam")


def test_splits_for_something_else_are_left_out_and_named(saved):
    folder = saved(train=mails(40), test=mails(6, 200), unsupervised=mails(30, 300))
    data = TableDataset(path=str(folder))
    assert data.data_schema.counts["test"] == 6 and sum(data.data_schema.counts.values()) == 46
    (found,) = [one for one in data.gather(None).findings if one.code == "no-split"]
    assert "left out the splits 'unsupervised'" in found.text


def test_splits_of_which_none_is_for_training_are_an_error(saved):
    folder = saved(first=mails(40), second=mails(6, 200))
    with pytest.raises(DataError, match=r"2 files \('first', 'second'\)"):
        _ = TableDataset(path=str(folder)).data_schema


def test_one_without_splits_is_divided(saved):
    folder = saved(**{"": mails(40)})
    assert kind_at(str(folder)) == "table"
    counts = TableDataset(path=str(folder)).data_schema.counts
    assert sum(counts.values()) == 40 and min(counts.values()) > 0


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"splits": 1}', '{"splits": []}', '{"splits": ["train", "gone"]}']
)
def test_a_damaged_list_of_splits(saved, content):
    folder = saved(train=mails(40))
    (folder / "dataset_dict.json").write_text(content)
    with pytest.raises(DataError, match=r"dataset_dict\.json: (cannot be read|names splits)"):
        _ = TableDataset(path=str(folder)).data_schema


def test_damage_that_the_library_finds(saved, monkeypatch):
    folder = saved(**{"": mails(40)})
    monkeypatch.setattr(sys.modules["datasets"], "load_from_disk", lambda path: [][0])
    with pytest.raises(DataError, match="a data set: cannot be read as a saved data set"):
        _ = TableDataset(path=str(folder)).data_schema


def test_no_split_lies_outside_its_folder(saved, tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "state.json").write_text("{}")
    folder = saved(test=mails(40))
    (folder / "dataset_dict.json").write_text('{"splits": ["../train"]}')
    with pytest.raises(DataError, match="names splits that do not exist"):
        _ = TableDataset(path=str(folder)).data_schema


def test_it_needs_its_extra(saved, monkeypatch):
    folder = saved(**{"": mails(40)})
    monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"deepcli\[datasets\]"):
        _ = TableDataset(path=str(folder)).data_schema
