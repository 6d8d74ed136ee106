"""`deepcli.train_seeds`: one spec, trained with several seeds, in parallel where there is room."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.seed_plan import finished_runs, places, run_of, seeds_of
from deepcli.api.seed_progress import make_seed_view
from deepcli.api.seed_results import TrainedSeeds, result_of
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.train_request import TrainRequest
from deepcli.api.training import read_data
from deepcli.errors import Interrupted, UsageError
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.api.seed_processes import SeedTask
    from deepcli.api.train_request import IfExists
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Training
    from deepcli.run.reporter import Reporter


@dataclass(frozen=True)
class SeedsRequest:
    """Which seeds to train, and how.

    Attributes:
        train: What to train; `output` is the folder of the runs.
        seeds: How many seeds, counted from the spec's, or the seeds, as `3` or `0,3,7`.
        data_dir: A folder with data files.
        offline: Whether downloads are forbidden; None: as the environment says.
        again: How to continue after an interrupt, from the folder.
    """

    train: TrainRequest
    seeds: str
    data_dir: Path | None = None
    offline: bool | None = None
    again: Callable[[Path], str] = str


def train_seeds(
    spec: Source,
    *more: Source,
    seeds: int | Sequence[int] = 5,
    output: str | os.PathLike[str] | None = None,
    if_exists: IfExists = "error",
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> TrainedSeeds:
    """Train a spec with several seeds, in processes of their own, as many at a time as fit on this machine.

    This is `deepcli train --seeds`. Each run has the same bits as one that is trained alone with that seed and the same
    number of threads. An interrupt stops all of them, with checkpoints.

    Args:
        spec: A spec from `deepcli.load`, a file or a dict.
        more: More files, dicts and overrides like `training.epochs=3`, merged over the spec as `load` does.
        seeds: How many seeds, counted from the spec's, or the seeds themselves.
        output: The folder of the runs, each in `seed-K`; default: a new one in `runs/`.
        if_exists: What to do about each run that exists: `error`, `resume`, `skip` or `overwrite`.
        progress: Whether to show notices and progress.
        plugins: Python files or modules that register components. They are imported first, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Raises:
        SpecError: The spec is not valid.
        UsageError: The arguments do not fit together, or a plugin cannot be imported.
        DataError: The data cannot be read.
        RunError: A run exists, or cannot be resumed with this spec.
        TrainingError: A run failed; the others were trained to their end.
        Interrupted: An interrupt or SIGTERM stopped it; the text says how to continue.
    """
    if if_exists != "error" and output is None:
        raise UsageError("if_exists: has no effect without output, when the runs get a new folder")
    train = TrainRequest(
        (spec, *more),
        output=None if output is None else Path(output),
        if_exists=if_exists,
        plugins=plugin_names(plugins),
        started=time.monotonic(),
        kill=False,
    )
    words = str(seeds) if isinstance(seeds, int) else ",".join(map(str, seeds)) + "," * (len(seeds) == 1)
    folder = None if data_dir is None else Path(data_dir)
    request = SeedsRequest(train, words, folder, offline, _again_in_python)
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    with reaching(reach_of(offline, progress)):
        trained = run_all_seeds(request, at, make_reporter(quiet=not progress), quiet=not progress)
    if trained.problem is not None:
        raise trained.problem
    return trained


def run_all_seeds(
    request: SeedsRequest, at: Callable[[], Sources], report: Reporter, quiet: bool = False
) -> TrainedSeeds:
    """Check the spec and the runs that exist, read the data once, and train every seed.

    Args:
        request: What to train.
        at: Returns where data are looked for.
        report: Shows notices and progress.
        quiet: Whether to show no progress.

    Raises:
        DeepcliError: As `train_seeds` says, other than the failure of a run, which is in the result's `problem`.
    """
    from deepcli.api.seed_processes import run_seeds
    from deepcli.run.directory import default_path, new_folder
    from deepcli.run.reporter import NullReporter

    asked, signals = request.train, Signals(kill=request.train.kill)
    with signals.noted():
        loaded = load_parts(asked.spec, asked.overrides, asked.plugins)
        notices = [f"notice: {notice}" for notice in loaded.notices]
        for notice in notices:
            report.note(notice)
        seeds = seeds_of(request.seeds, loaded.experiment.seed)
        ended = {} if asked.output is None else finished_runs(asked, loaded.experiment, seeds)
        left = [seed for seed in seeds if seed not in ended]
        if left:  # the processes read the data again; here, downloads are shown, and a failure leaves no runs behind
            read_data(loaded.experiment, at(), report)
        folder = asked.output or new_folder(default_path(loaded.experiment.name))
        environments, threads = places(loaded.experiment.training, len(seeds))
        report.note(_beginning(loaded.experiment.name, folder, len(seeds), len(ended), len(environments), threads))
        view = make_seed_view(NullReporter() if quiet else report, quiet, notices)
        with signals.deferred(view.note):
            try:
                tasks = [_task(request, loaded.experiment.training, folder, seed, threads) for seed in left]
                ended |= run_seeds(tasks, environments, signals, view.told)
            finally:
                view.end()
    result = result_of(loaded.experiment.name, folder, seeds, ended, time.monotonic() - asked.started)
    if signals.stop is not None and any("result" not in ended.get(seed, {}) for seed in seeds):
        done = sum("result" in ended.get(seed, {}) for seed in seeds)
        error = Interrupted(f"interrupted after {done} of {len(seeds)} seeds; {request.again(folder)}", signals.stop)
        error.run = str(folder)
        raise error
    return TrainedSeeds(result, asked.plugins, {seed: one.get("code", 1) for seed, one in ended.items()})


def _task(request: SeedsRequest, training: Training, folder: Path, seed: int, threads: int | None) -> SeedTask:
    from deepcli.api.seed_processes import SeedTask
    from deepcli.api.worker_serving import request_of
    from deepcli.run.directory import RunDir

    asked, path = request.train, run_of(folder, seed)
    begun = RunDir(path).described().get("threads") if asked.if_exists == "resume" else None
    if isinstance(begun, int) and training.threads == "auto":
        threads = begun  # another number would change the last bits
    values = request_of(
        asked.spec,
        asked.plugins,
        request.data_dir,
        request.offline,
        overrides=[*asked.overrides, f"seed={seed}"],
        output=str(path),
        if_exists=asked.if_exists,
        command=list(asked.command),
        threads=threads,
        backend=training.backend,
    )
    return SeedTask(seed, values)


def _beginning(name: str, folder: Path, count: int, finished: int, at_once: int, threads: int | None) -> str:
    """Describe what is about to be trained in one line."""
    known = f" ({finished} finished before)" if finished else ""
    shared = f", {threads} thread{'s' * (threads > 1)} each" if threads else ""
    return f"{count} seed{'s' * (count > 1)} of {name}{known}, {at_once} at a time{shared}: {folder}"


def _again_in_python(folder: Path) -> str:
    return f"continue with: deepcli.train_seeds(..., output={str(folder)!r}, if_exists='resume')"
