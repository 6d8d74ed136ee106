"""What it means to go on with a run: from which checkpoint, and with which changes to its spec."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepcli import loading
from deepcli.checkpoints import CheckpointFile, open_checkpoint
from deepcli.errors import CheckpointError, RunError
from deepcli.experiment import Experiment
from deepcli.run import RunDir


@dataclass(frozen=True)
class Resumption:
    """A run that goes on.

    Attributes:
        run: Its directory.
        checkpoint: Its last one; None if there is none yet, and training begins at step 0 again.
        more_epochs: Whether the run shall be longer than it was.
    """

    run: RunDir
    checkpoint: CheckpointFile | None
    more_epochs: bool

    @property
    def finished(self) -> str | None:
        """Why there is nothing left to train; None if there is."""
        result = self.run.result()
        if result is None or result.status != "completed":
            return None
        if not self.more_epochs:
            return f"the run {self.run.path} has finished; nothing was trained"
        if self.checkpoint is None or (result.epochs or 0) < self.checkpoint.experiment.training.epochs:
            return f"the run {self.run.path} stopped by itself after epoch {result.epochs}; more epochs change nothing"
        return None


def resume(run: RunDir, wanted: Experiment) -> Resumption:
    """Decide how a run goes on; the caller owns it.

    Args:
        run: The run.
        wanted: The spec to go on with.

    Raises:
        RunError: The spec is another one than the run was begun with.
        CheckpointError: The last checkpoint is damaged, a link, or of a plugin that is not loaded.
        SpecError: There is no checkpoint, and the run's spec cannot be read.
    """
    if run.last.is_symlink():
        raise CheckpointError(f"{run.last} is a symbolic link, which no run has")
    checkpoint = open_checkpoint(run.last) if run.last.exists() else None
    begun = checkpoint.experiment if checkpoint else loading.load([run.config]).experiment
    changes = dict(differences(begun.model_dump(), wanted.model_dump()))
    more_epochs = wanted.training.epochs > begun.training.epochs
    if more_epochs and not wanted.schedule.follows_length():
        changes.pop("training.epochs")
    if changes:
        raise RunError(_refusal(run, changes, more_epochs, wanted.schedule.type))
    return Resumption(run, checkpoint, more_epochs)


def _refusal(run: RunDir, changes: Mapping[str, tuple[Any, Any]], more_epochs: bool, schedule: str) -> str:
    lines = [f"  {path}: {_shown(before)} in the run, {_shown(now)} now" for path, (before, now) in changes.items()]
    if more_epochs and "training.epochs" in changes:
        lines.append(
            f"  the schedule {schedule} follows the length of the run, so with more epochs every rate so far would have "
            "been another"
        )
    return "\n".join(
        [
            f"the run {run.path} cannot go on with another spec than it began with:",
            *lines,
            f"leave the change out, or train a new run; training.initial_weights={run.path} begins with these weights",
        ]
    )


def _shown(value: Any) -> str:
    """Write a value as it stands in a spec."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield each dotted path at which two trees of plain values differ, with both values; None is for a missing one."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif before != now or isinstance(before, bool) != isinstance(now, bool):
        yield path, (before, now)
