"""Gradient accumulation that uses every batch: the last group of an epoch is applied even if it is incomplete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from deepcli.nn.inner_optimizer import inside
from deepcli.nn.optimizer_mixin import mixed


class GradientAccumulation(keras.optimizers.Optimizer):
    """Mixin for a Keras optimizer: updates the weights once per group of batches, by the mean of their gradients.

    Keras itself drops an incomplete last group of a run, takes the moving average of the weights at every batch, and
    counts only batches. Here batches and updates have separate counters: `_iterations` counts batches and sets the
    learning rate; `iterations` counts updates and sets moments, `ema_momentum`, `ema_overwrite_frequency` and
    `warmup_steps`. A complete group gives results identical to Keras's, bit for bit.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Create Keras's variables and two more: the batches in the current group, and the updates so far."""
        if getattr(self, "built", False):
            return
        super().build(variables)
        self._group_size = self._counter("batches_in_group")
        self._group_updates = self._counter("updates")
        self._group_places = list(range(len(variables)))

    def _counter(self, name: str) -> keras.Variable:
        return self.add_variable(
            shape=(), initializer="zeros", dtype="int", aggregation="only_first_replica", name=name
        )

    @property
    def iterations(self) -> Any:
        """Updates so far."""
        return self._group_updates

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[keras.Variable]) -> None:
        """Add a batch's gradients to its group, and update the weights if the group is complete."""
        self._group_places = [self._get_variable_index(variable) for variable in trainable_variables]
        self._backend_increment_gradient_accumulators(grads, self._group_sums())
        self._group_size.assign_add(1)
        self._if(ops.equal(self._group_size, self.gradient_accumulation_steps), self._update_by_group)

    def complete_group(self) -> None:
        """Update the weights by the mean gradient of the batches since the last update, if there are any."""
        if not int(ops.convert_to_numpy(self._group_size)):
            return
        self._iterations.assign_add(-1)  # the update belongs to the last step, and has its learning rate
        self._update_by_group()
        self._iterations.assign_add(1)
        for variable in self._group_variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))

    @property
    def _group_variables(self) -> list[keras.Variable]:
        """The weights that the group updates; an attribute with them would make Keras count them as the optimizer's own."""
        return [self._trainable_variables[place] for place in self._group_places]

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
            self._if(
                ops.equal(ops.mod(self._group_updates + 1, every), 0),
                lambda: self._overwrite_model_variables_with_average_value(variables),
            )

    def _if(self, condition: Any, change: Callable[[], None]) -> None:
        """Change variables if a condition holds that is known only when the step runs."""
        if keras.backend.backend() == "tensorflow":
            ops.cond(condition, change, lambda: None)
            return
        # Elsewhere a branch only returns values; what it assigns is lost.
        variables = [*self.variables, *self._group_variables]

        def changed() -> list[Any]:
            with keras.StatelessScope([(variable, variable.value) for variable in variables]) as scope:
                change()
                return [scope.get_current_value(variable) for variable in variables]

        values = ops.cond(condition, changed, lambda: [variable.value for variable in variables])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def accumulating(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Add `GradientAccumulation` to an optimizer that accumulates gradients and is not built yet; return others as is."""
    if optimizer.gradient_accumulation_steps:
        optimizer.__class__ = mixed(GradientAccumulation, type(optimizer))  # type: ignore[arg-type]
    return optimizer


def complete_group(optimizer: keras.optimizers.Optimizer) -> None:
    """Apply the gradients of an incomplete group at the end of an epoch, if the optimizer accumulates gradients."""
    inner = inside(optimizer)
    if isinstance(inner, GradientAccumulation):
        inner.complete_group()
