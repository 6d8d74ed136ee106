"""`deepcli plot`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli.options import Plugins, check_split
from deepcli.cli.unused_options import refuse
from deepcli.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from deepcli.run.loaded import LoadedRun


def plot(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A directory for the plots; default: RUN.")
    ] = None,
    format: Annotated[Literal["png", "svg"], typer.Option("--format", help="The file format of the plots.")] = "png",
    split: Annotated[
        str, typer.Option(help="Split for confusion and calibration: test, validation or train.")
    ] = "test",
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Draw the learning curves in the terminal instead.")
    ] = False,
    plugins: Plugins = None,
) -> None:
    """Plot a run: learning curves, confusion matrix and calibration."""
    if terminal:
        refuse(context, "with --terminal, which draws only the learning curves", "--output", "--format", "--split")
    check_split(split)
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins or [])
    run = LoadedRun.read(path)
    if not run.history:
        raise RunError(f"{run.run.history} has no epochs yet; there is nothing to plot")
    if terminal:
        from deepcli.cli import charts

        charts.show(run)
        return
    from deepcli.reports import plots

    folder = output or path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror or error}") from None
    for name, figure in _figures(run, split):
        target = folder / f"{name}.{format}"
        plots.save(figure, target)
        print(target)


def _figures(run: LoadedRun, split: str) -> Iterator[tuple[str, Figure]]:
    from deepcli.reports import plots

    yield "curves", plots.curves(run)
    predictions = run.predictions(split)
    if predictions.misfit is None:
        yield "confusion", plots.confusion(predictions)
        if (figure := plots.calibration(predictions)) is not None:
            yield "calibration", figure
    else:
        print(f"notice: confusion matrix and calibration not plotted: {predictions.misfit}", file=sys.stderr)
