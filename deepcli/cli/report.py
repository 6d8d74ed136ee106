"""`deepcli report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from deepcli.cli.options import Plugins
from deepcli.errors import RunError

PAGE = "report.html"


def report(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|DIR", help="A run directory, or a directory that contains runs.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The HTML file; default: report.html in RUN or DIR."),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Write a run's report as one self-contained HTML file; for a directory of runs, one per run and an overview."""
    from deepcli.reports.html import write_overview, write_report
    from deepcli.run.directory import RunDir
    from deepcli.run.listing import find
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins or [])
    page = output or path / PAGE
    if RunDir(path).config.is_file():
        write_report(LoadedRun.read(path), page)
        print(page)
        return
    found = [listed.path for listed in find([path]) if listed.status != "damaged"]
    if not found:
        raise RunError(f"{path} is not a run and contains no runs")
    runs = []
    for one in found:
        run = LoadedRun.read(one)
        write_report(run, one / PAGE)
        print(one / PAGE)
        runs.append((run, quote(Path(os.path.relpath(one / PAGE, page.parent)).as_posix())))
    write_overview(runs, page)
    print(page)
