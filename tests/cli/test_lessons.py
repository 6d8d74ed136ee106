"""Lessons: small specs that are part of the package, listed and copied."""

import datetime
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from deepcli.api import lesson_data
from deepcli.api.teaching import find_lessons


def test_lessons_are_listed_by_group_with_what_they_reached(cli):
    lines = cli("lessons").out.splitlines()
    assert "How the learning-rate schedule changes the result" in lines
    assert "  schedule-step             96.4 ± 0.5 %" in lines
    assert sum(line.startswith("  ") for line in lines) == len(find_lessons()) > 15
    assert max(map(len, lines)) <= 80


def test_a_lesson_is_printed(cli):
    assert cli("lessons", "schedule-step").out == find_lessons(["schedule-step"])[0].text


def test_lessons_are_copied_and_are_valid(cli):
    done = cli("lessons", "--copy", "some/lessons")
    first = "some/lessons/activation-linear.yaml"
    assert (done.code, done.out) == (
        0,
        f"copied {len(find_lessons())} specs and their data (3 files) to some/lessons; next: deepcli train {first}\n",
    )
    assert cli("validate", *sorted(Path("some/lessons").glob("*.yaml"))).code == 0


def test_a_group_or_a_lesson_is_copied(cli):
    assert cli("lessons", "schedule", "optimizer-adam.yaml", "--copy", "mine").code == 0
    assert sorted(path.stem for path in Path("mine").iterdir()) == [
        "optimizer-adam", "schedule-constant", "schedule-cosine", "schedule-exponential", "schedule-step",
    ]  # fmt: skip


def test_a_copy_has_the_data_of_its_lessons_and_reads_them_there(cli):
    done = cli("lessons", "season", "--copy", "my lessons")
    assert done.out.endswith("next: deepcli train 'my lessons/season-12.yaml'\n")
    assert {path.name for path in Path("my lessons").iterdir()} == {
        "season-3.yaml", "season-12.yaml", "season-24.yaml", "months.csv",
    }  # fmt: skip
    assert 'path: "my lessons/months.csv"' in Path("my lessons/season-3.yaml").read_text()
    assert cli("validate", "my lessons/season-3.yaml").code == 0
    changed = Path("my lessons/months.csv")
    changed.write_text("month,sold\n")
    assert "my lessons/months.csv: exists and differs" in cli("lessons", "season", "--copy", "my lessons").err
    assert cli("lessons", "season", "--copy", "my lessons", "--overwrite").code == 0
    assert len(changed.read_text().splitlines()) == 361


def test_the_data_of_lessons_are_right_and_the_same_everywhere():
    lines = lesson_data.sums().splitlines()
    words = {lesson_data.in_words(number): number for number in range(100)}
    assert len(words) == 100
    assert {"forty-two", "nineteen", "sixty"} <= set(words)
    for line in lines:
        first, second, total = (words[one] for one in re.fullmatch(r"(\S+) plus (\S+) is (\S+)\.", line).groups())
        assert first + second == total
    pairs = [line.split("\t") for line in lesson_data.dates().splitlines()[1:]]
    assert len(pairs) == 2000
    assert ["June 25, 1958", "1958-06-25"] in pairs
    for written, iso in pairs:
        form = "%d.%m.%Y" if written[0].isdigit() else "%A, %d %B %Y" if "day," in written else "%B %d, %Y"
        assert datetime.datetime.strptime(written, form).date().isoformat() == iso
    digests = {name: hashlib.sha256(make().encode()).hexdigest()[:8] for name, make in lesson_data.FILES.items()}
    assert digests == {"sums.txt": "aa6a0070", "dates.tsv": "554e3268", "months.csv": "2ff91bf5"}


def test_a_copy_replaces_nothing_that_differs_unless_it_is_told_to(cli):
    assert cli("lessons", "schedule", "--copy", "mine").code == 0
    assert cli("lessons", "schedule", "--copy", "mine").code == 0
    own, other = Path("mine/schedule-step.yaml"), Path("mine/schedule-cosine.yaml")
    own.write_text("my own\n")
    other.unlink()
    done = cli("lessons", "schedule", "--copy", "mine")
    assert (done.code, done.out) == (2, "")
    assert "mine/schedule-step.yaml: exists and differs; nothing was copied; --overwrite" in done.err
    assert (own.read_text(), other.exists()) == ("my own\n", False)
    assert cli("lessons", "schedule", "--copy", "mine", "--overwrite").code == 0
    assert own.read_text() == find_lessons(["schedule-step"])[0].text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shedule"], "unknown lesson 'shedule'; did you mean 'schedule'? known groups: activation, attention"),
        (["--copy", "file/x"], "file/x cannot be written: "),
        (["--overwrite"], "--overwrite: has no effect without --copy"),
    ],
)
def test_what_cannot_be_copied_is_an_error(cli, words, message):
    Path("file").touch()
    done = cli("lessons", *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_lessons_are_packed_with_the_package():
    root = Path(__file__).parent.parent.parent
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["deepcli"]
    packed = {path for pattern in patterns for path in (root / "deepcli").glob(pattern)}
    assert {path.stem for path in packed if path.suffix == ".yaml"} == {one.name for one in find_lessons()}
