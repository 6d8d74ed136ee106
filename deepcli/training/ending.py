"""Why a run ended, in a word for programs and in a line for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras

from deepcli.experiment.schema import Experiment
from deepcli.result import Ended
from deepcli.training.callbacks import Best
from deepcli.training.state import Position


@dataclass(frozen=True)
class Ending:
    """Why a run ended.

    Attributes:
        ended: The reason, as in `metrics.json`.
        text: A line for people.
    """

    ended: Ended
    text: str


def ending_of(
    experiment: Experiment, position: Position, steps_per_epoch: int, callbacks: Iterable[keras.callbacks.Callback]
) -> Ending:
    """Say why training ended at a position.

    A callback that stops training may say why in an attribute `why_stopped`, a text such as `val_loss reached 0.1`, and in
    an attribute `ended`, one of the reasons in `metrics.json`; without it, the reason is `callback`.
    """
    epochs, total = experiment.training.epochs, experiment.total_steps(steps_per_epoch)
    if position.total >= epochs * steps_per_epoch:
        return Ending("completed", f"all {epochs} epochs done" if epochs > 1 else "the only epoch is done")
    if position.total >= total:
        return Ending("max_steps", f"stopped in epoch {position.epoch} of {epochs}: training.max_steps is {total:,}")
    why, ended = "a callback stopped training", "callback"
    for callback in callbacks:
        if told := getattr(callback, "why_stopped", ""):
            why, ended = str(told), getattr(callback, "ended", "callback")
            break
    where = f"in epoch {position.epoch + 1}" if position.step else f"after epoch {position.epoch}"
    return Ending(ended, f"stopped {where} of {epochs}: {why}")  # type: ignore[arg-type]


def interruption(experiment: Experiment, position: Position, best: Best, steps_per_epoch: int, resume: str) -> str:
    """Say where a signal stopped a run, its best epoch so far, and the command that continues it."""
    total = experiment.total_steps(steps_per_epoch)
    epochs = -(-total // steps_per_epoch)
    where = f"in epoch {position.epoch + 1}" if position.step else f"after epoch {position.epoch}"
    if not position.total:
        where = "before the first step"
    parts = [f"interrupted {where}{f' of {epochs}' if position.total else ''}"]
    if best.epoch is not None:
        parts.append(f"best so far: epoch {best.epoch}, {best.monitor} {best.value:.4f}")
    return "; ".join([*parts, f"continue with: {resume}"])
