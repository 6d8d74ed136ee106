"""Training on several devices of TensorFlow with the same mathematics as on one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from deepcli.errors import UsageError
from deepcli.nn.dropconnect import DropsWeights
from deepcli.nn.inner_optimizer import inner_optimizer

MOST_SEEDS = 1_000_000_007
"""The upper limit of the seeds that Keras draws."""


def mirror(model: keras.Model) -> None:
    """Make a compiled model with several replicas take the same steps as on one device.

    Keras averages the replicas' mean losses, clips each replica's gradients separately, normalizes by the statistics of
    each replica's share of the batch, and drops the same units on each. Here a replica is weighted by the size of its
    share, which may be smaller in the last batch, even empty; the sum of all gradients is clipped; statistics are those
    of the whole batch; and each replica draws its own random numbers.

    Raises:
        UsageError: The model has a training step of its own.
    """
    if type(model).train_step is not keras.Model.train_step:
        raise UsageError("the model has a training step of its own; train it on one device (--device gpu:0)")
    for layer in model._flatten_layers():
        # A layer that drops weights instead of units has one mask for the whole batch.
        generator = getattr(layer, "seed_generator", None)
        if isinstance(generator, keras.random.SeedGenerator) and not isinstance(layer, DropsWeights):
            generator.next = functools.partial(_own_seed, generator.next)
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
            layer._moments = functools.partial(_whole_moments, layer._reduction_axes)
    _clip_sums(inner_optimizer(model))
    model.train_step = _train_step(model)


def _train_step(model: keras.Model) -> Callable[[Any], Mapping[str, Any]]:
    """Return Keras's `train_step`, changed so that each example of a batch has the same weight on any replica."""

    def train_step(data: Any) -> Mapping[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        context = tf.distribute.get_replica_context()
        share = tf.cast(tf.shape(y)[0], tf.float32)
        weight = share * context.num_replicas_in_sync / context.all_reduce(tf.distribute.ReduceOp.SUM, share)
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            # Keras divides the loss by the number of replicas, so that the sum over them is a mean.
            loss = model._compute_loss(x=x, y=y, y_pred=outputs, sample_weight=sample_weight, training=True)
            model._loss_tracker.update_state(loss * context.num_replicas_in_sync, sample_weight=share)
            scaled = model.optimizer.scale_loss(loss * tf.cast(weight, loss.dtype))
        gradients = tape.gradient(scaled, model.trainable_weights)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        measured: Mapping[str, Any] = model.compute_metrics(x, y, outputs, sample_weight=sample_weight)
        return measured

    return train_step


def _own_seed(draw: Callable[..., tf.Tensor], ordered: bool = True) -> tf.Tensor:
    """Draw a seed that differs between replicas; the first replica's seed is that of a single device."""
    seed, context = draw(ordered), tf.distribute.get_replica_context()
    replica = context.replica_id_in_sync_group if context else 0
    return seed + tf.cast(tf.stack([replica * MOST_SEEDS, 0]), seed.dtype)


def _whole_moments(axes: Sequence[int], inputs: Any, mask: Any) -> tuple[Any, Any]:
    """Compute the mean and variance of the whole batch, called on each replica with its share.

    Keras's own synchronized moments subtract large numbers, which loses precision, and do not synchronize masked steps.
    """
    ones = tf.ones_like(inputs)
    real = ones if mask is None else tf.where(mask[..., None], ones, 0)

    def summed(values: Any) -> Any:
        total = tf.reduce_sum(tf.where(real > 0, values, 0), axes)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, total)

    count = tf.maximum(summed(ones), 1)
    mean = summed(inputs) / count
    shape = [1 if axis in axes else -1 for axis in range(len(inputs.shape))]
    return mean, summed(tf.square(inputs - tf.reshape(mean, shape))) / count


def _clip_sums(optimizer: keras.optimizers.Optimizer) -> None:
    """Make an optimizer clip the sum of the replicas' gradients, not each replica's before the sum."""
    if not (optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm):
        return
    clip = optimizer._clip_gradients

    def clip_sums(gradients: list[Any]) -> list[Any]:
        context = tf.distribute.get_replica_context()
        clipped = clip(context.all_reduce(tf.distribute.ReduceOp.SUM, gradients))
        return [_divided(gradient, context.num_replicas_in_sync) for gradient in clipped]

    optimizer._clip_gradients = clip_sums


def _divided(gradient: Any, count: int) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values / count, gradient.indices, gradient.dense_shape)
    return gradient / count


def gathered(strategy: tf.distribute.Strategy, batch: Any) -> Any:
    """Concatenate the replicas' shares of a batch."""
    if strategy.num_replicas_in_sync == 1:
        return batch
    with tf.device("CPU:0"):
        return tuple(tf.concat(strategy.experimental_local_results(part), axis=0) for part in batch)
