"""`deepcli plot`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepcli.cli.options import Plugins, run_named
from deepcli.cli.unused_options import refuse


def plot(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False, callback=run_named)
    ],
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
    """Plot a run: learning curves, confusion matrix and calibration.

    Example:
    deepcli plot runs/first --terminal
    """
    if terminal:
        refuse(context, "with --terminal, which draws only the learning curves", "--output", "--format", "--split")
    from deepcli.api.evaluating import check_split
    from deepcli.api.plotting import read_plottable, write_plots

    check_split(split)
    run = read_plottable(path, plugins or ())
    if terminal:
        from deepcli.cli import charts

        charts.show(run)
        return
    for target in write_plots(run, output or path, format, split, _notify):
        print(target)


def _notify(notice: str) -> None:
    print(f"notice: {notice}", file=sys.stderr)
