"""Durations in specs and options."""

from pathlib import Path

import pytest

from deepcli.errors import UsageError
from deepcli.experiment.load import load
from deepcli.spec.durations import in_words, option_seconds, seconds


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), (7, 7)]
)
def test_a_duration_is_seconds_or_a_string_with_units(spec, text, value):
    assert seconds(text) == value
    assert load([spec()], [f"training.max_time={text}"]).experiment.training.max_time == value
    assert option_seconds("--budget", text) == value


@pytest.mark.parametrize("text", ["10x", "ten", "-5s", "0s", "1h 30"])
def test_what_is_no_duration_is_an_error_that_shows_the_forms(cli, spec, text):
    done = cli("validate", spec(), f"training.max_time={text}")
    assert done.code == 2 and "training.max_time" in done.err
    for option in ("--budget", "--since"):
        with pytest.raises(UsageError, match=f"{option}: should be seconds above 0, or a string like 90s"):
            option_seconds(option, text)
    done = cli("sweep", "run", spec(), "seed=1,2", "--max-time", text, "--dry-run")
    assert done.code == 2 and "--max-time: sweep.max_time: should be " in done.err


@pytest.mark.parametrize(("text", "value"), [("2.5", 2.5), ("90", 90), (".5", 0.5), ("1m 30s", 90)])
def test_every_option_and_field_reads_plain_seconds_and_spaces_alike(cli, spec, text, value):
    assert option_seconds("--since", text) == option_seconds("--budget", text) == value
    assert load([spec()], [f"training.max_time='{text}'"]).experiment.training.max_time == value
    assert option_seconds("--budget", None) is None
    Path("runs").mkdir()
    assert cli("runs", "--since", text).code == 0
    assert cli("sweep", "run", spec(), "seed=1,2", "--max-time", text, "--dry-run").code == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0016, "0.0016s"),
        (0.16, "0.16s"),
        (9, "9s"),
        (12.3, "12s"),
        (60, "1m"),
        (90, "1m30s"),
        (5400, "1h30m"),
        (90000, "1d1h"),
    ],
)
def test_durations_are_written_as_they_are_read(value, words):
    assert in_words(value) == words
    assert seconds(words) == pytest.approx(value, rel=0.03)
