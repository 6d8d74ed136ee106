"""Compare two runs of one spec to the bit: weights, optimizer, state, history, figures and predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.run.run_bits import (
    checkpoint_arrays,
    checkpoint_memory,
    history_rows,
    result_figures,
    same_bits,
    saved_predictions,
)
from deepcli.spec.trees import differences

if TYPE_CHECKING:
    import numpy as np

    from deepcli.run.directory import RunDir

HISTORY, FIGURES, PREDICTIONS = "history", "figures", "predictions"
OF_LAST = ("optimizer", "random generators and metrics", "callbacks")
"""What is compared of `last.keras` besides its weights."""


@dataclass(frozen=True)
class BitDifference:
    """A part of two runs that differs.

    Attributes:
        part: What differs, such as `last weights` or `history`.
        name: What in it: a column, a metric, or the first array.
        first: The value in the first run; None for arrays.
        second: The value in the second run.
        epoch: The first epoch that differs, counted from 1; None for what is not of an epoch.
        largest: The largest difference between the numbers of arrays; None for other things.
        arrays: How many arrays differ, and of how many.
    """

    part: str
    name: str
    first: Any = None
    second: Any = None
    epoch: int | None = None
    largest: float | None = None
    arrays: tuple[int, int] | None = None


RECORDED_LATER = {"ended"}
"""What runs of the first versions do not say of themselves."""


@dataclass(frozen=True)
class BitComparison:
    """What the comparison of two runs found.

    Attributes:
        compared: The parts that were compared.
        differences: Those that differ.
        missing: Parts that one of the runs does not have, such as a checkpoint that was deleted.
    """

    compared: tuple[str, ...]
    differences: tuple[BitDifference, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is the same to the bit."""
        return not self.differences


def compare_bits(first: RunDir, second: RunDir) -> BitComparison:
    """Compare two runs that have ended.

    Raises:
        CheckpointError: A checkpoint is damaged.
        RunError: Another file is damaged.
    """
    compared, missing = [HISTORY, FIGURES], []
    found = list(compare_histories(history_rows(first), history_rows(second)))
    found += _of_figures(result_figures(first.result()), result_figures(second.result()))
    predicted = saved_predictions(first), saved_predictions(second)
    if predicted[0] is not None and predicted[1] is not None:
        compared.append(PREDICTIONS)
        found += _of_arrays(PREDICTIONS, predicted[0], predicted[1])
    elif predicted != (None, None):
        missing.append(PREDICTIONS)
    if PREDICTIONS in {one.part for one in found} and _rewritten(first):
        found = [one for one in found if one.part != PREDICTIONS]
        compared.remove(PREDICTIONS)
        missing.append(f"{PREDICTIONS} (`evaluate` has written those of {first.path} anew)")
    for name in ("last", "best"):
        pair: tuple[Path, Path] = (getattr(first, name), getattr(second, name))
        if not all(path.is_file() for path in pair):
            missing.append(f"{name} weights")
            continue
        compared += [f"{name} weights", *(OF_LAST if name == "last" else ())]
        found += _of_checkpoints(name, *pair)
    return BitComparison(tuple(compared), tuple(found), tuple(missing))


def _rewritten(run: RunDir) -> bool:
    """Return whether `evaluate` has written a run's predictions, perhaps on another machine, after training had ended."""
    return run.predictions("test").stat().st_mtime_ns > run.metrics.stat().st_mtime_ns


def compare_first_epochs(first: RunDir, second: RunDir, epochs: int) -> BitComparison:
    """Compare the histories of the first epochs of two runs.

    Raises:
        RunError: A history is damaged.
    """
    rows = history_rows(first)[:epochs], history_rows(second)[:epochs]
    return BitComparison((HISTORY,), tuple(compare_histories(*rows)))


def compare_histories(first: list[dict[str, str]], second: list[dict[str, str]]) -> Iterator[BitDifference]:
    """Yield each column of two histories that differs, with the first epoch in which it does."""
    for name in dict.fromkeys(key for row in [*first[:1], *second[:1]] for key in row if key != "epoch"):
        for number, (one, other) in enumerate(zip(first, second, strict=False), 1):
            if one.get(name) != other.get(name):
                yield BitDifference(HISTORY, name, one.get(name), other.get(name), number)
                break
    if len(first) != len(second):
        yield BitDifference(HISTORY, "epochs", len(first), len(second), min(len(first), len(second)) + 1)


def _of_checkpoints(name: str, first: Path, second: Path) -> Iterator[BitDifference]:
    arrays = checkpoint_arrays(first), checkpoint_arrays(second)
    for part in arrays[0]:
        # Only `last.keras` is resumed from; what `best.keras` holds beside its weights is of no consequence.
        if part == "weights" or name == "last":
            yield from _of_arrays(f"{name} weights" if part == "weights" else part, arrays[0][part], arrays[1][part])
    if name == "last":
        memory = checkpoint_memory(first), checkpoint_memory(second)
        for path, (one, other) in differences(*memory):
            if not path.startswith(("callbacks.history", "best.")):  # compared as the history
                yield BitDifference("callbacks", path.removeprefix("callbacks."), one, other)


def _of_arrays(part: str, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> Iterator[BitDifference]:
    names = list(dict.fromkeys([*first, *second]))
    differing = [
        name for name in names if name not in first or name not in second or not same_bits(first[name], second[name])
    ]
    if differing:
        largest = max(
            (_apart(first[name], second[name]) for name in differing if name in first and name in second), default=None
        )
        yield BitDifference(part, differing[0], largest=largest, arrays=(len(differing), len(names)))


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference between two arrays; infinity where they cannot be subtracted."""
    import numpy as np

    if (
        first.shape != second.shape
        or not first.size
        or not all(np.issubdtype(one.dtype, np.number) for one in (first, second))
    ):
        return float("inf")
    with np.errstate(invalid="ignore"):
        found = np.abs(first.astype(np.float64) - second.astype(np.float64))
    return float(np.nanmax(found)) if not np.isnan(found).all() else float("inf")


def _of_figures(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[BitDifference]:
    """Yield each figure that differs; one that only the first run has may have been added to it later."""
    for name, value in second.items():
        recorded = first.get(name) is not None or name not in RECORDED_LATER
        if recorded and first.get(name) != value:
            yield BitDifference(FIGURES, name, first.get(name), value)
