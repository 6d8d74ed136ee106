"""Optuna's plots of a sweep, drawn with Matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from optuna.trial import TrialState

from deepcli.system.atomic import replacing

mpl.use("Agg")
from matplotlib import pyplot
from optuna.visualization import matplotlib as views

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
    makers: dict[str, Callable[..., Any]] = {
        "history": views.plot_optimization_history,
        "parallel-coordinates": views.plot_parallel_coordinate,
        "slices": views.plot_slice,
    }
    return [path for name, make in makers.items() if (path := _draw(study, metric, make, folder / f"{name}.png"))]


def _draw(study: optuna.Study, metric: str, make: Callable[..., Any], path: Path) -> Path | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            make(study, target_name=metric)
        except (ValueError, RuntimeError):
            return None
        for axes in pyplot.gcf().axes:
            axes.set_xlabel(axes.get_xlabel().replace(".", ".\n"))  # dotted keys are too long for one line
        try:
            with replacing(path) as temporary:
                pyplot.gcf().savefig(temporary, dpi=120, bbox_inches="tight", format="png")
        finally:
            pyplot.close("all")
    return path
