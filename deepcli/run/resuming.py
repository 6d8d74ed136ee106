"""Decide whether and how a run can be resumed: its checkpoint, and the allowed changes to its spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import CheckpointError, RunError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import STATE, CheckpointFile, open_checkpoint
from deepcli.run.checkpoint.state import read as read_state
from deepcli.run.directory import RunDir
from deepcli.spec.durations import in_words
from deepcli.spec.paths import with_absolute_paths
from deepcli.spec.trees import differences


@dataclass(frozen=True)
class Resumption:
    """A run to resume.

    Attributes:
        run: The run directory.
        checkpoint: The last checkpoint; None if the run has none yet, so that training starts again at step 0.
        more_epochs: Whether the run gets more epochs than before.
        more_time: Whether the run may train for longer than the time that it had before.
        moved: Whether its data are read from another place than before.
    """

    run: RunDir
    checkpoint: CheckpointFile | None
    more_epochs: bool
    moved: bool = False
    more_time: bool = False

    @property
    def finished(self) -> str | None:
        """The reason why nothing is left to train; None if something is."""
        result = self.run.result()
        if result is None or result.status != "completed":
            return None
        if self.checkpoint is not None and self.more_time and not _all_epochs(self.checkpoint):
            return None
        if not self.more_epochs:
            return f"the run {self.run.path} has finished; nothing was trained"
        if self.checkpoint is None or (result.epochs or 0) < self.checkpoint.experiment.training.epochs:
            return f"the run {self.run.path} stopped early after epoch {result.epochs}; more epochs change nothing"
        return None


def resume(run: RunDir, wanted: Experiment) -> Resumption:
    """Decide how to resume a run; the caller must hold its lock.

    Args:
        run: The run.
        wanted: The spec to resume it with.

    Raises:
        RunError: The spec differs from the run's own.
        CheckpointError: The last checkpoint is damaged, a symbolic link, or needs a plugin that is not loaded.
        SpecError: The run has no checkpoint, and its spec cannot be read.
    """
    if run.last.is_symlink():
        raise CheckpointError(f"{run.last} is a symbolic link; a run's own files never are")
    checkpoint = open_checkpoint(run.last) if run.last.exists() else None
    begun = checkpoint.experiment if checkpoint else _own_spec(run)
    changes = changes_between(begun, wanted)
    more_epochs = wanted.training.epochs > begun.training.epochs
    before, now = begun.training.max_time, wanted.training.max_time
    more_time = before is not None and (now is None or now > before)
    allowed = set() if wanted.schedule.follows_length() or not more_epochs else {"training.epochs"}
    allowed |= {"training.max_time", "training.backend"}  # they change no step that was taken
    places = changes.keys() & {f"data.{name}" for name in wanted.data.path_fields}
    resumption = Resumption(run, checkpoint, more_epochs, moved=bool(places), more_time=more_time)
    if resumption.finished is None:
        allowed |= places  # when the data are read, they are compared with those of the run
    if changes.keys() - allowed:
        shown = {path: change for path, change in changes.items() if path in places or path not in allowed}
        raise RunError(_refusal(run, shown, more_epochs, wanted.schedule.type))
    return resumption


def _all_epochs(checkpoint: CheckpointFile) -> bool:
    """Return whether a checkpoint is from after the last epoch."""
    position = read_state(checkpoint.read(STATE))[0]["position"]
    return bool(position["epoch"] >= checkpoint.experiment.training.epochs)


def skip(run: RunDir, wanted: Experiment) -> Result:
    """Return the result of a finished run, to skip training it again.

    Raises:
        RunError: The run has not finished, has failed, or was trained with another spec.
        SpecError: The run's spec cannot be read.
    """
    result = run.result()
    if result is None or result.status != "completed":
        how = f"failed ({result.error})" if result and result.status == "failed" else "has not finished"
        raise RunError(
            f"the run {run.path} exists and {how}, so it cannot be skipped; use --if-exists resume to continue it, or "
            "--if-exists overwrite to replace it"
        )
    changes = changes_between(_own_spec(run), wanted)
    if changes:
        raise RunError(
            "\n".join(
                [
                    f"the run {run.path} cannot be skipped: it was trained with another spec:",
                    *_lines(changes),
                    "choose another --output, or use --if-exists overwrite",
                ]
            )
        )
    return result


def with_epochs_of(run: RunDir, wanted: Experiment, budget: float) -> Experiment:
    """Return a spec with the epochs that were chosen for a run when it was started with the same budget.

    Raises:
        RunError: The run was started with another budget, or without one.
        SpecError: The run's spec cannot be read.
    """
    own = _own_spec(run).training
    if own.max_time != budget:
        was = "without a time limit" if own.max_time is None else f"for {in_words(own.max_time)}"
        raise RunError(
            f"the run {run.path} was started {was}, not with --budget {in_words(budget)}; leave out --budget, or choose "
            "another --output"
        )
    chosen = {name: getattr(own, name) for name in ("epochs", "max_steps", "max_time")}
    return wanted.model_copy(update={"training": wanted.training.model_copy(update=chosen)})


def _own_spec(run: RunDir) -> Experiment:
    with carrying(run.data_schema()):
        return load.load([run.config]).experiment


def changes_between(begun: Experiment, wanted: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return each dotted path at which two specs differ, with both values; paths are compared as absolute paths."""
    return dict(differences(with_absolute_paths(begun).model_dump(), with_absolute_paths(wanted).model_dump()))


def _lines(changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [f"  {path}: {_shown(before)} in the run, {_shown(now)} now" for path, (before, now) in changes.items()]


def _refusal(run: RunDir, changes: Mapping[str, tuple[Any, Any]], more_epochs: bool, schedule: str) -> str:
    lines = _lines(changes)
    if more_epochs and "training.epochs" in changes:
        lines.append(
            f"  the schedule {schedule} depends on the length of the run: with more epochs, all learning rates so far "
            "would have been different"
        )
    return "\n".join(
        [
            f"the run {run.path} cannot be resumed with a changed spec:",
            *lines,
            f"undo the change, or start a new run; training.initial_weights={run.path} starts it with these weights",
        ]
    )


def _shown(value: Any) -> str:
    """Format a value as in a spec."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
