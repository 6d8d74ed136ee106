"""Lines that fit a terminal: whole fields, the most important ones."""

import itertools
import re

import pytest

from deepcli.api.bar_line import live_line, time_left
from deepcli.api.line_fields import Field, cells, cut, epoch_fields, figure, fit
from deepcli.api.progress import TerminalReporter, epoch_line, wrapped
from deepcli.run.reporter import Course, Progress

CLASSES = {
    "epoch": 13, "loss": 0.0615, "accuracy": 0.9737, "val_loss": 0.0054, "val_accuracy": 1.0, "learning_rate": 1.85e-3,
    "seconds": 0.04,
}  # fmt: skip
NUMBERS = {
    "epoch": 3, "loss": 1234.5, "mean_absolute_error": 20.25, "root_mean_squared_error": 35.1, "val_loss": 1250.0,
    "val_mean_absolute_error": 21.5, "val_root_mean_squared_error": 35.4, "learning_rate": 1e-3, "seconds": 1.25,
}  # fmt: skip


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            120,
            "epoch 13/60  loss 0.0615  accuracy 0.9737  val_loss 0.0054  val_accuracy 1.0000  lr 1.85e-03  0.0s  best",
        ),
        (
            104,
            "epoch 13/60  loss 0.0615  accuracy 0.9737  val_loss 0.0054  val_accuracy 1.0000  lr 1.85e-03  0.0s  best",
        ),
        (103, "epoch 13/60  loss 0.0615  accuracy 0.9737  val_loss 0.0054  val_accuracy 1.0000  lr 1.85e-03  best"),
        (80, "epoch 13/60  loss 0.0615  val_loss 0.0054  val_accuracy 1.0000  best"),
        (60, "epoch 13/60  loss 0.0615  val_loss 0.0054  best"),
        (40, "epoch 13/60  val_loss 0.0054  best"),
        (20, "epoch 13/60  best"),
        (12, "epoch 13/60"),
    ],
)
def test_what_matters_less_is_left_out_first(width, line):
    assert fit(epoch_fields(CLASSES, 60, "val_loss", best=True), width) == line


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            120,
            "epoch  3/60  loss 1234.50  mae 20.2500  rmse 35.1000  val_loss 1250.00  val_mae 21.5000  val_rmse 35.4000",
        ),
        (80, "epoch  3/60  loss 1234.50  val_loss 1250.00  val_mae 21.5000"),
        (60, "epoch  3/60  loss 1234.50  val_rmse 35.4000"),
    ],
)
def test_long_names_of_metrics_are_shortened_where_they_do_not_fit(width, line):
    monitor = "val_root_mean_squared_error" if width == 60 else "val_loss"
    shown = fit(epoch_fields(NUMBERS, 60, monitor, best=False), width)
    assert shown.startswith(line) and len(shown) <= width


def test_the_metric_that_decides_stays_longer_than_the_loss():
    shown = fit(epoch_fields(CLASSES, 60, "val_accuracy", best=True), 40)
    assert shown == "epoch 13/60  val_accuracy 1.0000  best"


def test_the_best_mark_does_not_change_which_fields_are_shown():
    for width in range(20, 120):
        best, other = (fit(epoch_fields(CLASSES, 60, "val_loss", best), width) for best in (True, False))
        assert best == f"{other}  best"


@pytest.mark.parametrize("row", [CLASSES, NUMBERS, {**CLASSES, "a_metric_of_a_plugin_with_a_name_" * 3: 1.0}])
@pytest.mark.parametrize("best", [True, False])
def test_no_line_is_wider_than_the_terminal_or_has_a_part_of_a_word(row, best):
    fields = epoch_fields(row, 60, "val_loss", best)
    words = {word for field in fields for word in f"{field.text} {field.short}".split()}
    for width in range(1, 200):
        line = fit(fields, width)
        assert len(line) <= width
        assert set(line.split()) <= words


def test_a_pipe_gets_everything_as_before():
    assert epoch_line(CLASSES, 60, True) == (
        "epoch 13/60  loss 0.0615  accuracy 0.9737  val_loss 0.0054  val_accuracy 1.0000  lr 1.85e-03  0.0s  best"
    )


