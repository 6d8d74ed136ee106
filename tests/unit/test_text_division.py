"""How a running text is divided: by files that are named after splits, by place, or by lines."""

import itertools

import numpy as np
import pytest

from deepcli.data.arrays.encoded_running_text import decoder
from deepcli.data.files import OFFLINE
from deepcli.data.running_text import TextDataset
from deepcli.data.sources import text_pieces
from deepcli.errors import DataError

TRAIN, VALIDATION, TEST = "one two three\n" * 40, "four five\n" * 20, "six seven\n" * 30


def section(path, **fields):
    return TextDataset.model_validate({"path": str(path), "window": 4, "tokens": "bytes", **fields})


def told(data):
    """The text of each split."""
    splits = data.load(OFFLINE)
    counts = [data.data_schema.layout[f"{name}_tokens"] for name in ("train", "validation", "test")]
    ends = np.cumsum([0, *counts]).tolist()
    decode = decoder(data.data_schema.vocabulary, data.tokens)
    tokens = splits.train.text.tokens.tolist()
    return ["".join(decode(tokens[begin:end])) for begin, end in itertools.pairwise(ends)]


def written(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("tokens", ["bytes", "characters", "words"])
def test_files_named_after_splits_are_these_splits(tmp_path, tokens):
    folder = written(tmp_path / "wiki", wiki_train_txt=TRAIN, wiki_valid_txt=VALIDATION[:-1], wiki_test_txt=TEST)
    data = section(folder, tokens=tokens)
    found = told(data)
    assert data.data_schema.layout["division"] == "given by files"
    if tokens == "bytes":
        assert found == [TRAIN, VALIDATION[:-1], TEST]
    else:  # what training lacks is unknown
        assert found[0] == TRAIN and "four" not in "".join(found)
        assert {"f", "v"}.isdisjoint(data.data_schema.vocabulary)


def test_folders_named_after_splits_are_read_file_by_file(tmp_path):
    folder = written(
        tmp_path / "a", test__x_md=TEST, train__b_txt="bbbbb\n", train__a_txt="aaaaaa", dev__x_txt=VALIDATION
    )
    assert told(section(folder)) == ["aaaaaa\nbbbbb\n", VALIDATION, TEST]


def test_a_split_without_a_file_is_the_end_of_training(tmp_path):
    folder = written(tmp_path / "a", train_txt=TRAIN, test_txt=TEST)
    data = section(folder, split={"validation": 0.25, "test": 0.4})
    cut = len(TRAIN) - round(0.25 * len(TRAIN))
    assert told(data) == [TRAIN[:cut], TRAIN[cut:], TEST]
    assert data.data_schema.layout["division"] == "given by files; validation by place"
    (folder / "test.txt").rename(folder / "validation.txt")
    assert told(section(folder, split={"validation": 0.25, "test": 0.25})) == [TRAIN[:cut], TEST, TRAIN[cut:]]


def test_files_that_change_places_are_other_data(tmp_path):
    folder = written(tmp_path / "a", train_txt=TRAIN, validation_txt=TRAIN, test_txt=TEST)
    one = section(folder).data_schema.fingerprint
    (folder / "validation.txt").rename(folder / "train-2.txt")
    assert section(folder).data_schema.fingerprint != one


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("train.txt", "test.txt", "readme.md"), r"test.txt is named after a split and readme.md is not; let the name"),
        (("test.txt", "validation.txt"), r"has files for test and validation, but none named train"),
        (("train/a.txt", "test/b.txt", "c.txt"), r"test/b.txt is named after a split and c.txt is not"),
    ],
)
def test_names_that_do_not_say_every_split_are_refused(tmp_path, names, said):
    folder = written(tmp_path / "a", **{name.replace("/", "__").replace(".", "_"): TRAIN for name in names})
    with pytest.raises(DataError, match=said):
        _ = section(folder).data_schema


@pytest.mark.parametrize(
    "names", [("a train.txt", "b.txt"), ("train-journey.txt", "test-results.txt", "home.txt"), ("train.txt",)]
)
def test_notes_that_only_speak_of_trains_and_tests_are_one_text(tmp_path, names):
    folder = written(tmp_path / "notes", **{name.replace(".", "_"): TRAIN for name in names})
    assert section(folder).data_schema.layout["division"] == "by place"
    assert "".join(told(section(folder))) == TRAIN * len(names)


def test_tables_named_after_splits_give_the_texts_of_a_column_to_them(tmp_path):
    for name, word in (("train", "one"), ("test", "two"), ("dev", "three")):
        (tmp_path / f"x_{name}.csv").write_text("id,text\n" + "".join(f"{k},{word} {k}\n" for k in range(30)))
    found = told(section(tmp_path / "x_*.csv", column="text"))
    assert found == ["".join(f"{word} {k}\n" for k in range(30)) for word in ("one", "three", "two")]


def test_lines_are_drawn_by_content_and_equal_ones_stay_together(tmp_path, monkeypatch):
    lines = [f"name {k % 400}" for k in range(600)]
    path = tmp_path / "names.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    data = section(path, lines=True, split={"test": 0.2, "validation": 0.1})
    parts = [part.splitlines() for part in told(data)]
    assert sorted(itertools.chain(*parts)) == sorted(lines) and all(part.endswith("\n") for part in told(data))
    assert not set(parts[0]) & set(parts[1]) and not set(parts[0]) & set(parts[2]) and not set(parts[1]) & set(parts[2])
    assert 0.12 < len(parts[2]) / 600 < 0.28 and 0.04 < len(parts[1]) / 600 < 0.16
    assert parts[0] == [line for line in lines if line in set(parts[0])]  # in the order of the file
    assert data.data_schema.layout["division"] == "by lines"
    assert told(section(path, lines=True, split={"seed": 1})) != told(section(path, lines=True))
    whole = told(data)
    monkeypatch.setattr(text_pieces, "PIECE", 7)
    assert told(section(path, lines=True, split={"test": 0.2, "validation": 0.1})) == whole


def test_of_other_data_only_the_test_files_are_tested_if_there_are_some(tmp_path):
    schema = section(written(tmp_path / "a", train_txt=TRAIN, validation_txt=VALIDATION, test_txt=TEST)).data_schema
    other = written(tmp_path / "b", train_txt=TEST, test_txt=TRAIN)
    splits = section(other).carrying(schema).load(OFFLINE)
    assert len(splits.train) == 0 and splits.validation is None
    assert splits.test.text.tokens.tobytes().decode() == TRAIN


def test_a_validation_file_that_is_too_short_is_refused_and_not_left_out(tmp_path):
    folder = written(tmp_path / "a", train_txt=TRAIN, validation_txt="abc", test_txt=TEST)
    with pytest.raises(DataError, match="its validation split has 3 bytes, too few"):
        _ = section(folder, split={"validation": 0.0}).data_schema
