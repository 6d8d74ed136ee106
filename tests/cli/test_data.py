"""`deepcli data` on the command line: lines for people, one object for scripts, and exit codes."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.test_data_checks import noise, photos, table


def test_it_prints_lines_of_eighty_columns(cli):
    table("houses.csv", *noise())
    done = cli("data", "houses.csv", "data.target=label")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "data      houses.csv (table): 400 rows of 3 columns"
    assert "problems: none found" in lines
    assert max(map(len, lines)) <= 80 and "\x1b" not in done.out


def test_the_object_has_what_the_lines_have(cli):
    header, rows = noise()
    table("houses.csv", header, rows + rows[:10])
    told = json.loads(cli("data", "houses.csv", "data.target=label", "--json").out)
    assert (told["command"], told["status"], told["error"], told["type"]) == ("data", "completed", None, "table")
    assert sum(told["counts"].values()) == 410
    (equal,) = told["problems"]
    assert (equal["code"], equal["severity"], len(equal["places"])) == ("equal", "note", 10)
    assert [column["part"] for column in told["columns"]] == ["input", "input", "input", "target"]


def test_strict_fails_on_warnings_and_not_on_notes(cli):
    header, rows = noise()
    table("notes.csv", header, rows + rows[:10])
    assert cli("data", "notes.csv", "data.target=label", "--strict").code == 0
    table("leaks.csv", [*header, "leak"], [[*row, row[3]] for row in rows])
    assert cli("data", "leaks.csv", "data.target=label", "data.input=[a, leak]").code == 0
    done = cli("data", "leaks.csv", "data.target=label", "data.input=[a, leak]", "--strict", "--json")
    told = json.loads(done.out)
    assert done.code == 1 and told["status"] == "failed" and told["error"] == "1 error or warning (--strict)"
    assert told["problems"][0]["code"] == "gives-target-away"


def test_pictures_of_each_class_are_drawn(cli):
    photos("my photos", ("cat", "dog", "\u0416uk"))
    done = cli("data", "my photos", "--samples", "sheet.png")
    assert done.code == 0 and "wrote sheet.png" in done.out
    with Image.open("sheet.png") as sheet:
        pixels = np.asarray(sheet)
    # Three rows of eight pictures, enlarged from 40 to 80 pixels, right of the names.
    assert pixels.shape == (4 + 3 * 84, 140 + 8 * 84, 3)
    with Image.open("my photos/cat/0.png") as first:
        assert (pixels[4:84:2, 140:220:2] == np.asarray(first)).all()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["houses.csv", "data.target=label", "--samples", "x.png"], "needs pictures"),
        (["digits", "--samples", "x.jpg"], "should end in .png"),
        (["digits", "--samples", "no folder/x.png"], "does not exist"),
        (["houses.csv"], "name one with data.target=NAME"),
        (["empty"], "has no pictures"),
        (["broken.yaml"], "broken.yaml"),
    ],
)
def test_what_cannot_be_looked_at_is_an_error_of_the_command_line(cli, words, says):
    table("houses.csv", *noise(30))
    Path("empty").mkdir()
    Path("broken.yaml").write_text("data: [")
    done = cli("data", *words)
    assert done.code == 2 and done.out == "" and says in done.err
    assert not Path("x.png").exists()


def test_odd_names_are_escaped(cli):
    photos("my photos", ("new\nline", "smile \U0001f600"))
    done = cli("data", "my photos")
    assert done.code == 0 and "new\\nline" in done.out and "smile \U0001f600" in done.out
    told = json.loads(cli("data", "my photos", "--json").out)
    assert [one["name"] for one in told["classes"]] == ["new\nline", "smile \U0001f600"]


def test_nothing_is_written_into_the_data(cli):
    photos("photos")
    before = {path: path.stat().st_mtime_ns for path in [Path("photos"), *Path("photos").rglob("*")]}
    assert cli("data", "photos").code == 0
    assert {path: path.stat().st_mtime_ns for path in [Path("photos"), *Path("photos").rglob("*")]} == before
    assert [path.name for path in Path().iterdir()] == ["photos"]


def test_a_spec_with_overrides_and_several_files_of_a_table(cli):
    draw = random.Random(0)
    for split, count in (("train", 60), ("test", 20)):
        rows = [[f"word{draw.randint(0, 9)} thing{n} here", "ab"[n % 2]] for n in range(count)]
        table(f"mail_{split}.csv", ["text", "label"], rows)
    told = json.loads(
        cli("data", "mail_train.csv", "mail_test.csv", "data.split.validation=0", "data.target=label", "--json").out
    )
    assert told["counts"] == {"train": 60, "test": 20} and told["division"] == "given by files or folders"
    Path("s.yaml").write_text("data: digits\nmodel: mlp\n")
    assert json.loads(cli("data", "s.yaml", "data.validation_split=0", "--json").out)["counts"] == {
        "train": 1437,
        "test": 360,
    }
