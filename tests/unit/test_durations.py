"""Durations in specs and options."""

import pytest

from deepcli.api.train_request import budget_seconds
from deepcli.errors import UsageError
from deepcli.experiment.load import load
from deepcli.spec.durations import in_words, seconds


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), (7, 7)]
)
def test_a_duration_is_seconds_or_a_string_with_units(spec, text, value):
    assert seconds(text) == value
    assert load([spec()], [f"training.max_time={text}"]).experiment.training.max_time == value
    assert budget_seconds(text) == value


@pytest.mark.parametrize("text", ["10x", "ten", "-5s", "0s", "1h 30"])
def test_what_is_no_duration_is_an_error_that_shows_the_forms(cli, spec, text):
    done = cli("validate", spec(), f"training.max_time={text}")
    assert done.code == 2 and "training.max_time" in done.err
    with pytest.raises(UsageError, match="--budget: should be seconds above 0, or a string like 90s"):
        budget_seconds(text)


def test_a_budget_in_plain_seconds_may_come_from_the_command_line_as_text():
    assert budget_seconds("2.5") == 2.5
    assert budget_seconds(None) is None


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
