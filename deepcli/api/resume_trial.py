"""The trial of `deepcli verify-resume`: train whole, train with kills, compare, and find out whether kills are to blame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import CheckpointError, RunError, UsageError

if TYPE_CHECKING:
    from deepcli.api.killed_runs import Trainer
    from deepcli.api.loading import Source
    from deepcli.api.resume_report import Kill, ResumeReport
    from deepcli.experiment.schema import Experiment
    from deepcli.run.reporter import Reporter
    from deepcli.system.signals import Signals

LONG = 600.0
"""Seconds from which it is worth saying how to make it shorter."""


@dataclass(frozen=True)
class VerifyRequest:
    """What to kill and resume.

    Attributes:
        spec: The parts of the spec, as `load` takes them.
        overrides: Overrides to apply after those in `spec`.
        kills: How many times to kill the run.
        seed: Seed of the places.
        plugins: Python files or modules to import first.
        data_dir: A folder with data files.
        offline: Whether downloads are forbidden; None: as the environment says.
        started: `time.monotonic()` when the call began.
    """

    spec: tuple[Source, ...]
    overrides: tuple[str, ...] = ()
    kills: int = 3
    seed: int = 0
    plugins: tuple[str, ...] = ()
    data_dir: Path | None = None
    offline: bool | None = None
    started: float = 0.0


def nothing_to_resume() -> str:
    """Say that a run has no checkpoint before its end, and what to do."""
    return (
        "the run writes its first checkpoint at its end, so there is nothing to resume; add "
        "training.checkpoint.every_steps=10, or more epochs"
    )


def try_resuming(
    request: VerifyRequest,
    experiment: Experiment,
    left_out: Sequence[str],
    folder: Path,
    signals: Signals,
    reporter: Reporter,
    tell: Callable[[str], object],
) -> ResumeReport:
    """Train whole and with kills in a folder, and compare; the folder is in the report unless all is equal.

    Raises:
        UsageError: The run writes no checkpoint before its end.
        DeepcliError: It fails without kills.
        Interrupted: A signal requested to stop.
    """
    from deepcli.api.kill_plan import planned_kills
    from deepcli.api.killed_runs import CannotResume, Trainer
    from deepcli.api.resume_report import ResumeReport
    from deepcli.run.bit_comparison import BitComparison, compare_bits
    from deepcli.run.directory import RunDir

    view = _View(reporter, request.kills)
    trainer = Trainer(_message(request, left_out), signals, view.told)
    whole, killed = folder / "whole", folder / "killed"
    view.what = "training without kills"
    places = trainer.whole(whole, measure=True)
    if places.first_saved >= places.total:
        raise UsageError(nothing_to_resume())
    kills: list[Kill] = []

    def note(kill: Kill) -> None:
        kills.append(kill)
        tell(f"kill {len(kills)}: {kill.text}")

    comparison: BitComparison | None = None
    problem, repeatable = None, None
    view.what = "training with kills"
    try:
        trainer.killed(killed, planned_kills(places, request.kills, request.seed), note)
        comparison = compare_bits(RunDir(whole), RunDir(killed))
    except (CannotResume, CheckpointError, RunError) as error:
        problem = str(error)
    if comparison is not None and not comparison.equal:
        repeatable = _repeatable(trainer, folder, view)
    seconds = round(time.monotonic() - request.started, 3)
    report = ResumeReport(experiment.name, request.seed, tuple(kills), comparison, repeatable, problem, folder, seconds)
    return replace(report, folder=None) if report.ok else report


def _repeatable(trainer: Trainer, folder: Path, view: _View) -> bool:
    """Train again without kills; return whether that gives the bits of the first time."""
    from deepcli.run.bit_comparison import compare_bits
    from deepcli.run.directory import RunDir

    view.what = "training without kills again, to see whether that differs, too"
    trainer.whole(folder / "again")
    return compare_bits(RunDir(folder / "whole"), RunDir(folder / "again")).equal


def _message(request: VerifyRequest, left_out: Sequence[str]) -> dict[str, Any]:
    from deepcli.api.worker_serving import request_of

    return request_of(
        request.spec,
        request.plugins,
        request.data_dir,
        request.offline,
        overrides=[*request.overrides, *left_out],
        if_exists="resume",
        command=[],
        threads=None,
    )


class _View:
    """Shows what a process does now, and before the first run how long all will take."""

    def __init__(self, reporter: Reporter, kills: int) -> None:
        self._reporter, self._kills, self._epochs = reporter, kills, 0
        self.what = ""

    def told(self, message: Mapping[str, Any]) -> None:
        """Show a message."""
        if "cost" in message:
            self._reporter.note(duration_line(message["cost"], self._kills))
        self._epochs = message.get("epochs", self._epochs)
        where = f": epoch {message['epoch']} of {self._epochs}" if "epoch" in message and self._epochs else ""
        self._reporter.doing(f"{self.what}{where}")


def duration_line(cost: Mapping[str, float], kills: int) -> str:
    """Say how long one run takes, and all of them: two runs, a start for each kill, and an epoch that is repeated."""
    from deepcli.spec.durations import in_words

    whole = 2 * cost["run"] + kills * (cost["starting"] + 0.5 * cost["epoch"])
    shorter = "; fewer epochs are quicker, such as training.epochs=2" if whole > LONG else ""
    times = "once" if kills == 1 else f"{kills} times"
    return f"one run takes about {in_words(cost['run'])}; with a second one that is killed {times}, {in_words(whole)}{shorter}"
