"""The page of each run below a folder: written where it is not up to date, with what the overview shows of the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from deepcli.errors import DataError, DeepcliError, RunError, SpecError

if TYPE_CHECKING:
    from deepcli.reports.reported_run import ReportedRun
    from deepcli.run.listing import ListedRun
    from deepcli.run.loaded import LoadedRun

PAGE = "report.html"


def write_page(listed: ListedRun, folder: Path, overview: Path, *, force: bool) -> tuple[ReportedRun, bool]:
    """Write the page of a run unless it is up to date; return the run, and whether its page was written.

    Args:
        listed: The run.
        folder: The folder whose overview shows it.
        overview: The file of the overview.
        force: Whether a page that is up to date is written again.

    Raises:
        TrainingError: The page cannot be written.
    """
    from deepcli.reports.html import write_report
    from deepcli.reports.page_stamp import has_stamp, put_stamp, stamp_of
    from deepcli.reports.reported_run import ReportedRun
    from deepcli.run.loaded import LoadedRun
    from deepcli.run.run_state import state_of

    page = listed.path / PAGE
    name = _name(listed.path, folder)
    address = quote(Path(os.path.relpath(page, overview.parent)).as_posix())
    run: LoadedRun | None = None
    try:
        run = LoadedRun.read(listed.path)
        _ = run.history  # an error if it is damaged
        lost = f"{run.run.metrics} cannot be read, so how the run ended is not known"
        problem = lost if listed.status == "damaged" else None
        state = state_of(run)
        stamp = stamp_of(run.run)
        if stamp is not None and not force and has_stamp(page, stamp):
            return ReportedRun(name, listed, run, address, problem, state), False
        write_report(run, page)
        if stamp is not None:
            put_stamp(page, stamp)
        return ReportedRun(name, listed, run, address, problem, state), True
    except (RunError, SpecError, DataError) as error:
        readable = run if isinstance(error, DataError) else None  # its predictions are damaged, not its figures
        return ReportedRun(name, listed, readable, problem=told(error)), False


def _name(run: Path, folder: Path) -> str:
    """Return what the overview of a folder calls a run; a trial of its sweep by its number."""
    from deepcli.sweeps.directory import SweepDir

    trials = SweepDir(folder).trials
    return Path(os.path.relpath(run, trials if run.is_relative_to(trials) else folder)).as_posix()


def told(error: DeepcliError) -> str:
    """Return an error in one line."""
    return " ".join(str(error).splitlines())
