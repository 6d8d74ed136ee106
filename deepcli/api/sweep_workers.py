"""Workers that train trials of an existing sweep, from another shell or machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import UsageError
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.study.study import Study


@dataclass(frozen=True)
class WorkersRequest:
    """Which sweep to work on, and how.

    Attributes:
        path: The sweep's directory; None for a sweep whose directory this machine does not see.
        study: The name of such a sweep's study in its database.
        output: The directory for this machine's part of it; None: `sweeps/NAME`, with the study's name.
        workers: Number of processes; None: as many as fit on this machine.
        threads: CPU threads per process; None: those of the machine, shared.
        storage: The URL of its Optuna storage; None: that of the sweep.
        plugins: Python files or modules to import first.
        attached: Whether to stop when standard input closes, as it does when the parent process ends.
    """

    path: Path | None
    workers: int | None = None
    threads: int | None = None
    storage: str | None = None
    plugins: tuple[str, ...] = ()
    attached: bool = False
    study: str | None = None
    output: Path | None = None


def run_workers(request: WorkersRequest, at: Callable[[], Sources], note: Callable[[str], None]) -> None:
    """Train trials of a sweep until none is left.

    Args:
        request: Which sweep, and how.
        at: Returns where data are looked for.
        note: Called with a line for the user.

    Raises:
        UsageError: The request does not say which sweep, or a plugin is missing.
        RunError: The path is not a sweep, its files or storage cannot be used, or this machine would train something else.
        DataError: The data cannot be read, or are not those of the sweep.
        StorageGone: The server of the sweep's database has not answered for too long.
        TrainingError: Several workers in succession failed.
        Interrupted: A signal stopped them; each has left its trial ready to resume.
    """
    folder, signals = _folder(request), Signals()
    with signals.deferred(note):
        study, base, splits, sources = _loaded(folder, request, at, note)
        plan = study.plan

        from deepcli.sweeps.workers.pool import START, WorkerConfig, WorkerPool
        from deepcli.system.backend_startup import import_backend
        from deepcli.system.cores import cores
        from deepcli.system.process_count import default_workers

        backend = import_backend(base.training.backend)  # its memory counts when the number of workers is chosen
        count = min(request.workers or default_workers(), plan.max_trials)
        threads = request.threads
        if threads is None and base.training.threads == "auto":
            threads = max(cores() // count, 1)
        until = time.monotonic() + plan.sweep.max_time if plan.sweep.max_time else None
        shared = f", {threads} threads each" if threads else ""
        note(f"{count} worker{'s' * (count > 1)} on {folder.path}{shared}")
        data = (base, splits)
        config = WorkerConfig(folder.path, request.storage, request.plugins, sources, data, threads, until, backend)
        # JAX has threads of its own, which a fork would lack.
        WorkerPool(count, config, "spawn" if backend == "jax" else START).work(signals, request.attached)
        if study.leases.place:
            _write_results(folder, request)


def _loaded(
    folder: SweepDir, request: WorkersRequest, at: Callable[[], Sources], note: Callable[[str], None]
) -> tuple[Study, Experiment, Splits, Sources]:
    """Load a sweep, its spec and its data, and check that this machine has the same ones; the study is closed again."""
    from deepcli.sweeps.start import open_study

    study = open_study(folder, request.storage, request.plugins)
    published = study.published if study.leases.place else None
    study.close()  # a connection must not be shared with the workers
    sources, base = at(), study.plan.experiment({})
    splits = base.data.load(sources)  # so that missing data does not count as a failed trial
    if published is not None:
        published.demand_same(study.name, study.plan, splits.provenance)
        for notice in published.notices():
            note(notice)
    return study, base, splits, sources


def _write_results(folder: SweepDir, request: WorkersRequest) -> None:
    """Write the ranking of all trials and the spec of the best one into this machine's directory."""
    from deepcli.sweeps.ranking import write
    from deepcli.sweeps.start import open_study

    with contextlib.closing(open_study(folder, request.storage, request.plugins)) as study:
        write(study)


def _folder(request: WorkersRequest) -> SweepDir:
    """Return the directory to work in; make one for a sweep that is only known by its database."""
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.joining import join_sweep

    if request.path is not None and request.study is None:
        if request.output is not None:
            raise UsageError("--output is for --study; a sweep's directory is where its worker works")
        return SweepDir.open(request.path)
    if request.study is None:
        raise UsageError("which sweep? Give its directory, or its database and study: --storage URL --study NAME")
    if request.path is not None:
        raise UsageError(f"give the sweep's directory ({request.path}) or --study, not both")
    return join_sweep(request.storage, request.study, request.output)
