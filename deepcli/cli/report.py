"""`deepcli report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.options import Plugins, Storage, reporter, run_named


def report(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|DIR",
            help="A run directory, a directory that contains runs, or a sweep.",
            show_default=False,
            callback=run_named,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The HTML file; default: report.html in RUN or DIR."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the pages of all runs again, also those that are up to date.")
    ] = False,
    storage: Storage = None,
    plugins: Plugins = None,
) -> None:
    """Write a run's report as one self-contained HTML file; for a directory of runs or a sweep, one per run and an overview.

    Example:
    deepcli report runs/first
    """
    from deepcli.api.reporting import ReportRequest, write_reports

    request = ReportRequest(path, output, plugins or (), force, storage, reporter(quiet=False))
    for page in write_reports(request):
        print(page)
