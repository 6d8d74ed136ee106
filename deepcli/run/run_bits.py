"""Everything in a run that is the same to the bit whenever the run is trained, and in however many pieces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import CheckpointError, RunError
from deepcli.run.checkpoint.file import STATE, WEIGHTS, open_checkpoint
from deepcli.run.checkpoint.state import read as read_state

if TYPE_CHECKING:
    import numpy as np

    from deepcli.result import Result
    from deepcli.run.directory import RunDir

OF_THE_CLOCK = ("seconds", "max_time")
"""A column of the history, and the state of what ends a run in time: both follow the clock."""


def checkpoint_arrays(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read the arrays of a checkpoint: its weights, its optimizer's, and those of random generators and metrics.

    Raises:
        CheckpointError: The file is damaged.
    """
    checkpoint = open_checkpoint(path)
    inside = _datasets(checkpoint.read(WEIGHTS))
    optimizer = {name: value for name, value in inside.items() if name.startswith("optimizer/")}
    weights = {name: value for name, value in inside.items() if name not in optimizer}
    return {"weights": weights, "optimizer": optimizer, "random generators and metrics": _state(path)[1]}


def checkpoint_memory(path: Path) -> dict[str, Any]:
    """Read what a checkpoint remembers besides arrays: the position, the best epoch, callbacks and rollbacks.

    Raises:
        CheckpointError: The file is damaged.
    """
    plain = _state(path)[0]
    callbacks = {name: state for name, state in plain["callbacks"].items() if name not in OF_THE_CLOCK}
    rows = callbacks.get("history", {}).get("rows", [])
    callbacks["history"] = {"rows": [without_clock(row) for row in rows]}
    return {**{name: plain[name] for name in ("position", "best", "rollbacks")}, "callbacks": callbacks}


def without_clock(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the history without its time."""
    return {name: value for name, value in row.items() if name not in OF_THE_CLOCK}


def history_rows(run: RunDir) -> list[dict[str, str]]:
    """Read the rows of `history.csv` as they are written, without times.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        with run.history.open(encoding="utf-8", newline="") as file:
            return [without_clock(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{run.history} cannot be read: {error}") from None


def result_figures(result: Result | None) -> dict[str, Any]:
    """Name how a run ended and its metrics, such as `test accuracy`; empty if it has not ended."""
    if result is None:
        return {}
    ending = {"status": result.status, "epochs": result.epochs, "best epoch": result.best_epoch, "ended": result.ended}
    metrics = {f"{split} {name}": one for split, known in result.metrics.items() for name, one in known.items()}
    return {**ending, **metrics}


def saved_predictions(run: RunDir) -> dict[str, np.ndarray] | None:
    """Read the arrays of the predictions on the test split; None if there are none.

    Raises:
        RunError: The file is damaged.
    """
    import numpy as np

    path = run.predictions("test")
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether two arrays have the same type, shape and bits; not-a-number is equal to itself."""
    return (first.dtype, first.shape) == (second.dtype, second.shape) and first.tobytes() == second.tobytes()


def _state(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        plain, arrays = read_state(open_checkpoint(path).read(STATE))
    except ValueError as error:
        raise CheckpointError(f"{path}: its state is damaged: {error}") from None
    return json.loads(json.dumps(plain)), arrays


def _datasets(content: bytes) -> dict[str, np.ndarray]:
    import h5py
    import numpy as np

    found: dict[str, np.ndarray] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(note)
    return found


def fingerprint(run: RunDir, checkpoints: Sequence[str] = ("last", "best")) -> dict[str, str]:
    """Return a hash of each thing that must not depend on interruptions, by name."""
    import hashlib

    prints = {}
    for name in checkpoints:
        path: Path = getattr(run, name)
        for part, arrays in checkpoint_arrays(path).items():
            for array, value in arrays.items():
                prints[f"{name}/{part}/{array}"] = hashlib.sha256(value.tobytes()).hexdigest()[:16]
        prints[f"{name}/memory"] = json.dumps(checkpoint_memory(path), sort_keys=True)
    prints["history"] = json.dumps(history_rows(run))
    prints["result"] = json.dumps(result_figures(run.result()))
    return prints
