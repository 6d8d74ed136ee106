"""Write one page over several runs: what differs between them, their figures, curves, and which have not finished."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from deepcli.reports.comparable_runs import comparable_sets, split_facts
from deepcli.reports.overview_section import section_of
from deepcli.reports.reported_run import ReportedRun, is_unfinished
from deepcli.reports.templating import render
from deepcli.system.atomic import write_text


@dataclass(frozen=True)
class ShownSweep:
    """The sweep whose runs an overview page shows.

    Attributes:
        html: The part of the page about it.
        metric: The metric that it optimizes, without `val_`.
        better: Whether more or less of it is better.
    """

    html: Markup
    metric: str
    better: Literal["max", "min"]


def write_overview(runs: Sequence[ReportedRun], path: Path, *, sweep: ShownSweep | None = None) -> None:
    """Write an overview page.

    Args:
        runs: The runs, those that cannot be read among them.
        path: The file to write.
        sweep: The sweep whose runs they are; its metric ranks them.

    Raises:
        TrainingError: The page cannot be written.
    """
    sets = comparable_sets(runs, (sweep.metric, sweep.better) if sweep else None)
    unfinished = [run for run in runs if is_unfinished(run)]
    script = render("sort.js")  # the one script of the page, which is complete without it
    page = render(
        "overview.html",
        title=path.resolve().parent.name,
        count=len(runs),
        sections=[section_of(one, about) for one, about in zip(sets, split_facts(sets), strict=True)],
        unfinished=len(unfinished),
        shown=[run for run in unfinished if run.problem is not None or not sweep],  # a sweep shows its trials itself
        sweep=sweep.html if sweep else None,
        script=script,
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    write_text(path, page)
