"""What it means to go on with a run: from which checkpoint, and with which changes to its spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepcli.errors import CheckpointError, RunError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import CheckpointFile, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.trees import differences


@dataclass(frozen=True)
class Resumption:
    """A run that goes on.

    Attributes:
        run: Its directory.
        checkpoint: Its last one; None if there is none yet, and training begins at step 0 again.
        more_epochs: Whether the run shall be longer than it was.
        moved: Whether its data are to be read from another place than before.
    """

    run: RunDir
    checkpoint: CheckpointFile | None
    more_epochs: bool
    moved: bool = False

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
    begun = checkpoint.experiment if checkpoint else load.load([run.config]).experiment
    changes = changes_between(begun, wanted)
    more_epochs = wanted.training.epochs > begun.training.epochs
    allowed = set() if wanted.schedule.follows_length() or not more_epochs else {"training.epochs"}
    places = changes.keys() & {f"data.{name}" for name in wanted.data.path_fields}
    resumption = Resumption(run, checkpoint, more_epochs, moved=bool(places))
    if resumption.finished is None:
        allowed |= places  # whether the data there are the same is found out when they are read
    if changes.keys() - allowed:
        shown = {path: change for path, change in changes.items() if path in places or path not in allowed}
        raise RunError(_refusal(run, shown, more_epochs, wanted.schedule.type))
    return resumption


def skip(run: RunDir, wanted: Experiment) -> Result:
    """Return the result of a run that need not be trained again.

    Raises:
        RunError: It has not finished, has failed, or was trained with another spec.
        SpecError: Its spec cannot be read.
    """
    result = run.result()
    if result is None or result.status != "completed":
        how = f"failed ({result.error})" if result and result.status == "failed" else "has not finished"
        raise RunError(
            f"the run {run.path} exists and {how}, so it cannot be skipped; --if-exists resume continues it, overwrite "
            "trains it afresh"
        )
    changes = changes_between(load.load([run.config]).experiment, wanted)
    if changes:
        raise RunError(
            "\n".join(
                [
                    f"the run {run.path} cannot be skipped: it was trained with another spec:",
                    *_lines(changes),
                    "choose another --output, or --if-exists overwrite",
                ]
            )
        )
    return result


def changes_between(begun: Experiment, wanted: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return each dotted path at which two specs differ, with both values; a file is the same however it is named."""
    return dict(differences(with_absolute_paths(begun).model_dump(), with_absolute_paths(wanted).model_dump()))


def _lines(changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [f"  {path}: {_shown(before)} in the run, {_shown(now)} now" for path, (before, now) in changes.items()]


def _refusal(run: RunDir, changes: Mapping[str, tuple[Any, Any]], more_epochs: bool, schedule: str) -> str:
    lines = _lines(changes)
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
