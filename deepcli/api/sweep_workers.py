"""Workers that train trials of an existing sweep, from another shell or machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.data.files import Sources


@dataclass(frozen=True)
class WorkersRequest:
    """Which sweep to work on, and how.

    Attributes:
        path: The sweep's directory.
        workers: Number of processes; None: as many as fit on this machine.
        threads: CPU threads per process; None: those of the machine, shared.
        storage: The URL of its Optuna storage; None: that of the sweep.
        plugins: Python files or modules to import first.
        attached: Whether to stop when standard input closes, as it does when the parent process ends.
    """

    path: Path
    workers: int | None = None
    threads: int | None = None
    storage: str | None = None
    plugins: tuple[str, ...] = ()
    attached: bool = False


def run_workers(request: WorkersRequest, at: Callable[[], Sources], note: Callable[[str], None]) -> None:
    """Train trials of a sweep until none is left.

    Args:
        request: Which sweep, and how.
        at: Returns where data are looked for.
        note: Called with a line for the user.

    Raises:
        RunError: The path is not a sweep, or its files or storage cannot be used.
        DataError: The data cannot be read.
        TrainingError: Several workers in succession failed.
        Interrupted: A signal stopped them; each has left its trial ready to resume.
    """
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import open_study

    folder, signals = SweepDir.open(request.path), Signals()
    with signals.deferred(note):
        study = open_study(folder, request.storage, request.plugins)
        study.close()  # a connection must not be shared with the workers
        plan, sources = study.plan, at()
        base = plan.experiment({})
        splits = base.data.load(sources)  # so that missing data does not count as a failed trial

        from deepcli.sweeps.workers.pool import START, WorkerConfig, WorkerPool, default_workers
        from deepcli.system.backend_startup import import_backend
        from deepcli.system.cores import cores

        backend = import_backend(base.training.backend)  # its memory counts when the number of workers is chosen
        count = min(request.workers or default_workers(), plan.max_trials)
        threads = request.threads
        if threads is None and base.training.threads == "auto":
            threads = max(cores() // count, 1)
        until = time.monotonic() + plan.sweep.max_time if plan.sweep.max_time else None
        shared = f", {threads} threads each" if threads else ""
        note(f"{count} worker{'s' * (count > 1)} on {request.path}{shared}")
        data = (base, splits)
        config = WorkerConfig(folder.path, request.storage, request.plugins, sources, data, threads, until, backend)
        # JAX has threads of its own, which a fork would lack.
        WorkerPool(count, config, "spawn" if backend == "jax" else START).work(signals, request.attached)
