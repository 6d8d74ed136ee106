"""The JAX backend: compiled steps and predictions, on one device or those of all processes of a run."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import keras
import numpy as np

from deepcli.data.arrays.splits import Inputs, Split
from deepcli.errors import TrainingError
from deepcli.inputs.example import joined_outputs
from deepcli.models.base import Stepper, Translator
from deepcli.nn.accumulation import complete_group
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.signals import heed
from deepcli.training.backend import Batches, Check, Kept, Steps, Translating, in_order
from deepcli.training.jax_batches import Gather, JaxBatches, ahead, gatherer, pair_gatherer
from deepcli.training.jax_functions import Predictor, stepping, translating
from deepcli.training.jax_placement import OneDevice, Placement
from deepcli.training.order import Order, by_size

OUT_OF_MEMORY = (MemoryError,)
"""Exceptions that mean that memory ran out; JAX itself has one class for all that can fail."""


class JaxBackend:
    """The JAX backend.

    A step is a pure function of all variables and a batch. The variables of the model hold their values between calls only:
    within a call of several steps, values pass from one step to the next, in the same memory.

    Args:
        placement: Where variables and batches lie.
        group: The processes that take each step together.
    """

    def __init__(self, placement: Placement, group: ProcessGroup = ALONE) -> None:
        self.replicas = 1
        self._placement, self._group = placement, group
        self._step: tuple[keras.Model, keras.optimizers.Optimizer, Callable[..., Any]] | None = None
        self._predictors: list[Predictor] = []

    def alone(self) -> JaxBackend:
        """Return a backend that computes without the other processes of the run."""
        return JaxBackend(OneDevice()) if self._group.count > 1 else self

    def prepare(self, model: keras.Model) -> None:
        """Forget the compiled step of a model that was compiled anew."""
        self._step = None
        self._predictors.clear()

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables must be created: any, as the device was set up for the process."""
        return self._named_errors()

    def batches(self, split: Split, order: Order, class_weights: np.ndarray | None) -> Batches:
        """Prepare a split for training."""
        return JaxBatches(split, order, class_weights, self._placement.batch)

    def take_steps(self, model: keras.Model, batches: Iterator[Any]) -> Mapping[str, Any]:
        """Take the next steps, as `fit` would."""
        first = next(batches)
        step = self._compiled(model, first)
        groups = _variables(model)
        state = self._state(groups)
        try:
            with self._named_errors():
                logs, state = step(state, first)
                for batch in itertools.islice(batches, model.steps_per_execution - 1):
                    logs, state = step(state, batch)
                jax.block_until_ready(logs)  # so that the time of a call is that of its steps
        finally:
            self._placement.keep(_flat(groups), [value for values in state for value in values])
        found: Mapping[str, Any] = self._placement.here(logs)
        return found

    def _compiled(self, model: keras.Model, batch: Any) -> Callable[..., Any]:
        if self._step is None or self._step[0] is not model or self._step[1] is not model.optimizer:
            model._symbolic_build(data_batch=batch)  # creates the variables of metrics, which a compiled step cannot
            step = self._placement.compiled_step(model.train_step, _variables(model))
            self._step = model, model.optimizer, step
        return self._step[2]

    def _state(self, groups: Sequence[Sequence[keras.Variable]]) -> tuple[list[Any], ...]:
        """Return the values of variables, none of which shares its memory with another: a step overwrites it."""
        values = iter(self._placement.owned(_flat(groups)))
        return tuple([next(values) for _ in group] for group in groups)

    def take_single_steps(self, model: keras.Model) -> None:
        """Take one step per call from now on, regardless of the model's `steps_per_execution`."""
        model.steps_per_execution = 1

    def complete_update(self, model: keras.Model) -> None:
        """Apply the gradients accumulated since the last update, if any."""
        complete_group(model.optimizer)

    def whole(self, batch: Any) -> Any:
        """Return a batch, which is in one piece."""
        return batch

    def gradients(self, model: keras.Model, batch: Any) -> list[np.ndarray]:
        """Return the gradient of each trainable variable for one batch."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        trained, others, optimizer, metrics = self._state(_variables(model))

        def loss(values: list[Any]) -> Any:
            return model.compute_loss_and_updates(
                values, others, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
            )[1][0]

        return [np.array(gradient) for gradient in jax.grad(loss)(trained)]

    def predict(self, model: keras.Model, x: Inputs, batch_size: int, check: Check = heed) -> np.ndarray:
        """Predict in batches of similar length, then restore the order of the inputs."""
        order, predictor, parts = by_size(x), self._predictor(model), []
        for count, (batch,) in self._batches_of(gatherer(x), order, batch_size):
            with self._named_errors():
                parts.append(predictor(batch)[:count])
            check()
        outputs = joined_outputs(parts)
        ordered = np.empty((len(x), *outputs.shape[1:]), np.float32)
        ordered[order] = outputs
        return ordered

    def _batches_of(self, gather: Gather, order: np.ndarray, size: int) -> Iterator[tuple[int, Any]]:
        """Yield batches and how many examples of each count; its last example is repeated, so that few sizes are compiled."""
        places = [order[begin : begin + size] for begin in range(0, len(order), size)]
        rows = -(-min(size, len(order)) // self._placement.multiple) * self._placement.multiple
        filled = (np.pad(positions, (0, rows - len(positions)), mode="edge") for positions in places)
        batches = ahead(lambda positions: self._placement.inputs(gather, positions), filled)
        return zip(map(len, places), batches, strict=True)

    def _predictor(self, model: keras.Model, kept: Kept | None = None) -> Predictor:
        """Compile a model's predictions, or take them from an earlier call: every epoch predicts the same inputs."""
        for known in self._predictors:
            if known.model is model and known.kept is kept:
                return known
        self._predictors = [*self._predictors[-3:], Predictor(model, kept, self._placement)]
        return self._predictors[-1]

    def keep(self, model: keras.Model, split: Split, batch_size: int, kept: Kept, check: Check = heed) -> np.ndarray:
        """Compute outputs and what is kept of them in one compiled function."""
        order, predictor = by_size(split.x), self._predictor(model, kept)
        batches = self._batches_of(pair_gatherer(split), order, batch_size)
        with self._named_errors():
            return in_order((predictor(x, y)[:count] for count, (x, y) in batches), order, split, check)

    def function(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        """Compile the model for batches of any size."""
        predictor = Predictor(model, None, OneDevice())
        return lambda x: predictor.filled(x, 1 << max(len(x) - 1, 0).bit_length())

    def gpu_memory(self, reset: bool = False) -> tuple[int, int]:
        """Return the bytes in use and at the peak, on the GPU that has most; JAX counts the peak of the whole process."""
        found = [stats for device in jax.local_devices() if (stats := device.memory_stats())]
        in_use = max((int(one["bytes_in_use"]) for one in found), default=0)
        return in_use, max((int(one.get("peak_bytes_in_use", 0)) for one in found), default=0)

    def stepping(self, stepper: Stepper) -> Steps:
        """Return a function that computes a language model's logits from further tokens of one text."""
        return stepping(stepper)

    def translating(self, translator: Translator, candidates: int, forbidden: Sequence[int]) -> Translating:
        """Return functions that write the targets of inputs."""
        return translating(translator, candidates, forbidden)

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn JAX's errors into those that say what happened: memory ran out, or another process is lost."""
        try:
            yield
        except (jax.errors.JaxRuntimeError, ValueError) as error:
            if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
                raise MemoryError(str(error)) from error
            if (why := self._group.explain(error)) is not error:
                raise why from error
            if isinstance(error, jax.errors.JaxRuntimeError):
                first = str(error).strip().partition("\n")[0][:200]
                # XLA's kernels for CPUs say no more than that, where they get no memory.
                raise TrainingError(
                    f"JAX failed: {first}; if memory ran out, reduce data.batch_size or the model"
                ) from error
            raise

    def read(self, variable: keras.Variable) -> np.ndarray:
        """Return a variable's value, in memory of its own: a step reuses that of the variable."""
        return np.array(variable.value)

    def write(self, variable: keras.Variable, value: np.ndarray) -> None:
        """Set a variable's value."""
        variable.assign(np.array(value))


def _variables(model: keras.Model) -> tuple[list[keras.Variable], ...]:
    """Return what a step reads and writes, as Keras's `train_step` takes it."""
    return (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )


def _flat(groups: Sequence[Sequence[keras.Variable]]) -> list[keras.Variable]:
    return [variable for group in groups for variable in group]
