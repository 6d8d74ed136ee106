"""`deepcli launch`: the processes of one run, all on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO

from deepcli.errors import UsageError
from deepcli.system.backend_startup import JAX_THREADS
from deepcli.system.cores import cores
from deepcli.system.launched import LAUNCHED
from deepcli.system.rendezvous import free_port

LOOPBACK = "127.0.0.1"
LOCAL_DEVICES = "JAX_LOCAL_DEVICE_IDS"
SECONDS_TO_END = 20.0
"""How long the others may take to end after one has failed; they usually find out at once."""
SECONDS_BETWEEN_LOOKS = 0.05
ON_CPU = {"cpu", "--device=cpu", "training.device=cpu"}
"""Words of a command that trains on the CPU, so that GPUs are not counted."""


@dataclass(frozen=True)
class Started:
    """A process of the run.

    Attributes:
        process: The process.
        log: What it writes to stderr; None for process 0, which writes to this command's.
    """

    process: subprocess.Popen[bytes]
    log: IO[bytes] | None


def launch(count: int, words: Sequence[str]) -> int:
    """Start the processes of a run on this machine, pass on signals, and wait until all have ended.

    Args:
        count: The number of processes.
        words: The command without `deepcli`, such as `train spec.yaml`.

    Returns:
        The exit code of process 0, or that of another one if only that failed.

    Raises:
        UsageError: The command is not `train`, or there are fewer GPUs than processes.
    """
    if count < 1:
        raise UsageError(f"launch {count}: start at least 1 process")
    if not words or words[0] != "train":
        raise UsageError(f"launch: write the command behind --, such as deepcli launch {count} -- train spec.yaml")
    gpus = 0 if ON_CPU.intersection(words) else gpu_count()
    if 0 < gpus < count:
        raise UsageError(
            f"launch {count}: the machine has {gpus} GPU{'s' * (gpus > 1)}; start {gpus}, or use --device cpu"
        )
    address = f"{LOOPBACK}:{free_port(LOOPBACK)}"
    started = [_start(index, count, address, words, gpus) for index in range(count)]
    with _Forwarding(started):
        return _wait(started)


def gpu_count() -> int:
    """Count NVIDIA's GPUs of this machine, without a library for them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())


def _start(index: int, count: int, address: str, words: Sequence[str], gpus: int) -> Started:
    place = ["--coordinator", address, "--processes", str(count), "--process", str(index)]
    log = tempfile.TemporaryFile() if index else None  # noqa: SIM115, it is read when the process has ended
    process = subprocess.Popen(
        [sys.executable, "-m", "deepcli", *words, *place],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if index else None,
        stderr=log,
        env={**os.environ, **_environment(index, count, gpus)},
        start_new_session=True,  # so that Ctrl-C reaches this command, which passes it on once
    )
    return Started(process, log)


def _environment(index: int, count: int, gpus: int) -> Mapping[str, str]:
    """Return what differs between processes: each gets its share of the cores, and its own GPU."""
    found = {LAUNCHED: "1"}
    if JAX_THREADS not in os.environ:
        found[JAX_THREADS] = str(max(cores() // count, 1))
    if gpus and LOCAL_DEVICES not in os.environ:
        found[LOCAL_DEVICES] = str(index)
    return found


class _Forwarding:
    """Passes SIGINT, SIGTERM and SIGUSR1 on to process 0, which stops all; a second SIGINT ends them at once."""

    def __init__(self, started: Sequence[Started]) -> None:
        self._started, self._interrupts = started, 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGUSR1", None)):
            if number is not None:
                self._before[number] = signal.signal(number, self._pass_on)

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += number == signal.SIGINT
        for one in self._started[: None if self._interrupts > 1 else 1]:
            if one.process.poll() is None:
                one.process.send_signal(number)


def _wait(started: Sequence[Started]) -> int:
    deadline: float | None = None
    while any(one.process.poll() is None for one in started):
        if deadline is None and any(one.process.poll() for one in started):
            deadline = time.monotonic() + SECONDS_TO_END
        if deadline is not None and time.monotonic() > deadline:
            for one in started:
                one.process.kill()
        time.sleep(SECONDS_BETWEEN_LOOKS)
    codes = [_code(one.process.returncode) for one in started]
    if not codes[0] or started[0].process.returncode < 0:  # else process 0 has said what happened
        _report(started, codes)
    return next((code for code in codes if code), 0)


def _code(code: int) -> int:
    return code if code >= 0 else 128 - code


def _report(started: Sequence[Started], codes: Sequence[int]) -> None:
    """Show why another process than process 0 failed, the first of them."""
    for index, (one, code) in enumerate(zip(started, codes, strict=True)):
        if code and one.log is not None:
            one.log.seek(0)
            for line in one.log.read().decode(errors="replace").strip().splitlines()[-5:]:
                print(f"process {index}: {line}", file=sys.stderr)
            return
