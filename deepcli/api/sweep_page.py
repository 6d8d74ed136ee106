"""The part of an overview page that is about a sweep."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.sweep import storage_url
from deepcli.api.sweep_outcome import outcome_of

if TYPE_CHECKING:
    from markupsafe import Markup

    from deepcli.reports.runs_overview import ShownSweep


def read_sweep_section(path: Path, storage: str | None) -> ShownSweep:
    """Read a sweep, and return what the overview of its runs shows of it.

    Raises:
        RunError: The sweep's files are damaged, or its storage cannot be reached.
        UsageError: The storage is not the sweep's own, or needs its password.
        SpecError: The plan is from a newer version, or needs a plugin that is not given.
    """
    from deepcli.reports.runs_overview import ShownSweep
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import open_study
    from deepcli.sweeps.study.page_section import page_section

    with contextlib.closing(open_study(SweepDir.open(path), storage_url(storage))) as study:
        found = outcome_of(study, "sweep status", study.done, 0.0)
        html: Markup = page_section(study, found.outcome, found.rows)
        metric = study.plan.metric
        return ShownSweep(html, metric.name.removeprefix("val_"), "max" if metric.goal == "maximize" else "min")
