"""Optuna's plots of a sweep, drawn with Matplotlib."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from matplotlib import pyplot
from matplotlib.figure import Figure
from optuna.trial import TrialState
from optuna.visualization import matplotlib as views

from deepcli.sweeps.directory import PLOTS
from deepcli.system.atomic import replacing

FEWEST = 2
"""Minimum number of completed trials to draw plots."""


def draw(study: optuna.Study, metric: str, folder: Path) -> list[Path]:
    """Plot history, parallel coordinates and slices as PNG files, if there are enough trials; return their paths.

    Raises:
        TrainingError: A file cannot be written.
    """
    drawn = []
    with contextlib.closing(pictures(study, metric)) as figures:
        for name, figure in figures:
            with replacing(path := folder / f"{name}.png") as temporary:
                figure.savefig(temporary, dpi=120, bbox_inches="tight", format="png")
            drawn.append(path)
    return drawn


def pictures(study: optuna.Study, metric: str) -> Generator[tuple[str, Figure]]:
    """Plot history, parallel coordinates and slices, if there are enough trials.

    Yields:
        The name and the figure, which is closed when the next one is asked for.
    """
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < FEWEST:
        return
    makers: tuple[Callable[..., Any], ...] = (
        views.plot_optimization_history,
        views.plot_parallel_coordinate,
        views.plot_slice,
    )
    for name, make in zip(PLOTS, makers, strict=True):
        with _apart(), _drawn(study, metric, make) as figure:
            if figure is not None:
                yield name, figure


@contextlib.contextmanager
def _drawn(study: optuna.Study, metric: str, make: Callable[..., Any]) -> Iterator[Figure | None]:
    """Draw a figure, and close it after the block; None if it cannot be drawn."""
    others = set(pyplot.get_fignums())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure: Figure | None = None
            with contextlib.suppress(ValueError, RuntimeError):
                make(study, target_name=metric)
                figure = pyplot.gcf()
            for axes in figure.axes if figure else ():
                axes.set_xlabel(axes.get_xlabel().replace(".", ".\n"))  # dotted keys are too long for one line
            yield figure
    finally:
        for number in set(pyplot.get_fignums()) - others:
            pyplot.close(number)


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """Draw without a window, and leave the caller's backend, settings and figures as they are.

    Optuna draws with pyplot, whose state belongs to the program or notebook that calls deepcli.
    """
    before = mpl.get_backend(auto_select=False) or mpl.rcParamsOrig["backend"]  # the latter chooses one when needed
    with mpl.rc_context():
        pyplot.switch_backend("agg")
        try:
            yield
        finally:
            pyplot.switch_backend(before)
