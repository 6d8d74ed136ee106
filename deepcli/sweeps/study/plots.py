"""Optuna's plots of a sweep, drawn with Matplotlib."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from matplotlib import pyplot
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
    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(completed) < FEWEST:
        return []
    makers: tuple[Callable[..., Any], ...] = (
        views.plot_optimization_history,
        views.plot_parallel_coordinate,
        views.plot_slice,
    )
    with _apart():
        drawn = [_draw(study, metric, make, folder / f"{name}.png") for name, make in zip(PLOTS, makers, strict=True)]
    return [path for path in drawn if path is not None]


def _draw(study: optuna.Study, metric: str, make: Callable[..., Any], path: Path) -> Path | None:
    others = set(pyplot.get_fignums())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            try:
                make(study, target_name=metric)
            except (ValueError, RuntimeError):
                return None
            for axes in pyplot.gcf().axes:
                axes.set_xlabel(axes.get_xlabel().replace(".", ".\n"))  # dotted keys are too long for one line
            with replacing(path) as temporary:
                pyplot.gcf().savefig(temporary, dpi=120, bbox_inches="tight", format="png")
        finally:
            for number in set(pyplot.get_fignums()) - others:
                pyplot.close(number)
    return path


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
