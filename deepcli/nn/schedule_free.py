"""Schedule-free AdamW as in its paper, with Keras's name, fields and variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class ScheduleFreeAdamW(keras.optimizers.ScheduleFreeAdamW):
    """Schedule-free AdamW: steps move z, gradients are taken at y = (1 - beta_1) z + beta_1 x, x is the average of all z.

    Algorithm 1 of Defazio et al. 2024, https://arxiv.org/abs/2405.15682. During training the weights of the model are y
    and `momentum` holds z; x follows from both, and is the result. Keras 3.15 has these variables too, but computes x from
    the z after the step instead of the one before it, subtracts the decay from x alone, and never changes from y to x. As
    in Keras, all steps have the same weight in x; the paper weights them by the square of their rate, which makes no
    difference if the rate is constant.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        dtype, index = variable.dtype, self._get_variable_index(variable)
        base, velocity = self._momentums[index], self._velocities[index]
        # The gradient of an embedding may repeat rows; the sum with zeros adds these up before anything is squared.
        gradient = ops.add(ops.zeros(variable.shape, dtype), ops.cast(gradient, dtype))
        step, rate = ops.cast(self.iterations + 1, dtype), ops.cast(learning_rate, dtype)
        if self.warmup_steps:
            rate *= ops.minimum(step / self.warmup_steps, 1.0)
        average = self._average(variable, base)
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1 - self.beta_2))
        correction = 1 - ops.power(ops.cast(self.beta_2, dtype), step)
        direction = gradient / (ops.sqrt(velocity / correction) + self.epsilon)
        if self.weight_decay and self._use_weight_decay(variable):
            direction += self.weight_decay * variable
        self.assign_sub(base, rate * direction)
        average += (base - average) / step
        self.assign(variable, (1 - self.beta_1) * base + self.beta_1 * average)

    def _average(self, variable: Any, base: Any) -> Any:
        return (variable - (1 - self.beta_1) * base) / self.beta_1

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Do nothing: in `update_step`, the decay is part of the step of z."""

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Replace the weights by their average, as Keras does at the end of training with `use_ema`.

        With `use_ema`, the result is the moving average of the training weights (y) instead.
        """
        if self.use_ema:
            super().finalize_variable_values(var_list)
            return
        for variable in var_list:
            variable.assign(self._average(variable, self._momentums[self._get_variable_index(variable)]))
