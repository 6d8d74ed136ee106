"""Reports as HTML pages: of one run, or of every run in a directory with an overview, which may be a sweep."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.loading import plugin_names
from deepcli.api.run_pages import PAGE, told, write_page
from deepcli.api.warned import WarningReporter
from deepcli.errors import RunError, SpecError, UsageError
from deepcli.run.reporter import NullReporter, Reporter

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles
    from deepcli.reports.reported_run import ReportedRun
    from deepcli.reports.runs_overview import ShownSweep


@dataclass(frozen=True)
class ReportRequest:
    """What to report on.

    Attributes:
        path: A run directory, or a directory that contains runs.
        output: The page of the run, or the overview; None: `report.html` in `path`.
        plugins: Python files or modules to import first.
        force: Whether pages of runs that are up to date are written again.
        storage: The URL of a sweep's storage, if its password is not saved.
        reporter: Where progress and notices are shown.
    """

    path: Path
    output: Path | None = None
    plugins: Sequence[str] = ()
    force: bool = False
    storage: str | None = None
    reporter: Reporter = field(default_factory=NullReporter)

    @property
    def page(self) -> Path:
        """The page of the run, or the overview."""
        return self.output or self.path / PAGE


def write_reports(request: ReportRequest) -> Iterator[Path]:
    """Write the report of a run; for a directory of runs, one for each and an overview.

    The pages of runs that have not changed since are left as they are, and a run that cannot be read is on the overview
    with the reason.

    Yields:
        Each page that was written.

    Raises:
        RunError: The directory is not a run and contains none, or a history is damaged.
        SpecError: The spec of a run cannot be read.
        DataError: The predictions of a run are damaged.
        TrainingError: A page cannot be written.
    """
    from deepcli.reports.html import write_report
    from deepcli.run.directory import RunDir
    from deepcli.run.loaded import LoadedRun
    from deepcli.spec.plugins import import_plugins

    import_plugins(request.plugins)
    request.reporter.doing("reading runs")
    try:
        if RunDir(request.path).config.is_file():
            write_report(LoadedRun.read(request.path), request.page)
            request.reporter.end()
            yield request.page
        else:
            yield from _write_all(request)
    finally:
        request.reporter.end()


def _write_all(request: ReportRequest) -> Iterator[Path]:
    """Write the page of each run in a directory, then the overview."""
    from deepcli.reports.runs_overview import write_overview
    from deepcli.run.listing import find
    from deepcli.sweeps.directory import SweepDir

    found = find([request.path])
    is_sweep = SweepDir(request.path).plan.is_file()
    if not found and not is_sweep:
        raise RunError(f"{request.path} is not a run and contains no runs")
    runs: list[ReportedRun] = []
    kept = 0
    for place, listed in enumerate(found, 1):
        request.reporter.doing(f"report {place} of {len(found)}: {listed.path.name}")
        run, written = write_page(listed, request.path, request.page, force=request.force)
        runs.append(run)
        if written:
            request.reporter.end()
            yield listed.path / PAGE
        kept += run.address is not None and not written
        if run.problem is not None:
            request.reporter.note(f"notice: {run.problem}")
    request.reporter.doing("writing the overview")
    write_overview(runs, request.page, sweep=_sweep(request) if is_sweep else None)
    request.reporter.end()
    yield request.page
    if kept:
        request.reporter.note(f"{kept} of {len(found)} reports were up to date; --force writes them again")


def _sweep(request: ReportRequest) -> ShownSweep | None:
    """Return what is shown of a sweep; None with a notice if it cannot be read, as its runs still can."""
    from deepcli.api.sweep_page import read_sweep_section

    try:
        return read_sweep_section(request.path, request.storage)
    except (RunError, SpecError, UsageError) as error:
        request.reporter.note(f"notice: only the runs of the sweep are reported: {told(error)}")
        return None


def report(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    storage: str | None = None,
    plugins: PluginFiles = (),
) -> list[Path]:
    """Write the report of a run, of each run in a folder with an overview, or of a sweep, as `deepcli report` does.

    Args:
        path: A run directory, a folder that contains runs, or a sweep's directory.
        output: The page of the run, or the overview; default: `report.html` in `path`.
        force: Whether pages of runs that are up to date are written again.
        storage: The URL of a sweep's storage, if its password is not saved; default: `DEEPCLI_STORAGE`.
        plugins: Python files or modules that register components. They are imported, which runs their code.

    Returns:
        The pages that were written, the overview last.

    Raises:
        RunError: The path is not a run and contains none, or a run's history is damaged.
        TrainingError: A page cannot be written.
        UsageError: A plugin cannot be imported.
    """
    page = None if output is None else Path(output)
    request = ReportRequest(Path(path), page, plugin_names(plugins), force, storage, WarningReporter())
    return list(write_reports(request))
