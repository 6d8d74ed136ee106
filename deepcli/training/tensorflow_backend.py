"""The TensorFlow backend: compiled steps and predictions, on one device or mirrored on several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deepcli.data.arrays.splits import Inputs, Split
from deepcli.inputs.example import joined_outputs
from deepcli.models.base import Stepper, Translator
from deepcli.nn.accumulation import complete_group
from deepcli.system.signals import heed
from deepcli.training.backend import Batches, Check, Kept, Steps, Translating, in_order
from deepcli.training.order import Order
from deepcli.training.pipeline import InferenceBatches, MeasuringBatches, TrainingBatches
from deepcli.training.replicas import gathered, mirror
from deepcli.training.tensorflow_reading import reading_errors

OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
"""Exceptions that mean that memory ran out."""


class TensorFlowBackend:
    """The TensorFlow backend, on one device or mirrored on several.

    Args:
        strategy: Where variables and steps are placed.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self._prepared: InferenceBatches | None = None
        self._measuring: MeasuringBatches | None = None
        self._keeping: tuple[keras.Model, Kept, Callable[..., Any]] | None = None
        self.replicas: int = strategy.num_replicas_in_sync

    def alone(self) -> TensorFlowBackend:
        """Return this backend, as a run on TensorFlow has one process."""
        return self

    def prepare(self, model: keras.Model) -> None:
        """Replace the parts of a model that would compute other figures on several devices."""
        if self.replicas > 1:
            mirror(model)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables must be created."""
        return self._strategy.scope()  # type: ignore[no-any-return]

    def batches(self, split: Split, order: Order, class_weights: np.ndarray | None) -> Batches:
        """Prepare a split for training."""
        return TrainingBatches(split, order, class_weights, self._strategy)

    def take_steps(self, model: keras.Model, batches: Iterator[Any]) -> Mapping[str, Any]:
        """Take the next steps, as `fit` would."""
        model.make_train_function()
        with reading_errors():
            return model.train_function(batches)  # type: ignore[no-any-return]

    def take_single_steps(self, model: keras.Model) -> None:
        """Take one step per call from now on, regardless of the model's `steps_per_execution`."""
        model.steps_per_execution = 1
        model.make_train_function(force=True)

    def complete_update(self, model: keras.Model) -> None:
        """Apply the gradients accumulated since the last update, if any."""
        complete_group(model.optimizer)

    def whole(self, batch: Any) -> Any:
        """Return a batch in one piece, even if its parts are on several devices."""
        return gathered(self._strategy, batch)

    def gradients(self, model: keras.Model, batch: Any) -> list[np.ndarray]:
        """Return the gradient of each trainable variable for one batch that is in one piece."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True), sample_weight, training=True)
        found = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        return [np.zeros(()) if gradient is None else np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]

    def predict(self, model: keras.Model, x: Inputs, batch_size: int, check: Check = heed) -> np.ndarray:
        """Predict in batches of similar length, then restore the order of the inputs."""
        model.make_predict_function()
        prepared = self._prepare(x, batch_size)
        batches, parts = iter(prepared), []
        while True:
            try:
                with reading_errors():
                    parts.append(np.asarray(model.predict_function([next(batches)])))
            except StopIteration:
                break
            check()
        outputs = joined_outputs(parts)
        ordered = np.empty((len(x), *outputs.shape[1:]), np.float32)
        ordered[prepared.positions] = outputs
        return ordered

    def _prepare(self, x: Inputs, batch_size: int) -> InferenceBatches:
        """Make batches, or reuse those of the previous call: every epoch predicts the same validation inputs."""
        known = self._prepared
        if known is None or known.x is not x or known.batch_size != batch_size:
            self._prepared = known = InferenceBatches(x, batch_size, self._strategy)
        return known

    def keep(self, model: keras.Model, split: Split, batch_size: int, kept: Kept, check: Check = heed) -> np.ndarray:
        """Compute outputs and what is kept of them in one graph, on the first of several devices."""
        known = self._measuring
        if known is None or known.split is not split or known.batch_size != batch_size:
            self._measuring = known = MeasuringBatches(split, batch_size)
        compute = self._kept_function(model, kept)
        with reading_errors():
            return in_order((np.asarray(compute(x, y)) for x, y in known), known.positions, split, check)

    def _kept_function(self, model: keras.Model, kept: Kept) -> Callable[..., Any]:
        """Compile what `keep` computes, or take it from the previous call."""
        if self._keeping is None or self._keeping[0] is not model or self._keeping[1] is not kept:
            compute = tf.function(
                lambda x, y: kept(y, model(x, training=False)), autograph=False, reduce_retracing=True
            )
            self._keeping = model, kept, compute
        return self._keeping[2]

    def function(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        """Compile the model once, for batches of any size."""
        inputs = model.inputs[0]
        signature = tf.TensorSpec((None, *inputs.shape[1:]), inputs.dtype)
        compiled = tf.function(lambda x: model(x, training=False), [signature], autograph=False)
        return lambda x: np.asarray(compiled(tf.constant(x)), np.float32)

    def gpu_memory(self, reset: bool = False) -> tuple[int, int]:
        """Return the bytes in use and at the peak, on the GPU that has most."""
        names = [gpu.name.removeprefix("/device:") for gpu in tf.config.list_logical_devices("GPU")]
        found = [tf.config.experimental.get_memory_info(name) for name in names]
        if reset:
            for name in names:
                tf.config.experimental.reset_memory_stats(name)
        return max(int(one["current"]) for one in found), max(int(one["peak"]) for one in found)

    def stepping(self, stepper: Stepper) -> Steps:
        """Compile a graph for single tokens, and one for any number of them."""
        start = tuple(tf.zeros((1, *shape)) for shape in stepper.shapes)

        def step(tokens: tf.Tensor, before: tf.Tensor, state: tuple[tf.Tensor, ...]) -> Any:
            outputs, after = stepper.step(tokens, before, state)
            return outputs[0, -1], tuple(tf.cast(one, tf.float32) for one in after)

        states = tuple(tf.TensorSpec(one.shape, one.dtype) for one in start)
        single, several = (
            tf.function(
                step, [tf.TensorSpec((1, steps), tf.int32), tf.TensorSpec((), tf.int32), states], autograph=False
            )
            for steps in (1, None)
        )

        def run(tokens: np.ndarray, before: int, state: Any) -> tuple[np.ndarray, Any]:
            compute = single if tokens.shape[1] == 1 else several
            logits, after = compute(tf.constant(tokens), tf.constant(before), start if state is None else state)
            return np.asarray(logits, np.float32), after

        return run

    def translating(self, translator: Translator, candidates: int, forbidden: Sequence[int]) -> Translating:
        """Compile a graph that reads inputs, and one that takes a step of a search."""
        never = tf.constant([*forbidden], tf.int32)

        def step(tokens: tf.Tensor, order: tf.Tensor, before: tf.Tensor, state: Any) -> Any:
            state = tf.nest.map_structure(lambda one: tf.gather(one, order), state)
            logits, after = translator.step(tokens[:, None], before, state)
            log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
            blocked = tf.reduce_sum(tf.one_hot(never, tf.shape(logits)[-1]), axis=0)
            values, ids = tf.math.top_k(log_probabilities - 1e9 * blocked, min(candidates, logits.shape[-1]))
            return values, ids, after

        begin = tf.function(translator.begin, [tf.TensorSpec((None, None), tf.int32)], autograph=False)
        outputs = begin.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(lambda one: tf.TensorSpec(one.shape, one.dtype), outputs)
        row = tf.TensorSpec((None,), tf.int32)
        compiled = tf.function(step, [row, row, tf.TensorSpec((), tf.int32), specs], autograph=False)

        def run(tokens: np.ndarray, order: np.ndarray, before: int, state: Any) -> tuple[np.ndarray, np.ndarray, Any]:
            found = compiled(tf.constant(tokens), tf.constant(order), tf.constant(before), state)
            return np.asarray(found[0]), np.asarray(found[1]), found[2]

        return lambda rows: begin(tf.constant(rows)), run

    def read(self, variable: keras.Variable) -> np.ndarray:
        """Return a variable's value."""
        return np.asarray(variable.numpy())

    def write(self, variable: keras.Variable, value: np.ndarray) -> None:
        """Set a variable's value."""
        variable.assign(value)
