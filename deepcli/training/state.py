"""A checkpoint's state besides weights: random generators, metrics, callbacks and the position in the run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np

from deepcli.errors import CheckpointError
from deepcli.experiment.schema import Experiment
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.result import finite
from deepcli.run.checkpoint import state
from deepcli.training.backend import Backend


@dataclass(frozen=True)
class Position:
    """A position in a run: completed epochs, steps taken in the next one, and total steps; an epoch's end is (n, 0)."""

    epoch: int = 0
    step: int = 0
    total: int = 0


@dataclass(frozen=True)
class State:
    """Everything besides the weights that is needed to resume a run or to repeat an evaluation.

    Attributes:
        position: The position in the run.
        precision: Keras's dtype policy.
        threads: CPU threads, on which the last bits of results depend.
        plugins: The plugins of the run; they are imported only if the user names them again.
        best: The best epoch so far, counted from 1, and its metrics.
        callbacks: The callbacks' states by name.
        rollbacks: The rollbacks after divergences so far.
        variables: Random generators, metrics and the learning rate's scale, by name.
        weights: Whether the checkpoint's weights are the training weights or their averages; None in older checkpoints,
            which do not record it.
        data: The fingerprint of the training data; empty in older checkpoints.
    """

    position: Position
    precision: str
    threads: int
    plugins: tuple[str, ...] = ()
    best: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    rollbacks: tuple[Mapping[str, Any], ...] = ()
    variables: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights: Literal["raw", "averaged"] | None = None
    data: Mapping[str, str | None] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Serialize the state as an `.npz` of plain arrays; one of them holds everything else as JSON."""
        plain = {
            "position": vars(self.position),
            "precision": self.precision,
            "threads": self.threads,
            "plugins": list(self.plugins),
            "best": finite(dict(self.best)),
            "callbacks": finite(dict(self.callbacks)),
            "rollbacks": finite(self.rollbacks),
            "weights": self.weights,
            "data": dict(self.data),
        }
        out = io.BytesIO()
        np.savez(out, json=np.frombuffer(json.dumps(plain).encode(), np.uint8), **self.variables)  # type: ignore[arg-type]
        return out.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> State:
        """Read a state that `to_bytes` wrote.

        Raises:
            CheckpointError: The content is damaged.
        """
        try:
            plain, variables = state.read(content)
        except ValueError as error:
            raise CheckpointError(f"the checkpoint's state is damaged: {error}") from None
        return cls(
            Position(**plain["position"]),
            plain["precision"],
            plain["threads"],
            tuple(plain["plugins"]),
            plain["best"],
            plain["callbacks"],
            tuple(plain["rollbacks"]),
            variables,
            plain["weights"],
            plain["data"],
        )


def stage_of(experiment: Experiment, epoch: int) -> int:
    """Return the stage that trains an epoch, which is counted from 0."""
    return max(number for number, stage in enumerate(experiment.model.stages) if stage.begins <= epoch)


def trained_stage(experiment: Experiment, position: Position) -> int:
    """Return the stage of the last step before a position."""
    return stage_of(experiment, position.epoch if position.step else max(position.epoch - 1, 0))


def begins_stage(experiment: Experiment, position: Position) -> int | None:
    """Return the stage that begins with the next step; None if the present one continues."""
    later = [stage.begins for stage in experiment.model.stages[1:]]
    return stage_of(experiment, position.epoch) if not position.step and position.epoch in later else None


def random_variables(model: keras.Model) -> list[keras.Variable]:
    """Return the states of a model's random generators."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def state_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables that Keras leaves out of its own files, under names that do not depend on the process."""
    variables = {f"random/{index}": variable for index, variable in enumerate(random_variables(model))}
    if model.optimizer is not None:
        metrics = [variable for metric in model.metrics for variable in metric.variables]
        variables |= {f"metric/{index}": variable for index, variable in enumerate(metrics)}
        variables["learning_rate/scale"] = inner_optimizer(model)._learning_rate.scale
    return variables


def read_variables(model: keras.Model, backend: Backend) -> dict[str, np.ndarray]:
    """Read all state variables by name."""
    return {name: backend.read(variable) for name, variable in state_variables(model).items()}


def write_variables(model: keras.Model, backend: Backend, values: Mapping[str, np.ndarray]) -> None:
    """Set all state variables to earlier values.

    Raises:
        CheckpointError: The values belong to another model.
    """
    variables = state_variables(model)
    if set(variables) != set(values):
        raise CheckpointError("the checkpoint's state belongs to another model")
    values = {name: _as_here(name, value, variables[name]) for name, value in values.items()}
    for name, variable in variables.items():
        if values[name].shape != tuple(variable.shape) or values[name].dtype.name != variable.dtype:
            raise CheckpointError(f"the checkpoint's state belongs to another model: {name} differs in shape or type")
    for name, variable in variables.items():
        backend.write(variable, values[name])


def _as_here(name: str, value: np.ndarray, variable: keras.Variable) -> np.ndarray:
    """Return the state of a random generator in the type of this backend, as each has its own type of integers."""
    if not name.startswith("random/") or value.dtype.kind not in "iu" or variable.dtype not in ("uint32", "int64"):
        return value
    return value.astype(variable.dtype) if value.size and value.min() >= 0 and value.max() < 1 << 32 else value
