"""Plots of a run as files: learning curves, confusion matrix and calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from deepcli.run.loaded import LoadedRun


def read_plottable(path: Path, plugins: Sequence[str] = ()) -> LoadedRun:
    """Read a run that has something to plot.

    Raises:
        RunError: The directory is not a run, or has no epochs yet.
    """
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    return _demand_epochs(LoadedRun.read(path))


def write_plots(run: LoadedRun, folder: Path, format: str, split: str, notify: Callable[[str], None]) -> Iterator[Path]:
    """Write the plots of a run.

    Args:
        run: The run.
        folder: A directory for the files; it is made if it does not exist.
        format: png or svg.
        split: Whose predictions.
        notify: Is called with a line if there is no confusion matrix to plot.

    Yields:
        Each file that was written.

    Raises:
        RunError: The run has no epochs yet, or no predictions of that split, or the directory cannot be written.
    """
    from deepcli.api.evaluating import check_split
    from deepcli.reports import plots

    check_split(split)
    _demand_epochs(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror or error}") from None
    for name, figure in _figures(run, split, notify):
        target = folder / f"{name}.{format}"
        plots.save(figure, target)
        yield target


def _demand_epochs(run: LoadedRun) -> LoadedRun:
    if not run.history:
        raise RunError(f"{run.run.history} has no epochs yet; there is nothing to plot")
    return run


def _figures(run: LoadedRun, split: str, notify: Callable[[str], None]) -> Iterator[tuple[str, Figure]]:
    from deepcli.evaluation.predictions import Predictions
    from deepcli.reports import class_plots, plots

    yield "curves", plots.curves(run)
    predictions = run.predictions(split)
    if not isinstance(predictions, Predictions):
        notify(f"no confusion matrix and no calibration: the run has {predictions.CALLED}")
    elif predictions.misfit is None:
        yield "confusion", class_plots.confusion(predictions)
        if (figure := class_plots.calibration(predictions)) is not None:
            yield "calibration", figure
    else:
        notify(f"confusion matrix and calibration not plotted: {predictions.misfit}")
