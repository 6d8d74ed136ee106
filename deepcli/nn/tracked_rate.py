"""An optimizer that counts the variables of its learning rate among its own.

A compiled step may take the value of any variable that the optimizer does not name as a constant. JAX does: a rate that a
callback lowers later would be shown, and training would continue at the old one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras

from deepcli.nn.inner_optimizer import inside
from deepcli.nn.learning_rate import LearningRate
from deepcli.nn.optimizer_mixin import mixed

_WITHOUT = ContextVar("without_rates", default=False)


class RateTracking(keras.optimizers.Optimizer):
    """Mixin for a Keras optimizer: the learning rate's variables follow its own, but are not saved with them.

    A checkpoint has the scale in deepcli's state, and the rates follow from its spec, so files are as Keras writes them.
    """

    @property
    def variables(self) -> list[keras.Variable]:
        """The optimizer's variables, then those of its learning rate."""
        own: list[keras.Variable] = super().variables
        rate = self._learning_rate
        return own if _WITHOUT.get() or not isinstance(rate, LearningRate) else [*own, *rate.variables]

    def save_own_variables(self, store: Any) -> None:
        with _without_rates():
            super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        with _without_rates():
            count = len(self.variables)
            # Files of 0.1 have the weights behind the variables of an optimizer that accumulates gradients.
            if len(store.keys()) == count + len(self._trainable_variables) and inside(self).gradient_accumulation_steps:
                store = {str(place): store[str(place)] for place in range(count)}
            super().load_own_variables(store)


def tracking_rate(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Add `RateTracking` to an optimizer, and to the one inside its loss scaling."""
    for one in (optimizer, inside(optimizer)):
        if not isinstance(one, RateTracking):
            one.__class__ = mixed(RateTracking, type(one))  # type: ignore[arg-type]
    return optimizer


def saved_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the variables that a checkpoint has of an optimizer."""
    with _without_rates():
        return list(optimizer.variables)


@contextlib.contextmanager
def _without_rates() -> Iterator[None]:
    before = _WITHOUT.set(True)
    try:
        yield
    finally:
        _WITHOUT.reset(before)
