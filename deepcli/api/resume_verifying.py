"""`deepcli.verify_resume`: whether a run that is killed and resumed is the same to the bit on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.resume_trial import VerifyRequest, nothing_to_resume, try_resuming
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.training import read_data
from deepcli.errors import UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.api.resume_report import ResumeReport
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment
    from deepcli.run.reporter import Reporter

MOST_KILLS = 100


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
            report = try_resuming(request, loaded.experiment, list(left_out), folder, signals, reporter, tell)
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
        raise UsageError(nothing_to_resume())
