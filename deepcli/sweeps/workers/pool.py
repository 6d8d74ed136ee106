"""The worker processes of a sweep on one machine: starting, restarting and stopping them."""

from __future__ import annotations

import atexit
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.errors import DeepcliError, Interrupted, RunError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.start import open_study
from deepcli.sweeps.study.connection import PATIENCE, Patience, StorageGone
from deepcli.system.backend_startup import import_backend, limit_threads
from deepcli.system.gc_pause import flush_files
from deepcli.system.parent_process import watch_input
from deepcli.system.process_count import visible_gpus
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.sweeps.workers.worker import Worker

START: Literal["fork", "spawn"] = "fork" if sys.platform == "linux" else "spawn"

RENEW = 75
"""The exit code of a worker that asks to be restarted (EX_TEMPFAIL)."""

GONE = 69
"""The exit code of a worker that has waited too long for the server of the sweep's database (EX_UNAVAILABLE)."""

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 30.0
MOST_FAILURES = 5
"""Consecutive workers that fail soon after their start before the sweep is stopped with an error."""


@dataclass(frozen=True)
class WorkerConfig:
    """The settings of a worker process.

    Attributes:
        folder: The sweep's directory.
        storage: The URL of its Optuna storage; None for the journal file in the directory.
        plugins: Plugins to import first.
        sources: Where data are read or downloaded from.
        loaded: A spec and its data, for a forked worker, which shares this process's memory; others load the data.
        threads: CPU threads; None uses the spec's.
        until: Time of `time.monotonic()` at which to stop starting trials; None for no limit.
        backend: Keras's backend, or auto.
    """

    folder: Path
    storage: str | None
    plugins: tuple[str, ...]
    sources: Sources
    loaded: tuple[Experiment, Splits] | None
    threads: int | None
    until: float | None
    backend: str = "auto"


class WorkerPool:
    """Starts the worker processes of a sweep and restarts those that end early.

    Args:
        count: Number of workers.
        config: The settings of each.
        start: The start method. With `fork`, as on Linux, a worker has TensorFlow imported and the data loaded; this
            process must not have run TensorFlow operations, as its threads would be missing in the worker. With
            `spawn`, a worker gets a pickle, which it loads before it imports plugins, so the pickle holds no objects of
            plugins and no data.
    """

    def __init__(self, count: int, config: WorkerConfig, start: Literal["fork", "spawn"] = START) -> None:
        self._count, self._orders = count, config
        self._context = multiprocessing.get_context("fork") if start == "fork" else multiprocessing.get_context("spawn")
        if start == "fork":
            _import_worker(config.backend)  # once, before the forks
        else:
            sources = dataclasses.replace(config.sources, progress=None)
            self._orders = dataclasses.replace(config, loaded=None, sources=sources)
        self._processes: dict[int, BaseProcess] = {}
        self._began: dict[int, float] = {}
        self._failures = 0

    def work(self, signals: Signals, attached: bool) -> None:
        """Run the workers until no trials are left, restarting those that fail or ask for it.

        Args:
            signals: May request to stop.
            attached: Whether to stop when standard input closes, as it does when the parent process ends.

        Raises:
            Interrupted: A signal requested to stop; each worker has left its trial ready to resume.
            RunError: The sweep's files or its storage cannot be used.
            StorageGone: The server of the sweep's database has not answered for too long.
            TrainingError: Several workers in succession failed soon after their start.
        """
        ended = threading.Event()
        if attached:
            threading.Thread(target=watch_input, args=(ended,), daemon=True).start()
        for index in range(self._count):
            self._begin(index, signals)
        try:
            while self._processes and signals.stop is None and not ended.is_set():
                connection.wait([process.sentinel for process in self._processes.values()], SECONDS_BETWEEN_LOOKS)
                for index, process in list(self._processes.items()):
                    if not process.is_alive():
                        self._follow(index, process.exitcode, signals)
        finally:
            self._end()
        if signals.stop is not None or ended.is_set():
            raise Interrupted("interrupted; run the same command again to continue", signals.stop or signal.SIGTERM)

    def _begin(self, index: int, signals: Signals) -> None:
        flush_files()  # otherwise a fork would write buffered output a second time
        process = self._context.Process(target=_work, args=(index, self._orders, signals), name=f"worker {index}")
        process.start()
        self._processes[index], self._began[index] = process, time.monotonic()

    def _follow(self, index: int, code: int | None, signals: Signals) -> None:
        """Replace a worker that has ended, unless no trials are left or workers keep failing."""
        process = self._processes.pop(index)
        process.close()
        if code == 0:
            return
        quick = time.monotonic() - self._began[index] < SECONDS_TO_END
        if code == GONE:
            raise StorageGone(_last_error(SweepDir(self._orders.folder), index))
        if code == 2:
            raise RunError(_last_words(SweepDir(self._orders.folder), index))
        if code == 1 and quick and self._failures == MOST_FAILURES - 1:
            raise TrainingError(_last_words(SweepDir(self._orders.folder), index))
        self._failures = self._failures + 1 if code == 1 and quick else 0
        self._begin(index, signals)

    def _end(self) -> None:
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + SECONDS_TO_END
        for process in self._processes.values():
            process.join(max(deadline - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()


def _import_worker(backend: str) -> type[Worker]:
    """Import the backend and the class of workers.

    Not at the top of this module, which a spawned process imports before any of its functions can run.
    """
    import_backend(backend)
    from deepcli.sweeps.workers.worker import Worker

    return Worker


def _work(index: int, config: WorkerConfig, signals: Signals) -> None:
    """Run as a worker process: the target of `Process`."""
    if multiprocessing.get_start_method() != "fork":
        _train(index, config, signals)
        return
    # `multiprocessing` ends a fork with `os._exit`, which skips the exit functions of plugins, so they are called here.
    # Those registered before the fork belong to the parent process.
    atexit._clear()
    try:
        _train(index, config, signals)
    finally:
        atexit._run_exitfuncs()
        flush_files()


def _train(index: int, config: WorkerConfig, signals: Signals) -> NoReturn:
    """Train trials, then exit with a code that says how it ended.

    Args:
        index: The worker's number.
        config: Its settings.
        signals: The parent's record of signals; a fork keeps the parent's handlers until it installs its own.
    """
    signal.set_wakeup_fd(-1)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # Ctrl-C should reach only the parent process, which then stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = log_to(SweepDir(config.folder).log(worker_name(index)))
    with signals.deferred(log):
        if gpus := visible_gpus():
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)]
        code = train_trials(config, signals, log)
    sys.exit(code)


