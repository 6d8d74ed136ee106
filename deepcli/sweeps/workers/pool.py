"""The worker processes of a sweep on one machine: begun from a process that has TensorFlow loaded, and begun anew."""

from __future__ import annotations

import atexit
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, NoReturn

import psutil
import tensorflow as tf

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.errors import DeepcliError, Interrupted, RunError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.start import open_study
from deepcli.sweeps.workers.worker import Worker
from deepcli.system.cores import cores
from deepcli.system.gc_pause import flush_files
from deepcli.system.signals import Signals

START: Literal["fork", "spawn"] = "fork" if sys.platform == "linux" else "spawn"

RENEW = 75
"""The exit code of a worker that another should follow (EX_TEMPFAIL)."""

SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 30.0
MOST_FAILURES = 5
"""Workers that end by an error, one after another and at once, before the crew gives up."""

BYTES_EACH = 2 << 30
"""What a worker is taken to need of the machine's memory."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker is told.

    Attributes:
        folder: The sweep's directory.
        storage: Its storage, if that is no journal.
        plugins: To import first.
        sources: Where data may come from.
        loaded: A spec and its data, for a worker that shares this process's memory; another one reads them itself.
        threads: CPU threads; None leaves them to the spec.
        until: `time.monotonic()` after which no trial is begun; None for never.
    """

    folder: Path
    storage: str | None
    plugins: tuple[str, ...]
    sources: Sources
    loaded: tuple[Experiment, Splits] | None
    threads: int | None
    until: float | None


class WorkerPool:
    """Some workers.

    Args:
        count: How many.
        config: What each is told.
        start: How a process is begun. A `fork`, as on Linux, has TensorFlow imported and the data loaded; this process
            must not have used TensorFlow, or threads would be missing. A process begun by `spawn` gets a pickle, which
            it opens before any plugin is imported, so nothing of a plugin's or of the size of data goes there.
    """

    def __init__(self, count: int, config: WorkerConfig, start: Literal["fork", "spawn"] = START) -> None:
        self._count, self._orders = count, config
        self._context = multiprocessing.get_context("fork") if start == "fork" else multiprocessing.get_context("spawn")
        if start != "fork":
            sources = dataclasses.replace(config.sources, progress=None)
            self._orders = dataclasses.replace(config, loaded=None, sources=sources)
        self._processes: dict[int, BaseProcess] = {}
        self._began: dict[int, float] = {}
        self._failures = 0

    def work(self, signals: Signals, attached: bool) -> None:
        """Keep the workers going until they have nothing left to do.

        Args:
            signals: May ask for the end.
            attached: Whether to end when standard input does, which is when the process that began this one ends.

        Raises:
            Interrupted: A signal asked for it; every worker has left its trial so that it can go on.
            RunError: The sweep's files or its storage cannot be used.
            TrainingError: Workers fail again and again.
        """
        ended = threading.Event()
        if attached:
            threading.Thread(target=_watch_input, args=(ended,), daemon=True).start()
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
            raise Interrupted("interrupted; the same command again goes on", signals.stop or signal.SIGTERM)

    def _begin(self, index: int, signals: Signals) -> None:
        flush_files()  # or a fork would write what is still buffered a second time
        process = self._context.Process(target=_work, args=(index, self._orders, signals), name=f"worker {index}")
        process.start()
        self._processes[index], self._began[index] = process, time.monotonic()

    def _follow(self, index: int, code: int | None, signals: Signals) -> None:
        """Let another worker follow one that has ended, unless nothing is left."""
        process = self._processes.pop(index)
        process.close()
        if code == 0:
            return
        quick = time.monotonic() - self._began[index] < SECONDS_TO_END
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


def _work(index: int, config: WorkerConfig, signals: Signals) -> None:
    """Be a worker's process from its beginning to its end."""
    if multiprocessing.get_start_method() != "fork":
        _train(index, config, signals)
        return
    # `multiprocessing` ends a fork by `os._exit`: what a plugin wants done at the end would be lost. What it registered
    # before the fork is for the process that began this one.
    atexit._clear()
    try:
        _train(index, config, signals)
    finally:
        atexit._run_exitfuncs()
        flush_files()


def _train(index: int, config: WorkerConfig, signals: Signals) -> NoReturn:
    """Train trials; the exit code says how it ended.

    Args:
        index: Its number.
        config: What to do.
        signals: What signals have asked of the process that began this one; until this one has handlers of its own,
            a fork of it has theirs.
    """
    signal.set_wakeup_fd(-1)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # Ctrl-C is for the one who began the sweep; that one tells the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    folder = SweepDir(config.folder)
    log = _log_to(folder.log(_name(index)))
    with signals.deferred(log):
        try:
            _set_up(index, config.threads)
            study = open_study(folder, config.storage, config.plugins)
            worker = Worker(study, config.sources, signals, config.until, log)
            if config.loaded is not None:
                worker.know(*config.loaded)
            done = worker.work()
        except Interrupted as error:
            sys.exit(error.exit_code)
        except DeepcliError as error:
            log(f"error: {error}")
            sys.exit(error.exit_code)
    sys.exit(0 if done else RENEW)


def _set_up(index: int, threads: int | None) -> None:
    if gpus := visible_gpus():
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)]
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def _name(index: int) -> str:
    return f"worker-{os.uname().nodename if hasattr(os, 'uname') else 'local'}-{index}"


def _log_to(path: Path):  # type: ignore[no-untyped-def]
    """Send all that this process prints to a file, and return what writes a line there."""
    stream = path.open("a", encoding="utf-8", buffering=1)
    for descriptor in (1, 2):
        os.dup2(stream.fileno(), descriptor)

    def log(text: str) -> None:
        stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] {text}\n")

    return log


def _last_words(folder: SweepDir, index: int) -> str:
    path = folder.log(_name(index))
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n".join([f"a worker of the sweep failed; {path} ends:", *(f"  {line}" for line in lines[-3:])])


def _end_with_parent() -> None:
    """End this process like a signal would when the one that began it has ended."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _watch_input(ended: threading.Event) -> None:
    while os.read(0, 64):
        pass
    ended.set()


def visible_gpus() -> list[str]:
    """Name the GPUs that a process may use, as CUDA does; found without starting CUDA."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None:
        return [name for name in wanted.split(",") if name not in ("", "-1")]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def default_workers() -> int:
    """Choose how many workers a machine holds: one for each GPU, else one for each core as far as memory goes."""
    memory = psutil.virtual_memory().available // BYTES_EACH
    return len(visible_gpus()) or max(min(cores(), int(memory)), 1)
