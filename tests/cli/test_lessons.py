"""Lessons: small specs that are part of the package, listed and copied."""

import tomllib
from pathlib import Path

import pytest

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
        f"copied {len(find_lessons())} specs to some/lessons; next: deepcli train {first}\n",
    )
    assert cli("validate", *sorted(Path("some/lessons").iterdir())).code == 0


def test_a_group_or_a_lesson_is_copied(cli):
    assert cli("lessons", "schedule", "optimizer-adam.yaml", "--copy", "mine").code == 0
    assert sorted(path.stem for path in Path("mine").iterdir()) == [
        "optimizer-adam", "schedule-constant", "schedule-cosine", "schedule-exponential", "schedule-step",
    ]  # fmt: skip


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
        (["shedule"], "unknown lesson 'shedule'; did you mean 'schedule'? known groups: activation, clipping"),
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