def test_fields_of_equal_rank_go_from_the_right():
    fields = [Field("one"), Field("two", 1), Field("three", 1), Field("four", 2)]
    assert [fit(fields, width) for width in (21, 20, 14, 9, 3)] == ["one  two  three  four", "one  two  three", "one  two", "one  two", "one"]  # fmt: skip


def test_wide_characters_take_two_columns():
    assert cells("精度 1") == 6 and cells("e\u0301") == 1
    assert cut("精度 1.0", 5) == "精度"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0000"), (0.0005, "0.0005"), (0.00002, "2.000e-05"), (-0.5, "-0.5000"), (999.9, "999.9000"),
        (1234.5678, "1234.57"), (123456.78, "123456.8"), (1.5e9, "1.500e+09"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_a_small_number_is_not_shown_as_zero_and_a_large_one_not_with_digits_of_noise(value, shown):
    assert figure(value) == shown


PROGRESS = Progress(4, 123, {"loss": 0.25, "accuracy": 0.9, "learning_rate": 1e-3}, 12345.6, 83.2)


@pytest.mark.parametrize("width", range(30, 200))
def test_the_live_line_fits_and_has_epoch_bar_and_time_left(width):
    line = live_line(Course(30, 162), PROGRESS, width)
    assert len(line) <= width
    assert line.startswith("epoch 4/30  ") and line.endswith("ETA 01:23")
    if width >= 35:
        assert re.search("━+─+", line)


def test_the_live_line_drops_the_rest_in_a_fixed_order():
    seen = [live_line(Course(30, 162), PROGRESS, width, unicode=False) for width in range(140, 30, -1)]
    kept = [tuple(name for name in ("162", "loss", "accuracy", "lr", "samples/s") if name in line) for line in seen]
    assert [names for names, _ in itertools.groupby(kept)] == [
        ("162", "loss", "accuracy", "lr", "samples/s"), ("162", "loss", "accuracy", "lr"), ("162", "loss", "accuracy"),
        ("162", "loss"), ("162",), (),
    ]  # fmt: skip


def test_before_the_first_step_the_live_line_says_what_takes_so_long_and_where_a_resumed_run_is():
    line = live_line(Course(30, 100, epoch=4, step=50), None, 80, unicode=False)
    assert re.fullmatch(r"epoch 4/30  (#+)(-+)  50/100  first step: compiling", line)
    assert line.count("#") == (line.count("#") + line.count("-")) // 2


def test_the_time_left_is_written_as_a_clock():
    assert [time_left(seconds) for seconds in (None, 0, 59.6, 3599, 90061)] == [
        "ETA --:--", "ETA 00:00", "ETA 01:00", "ETA 59:59", "ETA 25:01:01",
    ]  # fmt: skip


def test_notes_are_wrapped_between_words():
    text = "device: cpu (TensorFlow found no GPU), 2 threads; a/very/long/path/that/is/longer/than/the/line"
    assert wrapped(text, 40) == [
        "device: cpu (TensorFlow found no GPU), 2", "  threads;", "  a/very/long/path/that/is/longer/than/the/line",
    ]  # fmt: skip


def test_a_bar_that_does_not_move_has_a_spinner_and_still_fits(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("deepcli.api.progress.time.monotonic", lambda: now[0])
    reporter = TerminalReporter()
    reporter.begin(Course(30, 162))
    first = [reporter._draw(60) for now[0] in (100.0, 100.15)]
    assert first[0] != first[1] and first[0][2:] == first[1][2:] and len(first[0]) == 60
    reporter.progress(PROGRESS)
    assert reporter._draw(60).startswith("epoch 4/30")
    now[0] += 1.5
    assert reporter._draw(60)[2:].startswith("epoch 4/30") and len(reporter._draw(60)) == 60
    reporter.epoch({**CLASSES, "epoch": 4}, best=False)
    assert "epoch 5/30" in reporter._draw(60) and "  0/162" in reporter._draw(60)
