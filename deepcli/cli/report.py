"""`deepcli report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.options import Plugins, run_named


def report(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|DIR",
            help="A run directory, or a directory that contains runs.",
            show_default=False,
            callback=run_named,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The HTML file; default: report.html in RUN or DIR."),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Write a run's report as one self-contained HTML file; for a directory of runs, one per run and an overview.

    Example:
    deepcli report runs/first
    """
    from deepcli.api.reporting import write_reports

    for page in write_reports(path, output, plugins or ()):
        print(page)
