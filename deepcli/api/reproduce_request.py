"""What `deepcli.reproduce` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ReproduceRequest:
    """What to train anew.

    Attributes:
        run: The run.
        words: Where its data are now, like `data.path=NEW`.
        output: The directory of the new run, which stays; None: one beside the run, removed if the runs are equal.
        keep: Whether the directory stays in any case.
        epochs: How many epochs to train and compare; None: all.
        device: The device; None: that of the run.
        plugins: Python files or modules to import first.
        command: The command line, for the record.
        started: `time.monotonic()` when the call began.
        kill: Whether a second SIGINT may end the process while a step is running.
    """

    run: Path
    words: tuple[str, ...] = ()
    output: Path | None = None
    keep: bool = False
    epochs: int | None = None
    device: str | None = None
    plugins: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    started: float = 0.0
    kill: bool = True
