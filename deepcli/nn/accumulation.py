"""Gradient accumulation in which every batch counts: the last group of an epoch is applied, however short it is."""

from __future__ import annotations

import functools
from typing import Any

import keras
from keras import ops

from deepcli.nn.inner_optimizer import inside


class GradientAccumulation(keras.optimizers.Optimizer):
    """Mixed into a Keras optimizer: weights change once a group of batches, by the mean of the group's gradients.

    Keras alone drops the last group of a run where it is incomplete, takes the moving average of the weights at every
    batch, and knows no updates, only batches. Here steps and updates are two counts: `_iterations` counts the steps
    of the data, which the learning rate follows; `iterations` counts updates, which moments, `ema_momentum`,
    `ema_overwrite_frequency` and `warmup_steps` follow. A group that is whole gives the same bits as in Keras.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Make Keras's variables and two more: the batches in the group at hand, and the updates so far."""
        if getattr(self, "built", False):
            return
        super().build(variables)
        self._group_size = self._counter("batches_in_group")
        self._group_updates = self._counter("updates")
        self._group_variables = variables

    def _counter(self, name: str) -> keras.Variable:
        return self.add_variable(
            shape=(), initializer="zeros", dtype="int", aggregation="only_first_replica", name=name
        )

    @property
    def iterations(self) -> Any:
        """Updates so far."""
        return self._group_updates

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[keras.Variable]) -> None:
        """Add a batch's gradients to its group, and update the weights where that makes the group whole."""
        self._group_variables = trainable_variables
        self._backend_increment_gradient_accumulators(grads, self._group_sums())
        self._group_size.assign_add(1)
        ops.cond(ops.equal(self._group_size, self.gradient_accumulation_steps), self._update_by_group, lambda: None)

    def complete_group(self) -> None:
        """Update the weights by the mean of the batches since the last update, if there are any."""
        if not int(self._group_size.numpy()):
            return
        self._iterations.assign_add(-1)  # the update belongs to the last step, and has its learning rate
        self._update_by_group()
        self._iterations.assign_add(1)
        for variable in self._group_variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    def _group_sums(self) -> list[keras.Variable]:
        sums = self._accumulated_gradients
        return [sums[self._get_variable_index(variable)] for variable in self._group_variables]

    def _update_by_group(self) -> None:
        gradients = [total / ops.cast(self._group_size, total.dtype) for total in self._group_sums()]
        gradients = self._clip_gradients(gradients)
        self._apply_weight_decay(self._group_variables)
        self._backend_update_step(gradients, self._group_variables, self.learning_rate)
        if self.use_ema:
            self._average_weights()
        self._group_updates.assign_add(1)
        self._group_size.assign(0)
        self._backend_reset_gradient_accumulators()

    def _average_weights(self) -> None:
        variables = self._trainable_variables
        self._update_model_variables_moving_average(variables)
        if every := self.ema_overwrite_frequency:
            ops.cond(
                ops.equal(ops.mod(self._group_updates + 1, every), 0),
                lambda: self._overwrite_model_variables_with_average_value(variables),
                lambda: None,
            )


def accumulating(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Give an optimizer that accumulates gradients, and is not built yet, complete groups; leave others alone."""
    if optimizer.gradient_accumulation_steps:
        optimizer.__class__ = _with_groups(type(optimizer))  # type: ignore[arg-type]
    return optimizer


@functools.cache
def _with_groups(cls: type[Any]) -> type[Any]:
    # Keras writes an optimizer into its files by module and name: those of the class that it knows.
    module = "keras.optimizers" if cls.__module__.startswith("keras.") else cls.__module__
    grouped = type(cls.__name__, (GradientAccumulation, cls), {"__module__": module, "__doc__": cls.__doc__})
    package, _, name = keras.saving.get_registered_name(cls).rpartition(">")
    if package:
        for one in (grouped, cls):  # both are written by this name, and what it names is the latter
            keras.saving.register_keras_serializable(package, name)(one)
    return grouped


def complete_group(optimizer: keras.optimizers.Optimizer) -> None:
    """Apply the gradients of an incomplete group, where an optimizer accumulates; the end of an epoch ends a group."""
    inner = inside(optimizer)
    if isinstance(inner, GradientAccumulation):
        inner.complete_group()
