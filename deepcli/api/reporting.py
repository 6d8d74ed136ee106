"""Reports of runs as HTML pages: of one run, or of every run in a directory with an overview."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from deepcli.errors import RunError

PAGE = "report.html"


def write_reports(path: Path, output: Path | None = None, plugins: Sequence[str] = ()) -> Iterator[Path]:
    """Write the report of a run; for a directory of runs, one for each and an overview.

    Args:
        path: A run directory, or a directory that contains runs.
        output: The page of the run, or the overview; None: `report.html` in `path`.
        plugins: Python files or modules to import first.

    Yields:
        Each page that was written.

    Raises:
        RunError: The directory is not a run and contains none, or a history is damaged.
        TrainingError: A page cannot be written.
    """
    from deepcli.reports.html import write_overview, write_report
    from deepcli.run.directory import RunDir
    from deepcli.run.listing import find
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    page = output or path / PAGE
    if RunDir(path).config.is_file():
        write_report(LoadedRun.read(path), page)
        yield page
        return
    found = [listed.path for listed in find([path]) if listed.status != "damaged"]
    if not found:
        raise RunError(f"{path} is not a run and contains no runs")
    runs = []
    for one in found:
        run = LoadedRun.read(one)
        write_report(run, one / PAGE)
        yield one / PAGE
        runs.append((run, quote(Path(os.path.relpath(one / PAGE, page.parent)).as_posix())))
    write_overview(runs, page)
    yield page
