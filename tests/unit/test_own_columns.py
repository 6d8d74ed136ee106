"""`predict` reads other tables as the table of training was read, whatever their ending."""

import gzip
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepcli.data.arrays.decoding import decode
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import RESERVED, Column
from deepcli.inputs.example import Unreadable
from deepcli.inputs.reading import ReadOptions, reader_for

from ..own_files import section

WORDS = ("see", "you", "win", "money", "later", '"free"')
PLAIN = {"format": "delimited", "encoding": "utf-8", "delimiter": "\t", "quoting": "none", "header": False}


def texts(column="column_2", layout=PLAIN, **fields):
    """Return a data section of a model of texts in a column."""
    return section(
        "table",
        fields,
        kind="tokens",
        shape=(8,),
        columns=(Column(name=column, type="text"),),
        vocabulary=(*RESERVED, *WORDS),
        layout=layout,
    )


def read(data, *words, **options):
    """Return the names of the inputs and the known words of each; for one that cannot be read, the reason."""
    said: list[str] = []
    lexicon = Lexicon((*RESERVED, *WORDS)) if data.signature.kind == "tokens" else None
    reader = reader_for(data, lexicon, ReadOptions(**options), said.append, said.append)
    found = list(reader.read(map(str, words)))
    known = dict(enumerate((*RESERVED, *WORDS)))
    ids: list[Any] = [[] if isinstance(one, Unreadable) else np.ravel(one.x) for one in found]
    return [one.name for one in found], [" ".join(known[int(k)] for k in row if k > 3) for row in ids], said


def test_a_file_without_header_is_read_as_the_one_of_training(tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text('ham\tsee "you\nspam\twin money\nham\tlater\n', encoding="utf-8")
    names, words, said = read(texts(), path)
    assert names == [f"{path}:1", f"{path}:2", f"{path}:3"]
    assert words == ["see you", "win money", "later"] and not said


def test_one_row_is_enough_where_the_table_of_training_had_no_header(tmp_path):
    path = tmp_path / "one.tsv"
    path.write_text("name\twin money\n", encoding="utf-8")
    assert read(texts(), path)[1] == ["win money"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "json", "jsonl"])
def test_other_formats_are_read_by_the_name_of_the_column(tmp_path, ending):
    layout = {**PLAIN, "header": True}
    rows = [{"kind": "ham", "message": "see you"}, {"kind": "spam", "message": "win, money"}]
    signs = {"csv": ";", "tsv": "\t", "csv.gz": ","}
    if sign := signs.get(ending):
        lines = [sign.join(rows[0]), *(sign.join(f'"{value}"' for value in row.values()) for row in rows)]
        content = "\n".join(lines) + "\n"
    else:
        content = json.dumps(rows) if ending == "json" else "\n".join(map(json.dumps, rows))
    path = tmp_path / f"new.{ending}"
    path.write_bytes(gzip.compress(content.encode()) if ending.endswith("gz") else content.encode())
    assert read(texts("message", layout), path)[1] == ["see you", "win money"]


def test_the_encoding_of_each_file_is_its_own(tmp_path):
    data = texts(layout={**PLAIN, "encoding": "cp1252"})
    for name, encoding in (("a.tsv", "utf-8"), ("b.tsv", "cp1252"), ("c.tsv", "utf-16")):
        (tmp_path / name).write_text("ham\tsee café you\nspam\twin\n", encoding=encoding)
        assert read(data, tmp_path / name)[1] == ["see you", "win"]
    looked = reader_for(data, Lexicon((*RESERVED, *WORDS)), ReadOptions(), lambda line: None, pytest.fail)
    a, b = (next(iter(looked.read([str(tmp_path / name)]))).x for name in ("a.tsv", "b.tsv"))
    assert np.array_equal(a, b)


def test_what_the_section_says_goes_before_what_training_found(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("win|see, you\nwin|later\n", encoding="utf-8")
    layout = {**PLAIN, "delimiter": ","}
    assert read(texts(layout=layout, delimiter="|"), path)[1] == ["see you", "later"]
    path.write_text("win,money|see you\nwin,you|later\n", encoding="utf-8")  # both delimiters give two columns
    assert read(texts(layout=layout), path)[1] == ["money see you", "you later"]
    assert read(texts(layout=layout, delimiter="|"), path)[1] == ["see you", "later"]


def test_a_table_of_one_column_needs_no_name(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("text\nsee you\nwin money\n", encoding="utf-8")
    assert read(texts("message", {**PLAIN, "header": True}), path)[1] == ["see you", "win money"]


def test_a_column_can_be_named_and_one_that_is_not_there_is_an_error(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("other,body\nlater,see you\nlater,win\n", encoding="utf-8")
    data = texts("message", {**PLAIN, "header": True})
    assert read(data, path, column="body")[1] == ["see you", "win"]
    names, _, said = read(data, path)
    assert not names and len(said) == 1
    assert "no column 'message'" in said[0] and "'other', 'body'" in said[0] and "--column" in said[0]
    assert "no column 'boby'; did you mean 'body'?" in read(data, path, column="boby")[2][0]


def test_a_row_without_text_is_named_and_the_others_are_read(tmp_path):
    path = tmp_path / "new.tsv"
    path.write_text("ham\tsee you\nham\t\nham\tlater\n", encoding="utf-8")
    names, words, said = read(texts(), path)
    assert words == ["see you", "", "later"] and names[1] == f"{path}:2"
    assert said == [f"{path}:2: has no text"]


def test_lines_of_a_text_file_stay_texts(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("see you\nwin money\n", encoding="utf-8")
    assert read(texts(), path, lines=True)[1] == ["see you", "win money"]


def test_pictures_that_a_table_names_are_read_and_one_that_is_missing_is_named(tmp_path):
    r = np.random.default_rng(0)
    for name in ("a b.png", "c.png"):
        Image.fromarray(r.integers(0, 256, (9, 7, 3), np.uint8)).save(tmp_path / name)
    path = tmp_path / "shown.csv"
    path.write_text("file,kind\na b.png,x\ngone.png,x\n../c.png,x\nc.png,x\n", encoding="utf-8")
    columns = (Column(name="file", type="image"),)
    data = section("table", {}, kind="image", shape=(6, 6, 3), columns=columns, layout={**PLAIN, "header": True})
    said: list[str] = []
    found = list(reader_for(data, None, ReadOptions(), said.append, said.append).read([str(path)]))
    assert [one.name for one in found] == [f"{path}:{line}" for line in range(2, 6)]
    for place, name in ((0, "a b.png"), (3, "c.png")):
        one = found[place]
        assert not isinstance(one, Unreadable)
        assert np.array_equal(one.x, decode(tmp_path / name, (6, 6), 3, "stretch"))
    assert len(said) == 2 and "no such picture" in said[0]


def test_a_row_of_numbers_without_header_is_a_row(tmp_path):
    columns = tuple(Column(name=f"column_{k}", type="number") for k in (1, 2))
    data = section(
        "table",
        {},
        kind="features",
        shape=(2,),
        columns=columns,
        layout={**PLAIN, "delimiter": " ", "quoting": "minimal"},
    )
    path = tmp_path / "one.txt"
    path.write_text("3 4 yes\n", encoding="utf-8")
    said: list[str] = []
    (one,) = reader_for(data, None, ReadOptions(), said.append, said.append).read([str(path)])
    assert not isinstance(one, Unreadable) and one.x.tolist() == [3, 4] and not said
