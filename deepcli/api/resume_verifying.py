"""`deepcli.verify_resume`: whether a run that is killed and resumed is the same to the bit on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.training import read_data
from deepcli.errors import CheckpointError, RunError, UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.killed_runs import Trainer
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.api.resume_report import Kill, ResumeReport
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment
    from deepcli.run.reporter import Reporter

MOST_KILLS = 100
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


def verify_resume(
    *spec: Source,
    kills: int = 3,
    seed: int = 0,
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> ResumeReport:
    """Train a spec whole, and again with kills at random places, each resumed; compare both to the bit.

    This is `deepcli verify-resume`. The processes are killed as the operating system does it (SIGKILL): after a step, in
    validation, or while a checkpoint is written.

    Args:
        spec: A file, a dict, or a spec that was loaded; and overrides such as `training.epochs=2`.
        kills: How many times to kill the run.
        seed: Seed of the places.
        progress: Whether to show notices and progress.
        plugins: Python files or modules that register components. They are imported, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Returns:
        The kills and the verdict; `ok` is whether the bits are the same.

    Raises:
        SpecError: The spec is not valid.
        UsageError: An argument is wrong, or the run writes no checkpoint before its end.
        DataError: The data cannot be read.
        TrainingError: The run fails without kills.
        Interrupted: An interrupt or SIGTERM stopped it; nothing is kept.
    """
    folder = None if data_dir is None else Path(data_dir)
    request = VerifyRequest(spec, (), kills, seed, plugin_names(plugins), folder, offline, time.monotonic())
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    with reaching(reach_of(offline, progress)):
        return run_verification(request, at, make_reporter(quiet=not progress))


def run_verification(
    request: VerifyRequest,
    at: Callable[[], Sources],
    reporter: Reporter,
    tell: Callable[[str], object] = lambda line: None,
) -> ResumeReport:
    """Check the spec, train it whole, kill and resume it, and compare; see `verify_resume`.

    Args:
        request: What to kill and resume.
        at: Returns where data are looked for.
        reporter: Shows notices and progress.
        tell: Called with a line for each kill, as soon as it is known.
    """
    if not 1 <= request.kills <= MOST_KILLS:
        raise UsageError(f"--kills: should be from 1 to {MOST_KILLS}, not {request.kills}")
    from deepcli.api.killed_runs import TEMPORARY

    signals = Signals(kill=False)
    reporter.doing("reading the spec")
    loaded = load_parts(request.spec, request.overrides, request.plugins)
    left_out = _left_out(loaded.experiment)
    _demand_checkpoints(loaded.experiment)
    for notice in [*loaded.notices, *left_out.values()]:
        reporter.note(f"notice: {notice}")
    read_data(loaded.experiment, at(), reporter)
    folder = Path(tempfile.mkdtemp(prefix="deepcli-verify-resume-"))
    kept = False
    try:
        with signals.deferred(lambda line: None, reporter.end):
            report = _verified(request, loaded.experiment, list(left_out), folder, signals, reporter, tell)
        kept = report.folder is not None
        return report
    finally:
        reporter.end()
        shutil.rmtree(folder / TEMPORARY if kept else folder, ignore_errors=True)


def _left_out(experiment: Experiment) -> dict[str, str]:
    """Return the overrides for what has no place in such a test, each with a notice."""
    found = {}
    if experiment.training.max_time is not None:
        found["training.max_time=null"] = (
            "training.max_time is left out: the clock decides where such a run ends, so that its bits are not defined"
        )
    if experiment.training.trackers:
        found["training.trackers=[]"] = "the trackers of the spec are left out, as this is not another experiment"
    return found


def _demand_checkpoints(experiment: Experiment) -> None:
    """Check that the run can write a checkpoint before its end.

    Raises:
        UsageError: It cannot.
    """
    training, every = experiment.training, experiment.training.checkpoint
    inside = every.every_steps is not None or every.every_minutes is not None
    epochs = every.every_epochs is not None and every.every_epochs < training.epochs
    if not inside and not epochs:
        raise UsageError(_nothing_to_resume())


def _nothing_to_resume() -> str:
    return (
        "the run writes its first checkpoint at its end, so there is nothing to resume; add "
        "training.checkpoint.every_steps=10, or more epochs"
    )


def _verified(
    request: VerifyRequest,
    experiment: Experiment,
    left_out: Sequence[str],
    folder: Path,
    signals: Signals,
    reporter: Reporter,
    tell: Callable[[str], object],
) -> ResumeReport:
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
        raise UsageError(_nothing_to_resume())
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
    return report if not report.ok else _without_folder(report)


def _without_folder(report: ResumeReport) -> ResumeReport:
    from dataclasses import replace

    return replace(report, folder=None)


def _repeatable(trainer: Trainer, folder: Path, view: _View) -> bool:
    """Train again without kills; return whether that gives the bits of the first time."""
    from deepcli.run.bit_comparison import compare_bits
    from deepcli.run.directory import RunDir

    view.what = "training without kills again, to see whether that differs, too"
    trainer.whole(folder / "again")
    return compare_bits(RunDir(folder / "whole"), RunDir(folder / "again")).equal


def _message(request: VerifyRequest, left_out: Sequence[str]) -> dict[str, Any]:
    from deepcli.api.seed_worker import encoded
    from deepcli.spec.variables import allowed

    return {
        "spec": encoded(request.spec),
        "overrides": [*request.overrides, *left_out],
        "if_exists": "resume",
        "plugins": list(request.plugins),
        "command": [],
        "threads": None,
        "data_dir": None if request.data_dir is None else str(request.data_dir),
        "offline": request.offline,
        "variables": sorted(allowed()),
    }


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
