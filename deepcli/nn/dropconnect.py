"""DropConnect: dense and convolution layers that drop weights, not activations, during training."""

from __future__ import annotations

from typing import Any

import keras

from deepcli.nn.one_hot import OneHotConv1D

register = keras.saving.register_keras_serializable("deepcli")


class DropsWeights(keras.layers.Layer):
    """Mixin for a Keras layer with one `kernel`: drops weights of the kernel during training (Wan et al. 2013).

    Each entry of the kernel is zeroed with probability `rate` and the others are scaled by 1 / (1 - rate), so the
    mean over masks is the full kernel, which inference uses. All examples of a batch share one mask; the paper draws
    one per example, which needs a kernel per example in memory. Biases are kept.

    Args:
        rate: Probability of dropping a weight, in [0, 1).
        seed: Seed of the masks; None derives it from Keras's global seed.
    """

    def __init__(self, *args: Any, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._thinning = False

    @property
    def kernel(self) -> Any:
        """The kernel; in a training call, a copy with weights dropped, so that gradients reach only the kept ones."""
        kernel = super().kernel
        if not self._thinning:
            return kernel
        kernel = keras.ops.cast(kernel, self.compute_dtype)
        return keras.random.dropout(kernel, self.rate, seed=self.seed_generator)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Call the layer; Keras's own `call` reads `self.kernel` once, so each call uses one mask."""
        self._thinning = bool(training and self.rate)
        try:
            return super().call(inputs)
        finally:
            self._thinning = False

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class DropConnectDense(DropsWeights, keras.layers.Dense):
    """A dense layer that drops a fraction of its kernel's weights in each training step."""


@register
class DropConnectConv1D(DropsWeights, keras.layers.Conv1D):
    """A 1-D convolution that drops a fraction of its kernel's weights in each training step."""


@register
class DropConnectConv2D(DropsWeights, keras.layers.Conv2D):
    """A 2-D convolution that drops a fraction of its kernel's weights in each training step."""


@register
class DropConnectOneHotConv1D(DropsWeights, OneHotConv1D):
    """A convolution over one-hot tokens that drops a fraction of its kernel's weights in each training step."""


def dense(units: int, rate: float, **arguments: Any) -> keras.layers.Layer:
    """Build a dense layer: Keras's own if nothing is dropped."""
    return DropConnectDense(units, rate=rate, **arguments) if rate else keras.layers.Dense(units, **arguments)


def convolution(rank: int, filters: int, kernel_size: int, rate: float, **arguments: Any) -> keras.layers.Layer:
    """Build a convolution over `rank` dimensions: Keras's own if nothing is dropped."""
    if rate:
        dropping = {1: DropConnectConv1D, 2: DropConnectConv2D}[rank]
        return dropping(filters, kernel_size, rate=rate, **arguments)
    return {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}[rank](filters, kernel_size, **arguments)


def one_hot_convolution(filters: int, kernel_size: int, vocabulary: int, rate: float, **arguments: Any) -> OneHotConv1D:
    """Build a convolution over one-hot tokens: a plain one if nothing is dropped."""
    if rate:
        return DropConnectOneHotConv1D(filters, kernel_size, vocabulary, rate=rate, **arguments)
    return OneHotConv1D(filters, kernel_size, vocabulary, **arguments)
