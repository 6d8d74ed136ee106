"""Runs that several processes train, for tests: started, watched, killed and compared."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.training.state import State

SPEC = """
data: {type: digits, limit: 330, batch_size: 16}
model: {type: mlp, hidden_units: [16, 16], regularization: {dropout: 0.2, normalization: batch}}
optimizer: {type: adam, use_ema: true}
schedule: {type: cosine, warmup: 0.1}
training: {epochs: EPOCHS, steps_per_execution: 2, precision: float32, checkpoint: {every_steps: 6}}
"""
"""330 examples less those of validation are no multiple of 16: the last batch of an epoch is not divided."""
SECONDS = 600


def launched(count: int, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start `deepcli launch`."""
    command = [sys.executable, "-m", "deepcli", "launch", str(count), "--", "train", *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
    )


def finished(count: int, *words: str, code: int = 0) -> tuple[str, str]:
    """Run `deepcli launch` to its end; return what it wrote to stdout and stderr."""
    process = launched(count, *words)
    out, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == code, errors
    return out, errors


def process_of(launcher: subprocess.Popen[str], index: int) -> psutil.Process | None:
    """Return one of the processes that a launcher has started; None if it has ended."""
    try:
        for child in psutil.Process(launcher.pid).children():
            if child.cmdline()[-2:] == ["--process", str(index)]:
                return child
    except psutil.NoSuchProcess:
        pass
    return None


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until a condition holds, which it must do before a process ends."""
    deadline = time.monotonic() + SECONDS
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert condition(), process.communicate()[1] if process.poll() is not None else "nothing happened"


def steps_in(run: Path) -> int:
    """Return the steps of a run's last checkpoint; 0 if it has none."""
    last = run / "checkpoints/last.keras"
    return State.from_bytes(open_checkpoint(last).read(STATE)).position.total if last.is_file() else 0


def words_of(spec: Path, run: Path, *more: str) -> list[Any]:
    """Return the words that start a run, or continue it."""
    return [str(spec), "--output", str(run), "--if-exists", "resume", *more]
