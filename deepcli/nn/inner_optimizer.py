"""Access to the optimizer that a spec names, inside the loss scaling that Keras adds in mixed_float16."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def inside(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer inside the loss scaling, or the optimizer itself if there is no scaling."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def inner_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """Return the optimizer of a compiled model, without loss scaling."""
    return inside(model.optimizer)