def train_trials(config: WorkerConfig, signals: Signals, log: Callable[[str], None]) -> int:
    """Train trials in this process until none is left; return the exit code that says how it ended.

    Args:
        config: The settings of the worker.
        signals: May request to stop.
        log: Called with a line about each trial, and with the error.
    """
    try:
        make_worker = _import_worker(config.backend)
        if config.threads is not None:
            limit_threads(config.threads, config.backend)
        study = open_study(SweepDir(config.folder), config.storage, config.plugins, Patience(PATIENCE, signals, log))
        worker = make_worker(study, config.sources, signals, config.until, log)
        if config.loaded is not None:
            worker.know(*config.loaded)
        return 0 if worker.work() else RENEW
    except Interrupted as error:
        return error.exit_code
    except StorageGone as error:
        log(f"error: {error}")
        return GONE
    except DeepcliError as error:
        log(f"error: {error}")
        return error.exit_code


def worker_name(index: int) -> str:
    """Return the name of a worker's log."""
    return f"worker-{os.uname().nodename if hasattr(os, 'uname') else 'local'}-{index}"


def log_to(path: Path) -> Callable[[str], None]:
    """Redirect this process's output to a file; return a function that writes a line to it."""
    stream = path.open("a", encoding="utf-8", buffering=1)
    for descriptor in (1, 2):
        os.dup2(stream.fileno(), descriptor)

    def log(text: str) -> None:
        stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] {text}\n")

    return log


def _last_words(folder: SweepDir, index: int) -> str:
    path = folder.log(worker_name(index))
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join([f"a worker of the sweep failed; last lines of {path}:", *(f"  {line}" for line in lines[-3:])])


def _last_error(folder: SweepDir, index: int) -> str:
    """Return the error that a worker's log ends with."""
    return _last_words(folder, index).rpartition("] error: ")[2]


def _end_with_parent() -> None:
    """Send this process a SIGTERM when its parent process ends."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
