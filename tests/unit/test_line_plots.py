"""Learning curves: whole epochs, a logarithmic axis where it helps, gaps for what is not finite."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from deepcli.reports.line_plots import draw_lines, epoch_ticks
from deepcli.reports.plots import curve, curves
from tests.made_runs import epochs, made_run


def drawn(title="loss", **lines):
    axes = Figure(layout="constrained").subplots()
    draw_lines(axes, {name: (range(1, len(values) + 1), values) for name, values in lines.items()}, title)
    axes.figure.draw_without_rendering()
    return axes


def ticks(axes):
    low, high = axes.get_xlim()
    return [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (1, 3, [1, 2, 3]),
        (1, 30, [1, 5, 10, 15, 20, 25, 30]),
        (1, 200, [1, 50, 100, 150, 200]),
        (5, 30, [5, 10, 15, 20, 25, 30]),
    ],
)
def test_epochs_are_named_from_the_first_in_round_steps(first, last, wanted):
    assert epoch_ticks(first, last) == wanted


def test_only_whole_epochs_are_named_and_only_those_that_exist():
    for count in [*range(1, 60), 99, 100, 101, 1000, 12345, 10**9]:
        named = epoch_ticks(1, count)
        assert named[0] == 1 and named[-1] <= count and named == sorted(set(named)) and len(named) <= 10, count


@pytest.mark.parametrize("count", [1, 2, 3, 9, 200])
def test_the_axis_shows_these_epochs_and_no_others(count):
    assert ticks(drawn(a=list(np.linspace(2, 1, count)))) == [str(epoch) for epoch in epoch_ticks(1, count)]


def test_one_epoch_is_a_point_in_the_middle():
    axes = drawn(training=[2.0], validation=[1.0])
    low, high = axes.get_xlim()
    assert ticks(axes) == ["1"] and low < 1 < high and high - low < 1
    assert [line.get_marker() for line in axes.lines if len(line.get_xdata())][:2] == [".", "."]


@pytest.mark.parametrize(
    ("title", "values", "scale"),
    [
        ("loss", [50.0, 1.0], "log"),
        ("val_loss", [50.0, 1.0], "log"),
        ("loss", [49.0, 1.0], "linear"),
        ("loss", [50.0, 1.0, 0.0], "linear"),
        ("loss", [50.0, 1.0, -1.0], "linear"),
        ("loss", [50.0, math.nan, 1.0], "log"),
        ("learning_rate", [1e-3, 1e-6], "log"),
        ("mean_absolute_error", [1e4, 1.0], "log"),
        ("accuracy", [0.01, 0.99], "linear"),
        ("a_plugins_own", [0.001, 99], "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_small_values_would_be_flat(title, values, scale):
    axes = drawn(title, a=values)
    assert axes.get_yscale() == scale
    assert axes.get_ylabel() == ("log scale" if scale == "log" else "")
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert scale == "linear" or (len([text for text in shown if text]) >= 2 and not any("$" in text for text in shown))


def test_values_that_are_not_finite_leave_a_gap_with_a_cross_below():
    axes = drawn(a=[4.0, math.nan, 3.0, math.inf, 2.0, 1.0])
    line, alone, crosses = axes.lines
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False, True, False, False]
    assert alone.get_xdata().tolist() == [1, 3]
    assert crosses.get_xdata().tolist() == [2, 4] and crosses.get_marker() == "x"
    assert axes.get_legend_handles_labels()[1] == ["a", "not a finite number"]
    nothing = drawn(a=[math.nan, math.inf])
    assert nothing.get_yticks().tolist() == [] and ticks(nothing) == ["1", "2"]


def test_names_are_drawn_as_they_are():
    axes = drawn("$x$ {", **{"_first": [1.0], "$y$": [2.0]})
    assert axes.get_title() == r"\$x\$ {"
    assert len(axes.get_legend_handles_labels()[1]) == 2


def test_a_run_names_training_and_validation_before_it_has_a_best_epoch():
    nan = math.nan
    run = made_run("a", rows=epochs(loss=[2, 1], val_loss=[nan, nan], accuracy=[0, 1], val_accuracy=[0, 1]))
    legend = curve(run, "accuracy").axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]


def test_an_unfinished_run_marks_its_best_epoch_so_far():
    run = made_run("a", rows=epochs(loss=[3, 2, 1], val_loss=[3.0, 1.0, 2.0], learning_rate=[1, 1, 1]))
    assert run.best_epoch == 2
    loss, rate = curves(run).axes
    assert loss.lines[-1].get_xdata() == [2, 2] and loss.get_legend_handles_labels()[1][-1] == "best epoch 2"
    assert rate.get_legend() is None
