"""A run's checkpoints: `best.keras`, `last.keras` and the steps before it; written, and restored from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import keras

from deepcli.errors import CheckpointError, TrainingError
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.run.checkpoint.file import STATE, CheckpointFile, open_checkpoint
from deepcli.run.checkpoint.saved_state import plain_values
from deepcli.training.averaging import averaged_weights
from deepcli.training.build import build_compiled_metrics
from deepcli.training.callbacks import Best, Stateful
from deepcli.training.context import Rollbacks, RunContext
from deepcli.training.divergence import demand_finite_weights
from deepcli.training.loop import Loop
from deepcli.training.saving import load_training, save
from deepcli.training.snapshot import WeightSnapshot
from deepcli.training.stages import enter_stage
from deepcli.training.state import Position, State, read_variables, trained_stage, write_variables


@runtime_checkable
class HasState(Protocol):
    """Anything whose state belongs in a checkpoint, as values that JSON can hold."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""


class Checkpointer:
    """Writes the checkpoints of one session, and restores the session from one.

    Args:
        context: The run's spec, data and settings.
        model: The compiled model.
        loop: Has the position in the run.
        best: The best epoch; its state is stored in `best.keras` and in `last.keras`.
        states: The callbacks with a state, by the names that checkpoints use.
        rollbacks: The rollbacks so far.

    Attributes:
        saved: The position of `last.keras`; None if there is none yet.
    """

    def __init__(
        self,
        context: RunContext,
        model: keras.Model,
        loop: Loop,
        best: Best,
        states: Mapping[str, HasState],
        rollbacks: Rollbacks = (),
    ) -> None:
        self._context, self._model, self._loop, self._best, self._states = context, model, loop, best, states
        self.rollbacks = rollbacks
        self.saved: Position | None = None
        self._waiting: WeightSnapshot | None = None

    def restore(self, checkpoint: CheckpointFile | None) -> None:
        """Restore model, callbacks and position from a checkpoint, if any, and the best epoch from `best.keras`.

        Raises:
            CheckpointError: The checkpoint is damaged or belongs to another model or run.
        """
        run = self._context.run
        if state := restore_model(self._context, self._model, checkpoint, self.rollbacks):
            for name, callback in self._states.items():
                # A caller's callback may be a new one; a run's own always has a state.
                if name in state.callbacks or isinstance(callback, Stateful):
                    _load(callback, name, state.callbacks.get(name, {}), run.last)
            self.rollbacks = (*state.rollbacks, *self.rollbacks[len(state.rollbacks) :])
            self.saved = self._loop.position = state.position
        if run.best.is_file():
            _load(self._best, "best", State.from_bytes(open_checkpoint(run.best).read(STATE)).best, run.best)

    def save_best(self) -> None:
        """Write `best.keras`, or keep the weights in memory until `last.keras` is due; with averages if there are any."""
        demand_finite_weights(self._model)
        with averaged_weights(self._model) as averaged:
            state = self._state("averaged" if averaged else "raw")
            if self._context.options.seconds_between_saves:
                self._waiting = WeightSnapshot(self._model, self._context.backend, state)
            else:
                self._write(self._context.run.best, state)

    def save_last(self) -> None:
        """Write `last.keras`, unless training has not moved since; the best weights that wait in memory come first."""
        run, keep = self._context.run, self._context.experiment.training.checkpoint.keep
        state = self._state()
        self._save_waiting()
        if state.position == self.saved:
            return
        demand_finite_weights(self._model)
        self._write(run.last, state)
        self.saved = state.position
        if keep > 1 and self._context.group.is_first:
            _link(run.last, run.checkpoints / f"step-{state.position.total:08d}.keras")
            for old in sorted(run.checkpoints.glob("step-*.keras"))[:-keep]:
                old.unlink()

    def _save_waiting(self) -> None:
        if self._waiting:
            with self._waiting.put_back() as state:
                self._write(self._context.run.best, state)
            self._waiting = None

    def _write(self, path: Path, state: State) -> None:
        if self._context.group.is_first:
            save(path, self._model, self._context.experiment, state, self._context.splits.lexicon())

    def _state(self, weights: Literal["raw", "averaged"] = "raw") -> State:
        context = self._context
        if not self._loop.position.total:
            with context.backend.scope():
                build_compiled_metrics(self._model, context.experiment)
        return State(
            self._loop.position,
            context.settings.precision.value,
            context.settings.device.threads,
            context.options.plugins,
            self._best.state_dict(),
            {name: _plain(name, callback) for name, callback in self._states.items()},
            self.rollbacks,
            read_variables(self._model, context.backend),
            weights,
            context.splits.provenance.fingerprint,
        )


def restore_model(
    context: RunContext, model: keras.Model, checkpoint: CheckpointFile | None, rollbacks: Rollbacks
) -> State | None:
    """Restore a model from a checkpoint, if any; halve the learning rate for each rollback since then.

    Raises:
        CheckpointError: The checkpoint is damaged, belongs to another model, or holds averaged weights.
    """
    experiment = context.experiment
    if checkpoint and len(experiment.model.stages) > 1:
        position = State.from_bytes(checkpoint.read(STATE)).position
        if stage := trained_stage(experiment, position):
            enter_stage(model, experiment, context.settings, context.backend, stage)
    state = load_training(model, checkpoint) if checkpoint else None
    if state:
        with context.backend.scope():
            build_compiled_metrics(model, context.experiment)
        write_variables(model, context.backend, state.variables)
    scale = inner_optimizer(model)._learning_rate.scale
    scale.assign(scale * 0.5 ** max(len(rollbacks) - len(state.rollbacks if state else ()), 0))
    return state


def _load(callback: HasState, name: str, state: Mapping[str, Any], path: Path) -> None:
    try:
        callback.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path}: its state belongs to another run: {name} has no {error}") from None


def _plain(name: str, callback: HasState) -> Mapping[str, Any]:
    """Return a callback's state.

    Raises:
        TrainingError: A checkpoint cannot hold it.
    """
    state = callback.state_dict()
    if isinstance(callback, Stateful):
        return state
    try:
        json.dumps(state)
        plain_values(dict(state))
    except (TypeError, ValueError) as error:
        raise TrainingError(f"callback {name}: its state cannot be saved: {error}") from None
    return state


def _link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it if the file system has no links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
