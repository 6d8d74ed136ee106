"""Layers of autoencoders: noise on inputs, the code of a variational one, and the errors that are usual on validation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

POINTS = 1001
"""Quantiles of the errors on validation that a model keeps: 0, 0.001, ..., 1."""
UNKNOWN = -1.0
"""An error that cannot be: the quantiles of a model that has not been validated."""

register = keras.saving.register_keras_serializable("deepcli")


@register
class MaskingNoise(keras.layers.Layer):
    """Sets a share of the inputs to 0 during training, without scaling the rest.

    Source: Vincent et al. (2008), "Extracting and composing robust features with denoising autoencoders".

    Args:
        rate: The share.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        kept = keras.random.uniform(ops.shape(x), seed=self.seed_generator) >= self.rate
        return x * ops.cast(kept, x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@register
class CodeSampling(keras.layers.Layer):
    """A code drawn from a normal distribution during training, by the reparameterization trick; otherwise its mean.

    Adds the Kullback-Leibler divergence from the standard normal distribution to the loss, times `weight`.

    Source: Kingma & Welling (2014), "Auto-encoding variational Bayes"; Higgins et al. (2017), "beta-VAE", for the weight.

    Args:
        weight: Weight of the divergence, which is the sum over the code's numbers and the mean over examples, in nats.
    """

    def __init__(self, weight: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.weight, self.seed = weight, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, mean: Any, log_variance: Any, training: bool = False) -> Any:
        mean, log_variance = (ops.cast(x, "float32") for x in (mean, log_variance))
        if not training:
            return mean
        divergence = 0.5 * ops.sum(ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance, axis=-1)
        self.add_loss(self.weight * ops.mean(divergence))
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(
        self, mean_shape: tuple[int | None, ...], log_variance_shape: Any
    ) -> tuple[int | None, ...]:
        return mean_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight, "seed": self.seed}


@register
class UsualErrors(keras.layers.Layer):
    """Passes outputs on, and keeps the quantiles of the reconstruction errors on the validation split.

    They are weights that no step of training changes, so that checkpoints hold the thresholds of anomalies.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.quantiles = self.add_weight(
            shape=(POINTS,),
            initializer=keras.initializers.Constant(UNKNOWN),
            trainable=False,
            dtype="float32",
            name="quantiles",
        )

    def call(self, x: Any) -> Any:
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


def set_usual_errors(model: keras.Model, errors: np.ndarray) -> None:
    """Keep the quantiles of errors, float (examples,), in a model."""
    finite = errors[np.isfinite(errors)]
    if len(finite):
        _usual_errors(model).quantiles.assign(np.quantile(finite, np.linspace(0, 1, POINTS)).astype(np.float32))


def threshold_of(model: keras.Model, quantile: float) -> float | None:
    """Return the error that a share of the validation examples does not exceed; None without a validation split.

    Args:
        model: An autoencoder.
        quantile: The share, from 0 to 1.
    """
    known = np.asarray(ops.convert_to_numpy(_usual_errors(model).quantiles), np.float64)
    return None if known[0] < 0 else float(np.interp(quantile, np.linspace(0, 1, POINTS), known))


def _usual_errors(model: keras.Model) -> UsualErrors:
    """Find the layer, also inside a model that another one wraps."""
    return next(layer for layer in model._flatten_layers() if isinstance(layer, UsualErrors))


CODE = "code"
"""The name of the layer whose output is the code."""


def is_variational(model: keras.Model) -> bool:
    """Return whether the code of an autoencoder is drawn from a distribution."""
    return isinstance(model.get_layer(CODE), CodeSampling)


def encoder_of(model: keras.Model) -> keras.Model:
    """Return the part of an autoencoder from the inputs to the code, float32 (batch, latent)."""
    code = model.get_layer(CODE).output
    return keras.Model(model.inputs, ops.cast(code, "float32"), name="encoder")


def decoder_of(model: keras.Model) -> keras.Model:
    """Return the part of an autoencoder from the code to the outputs."""
    return keras.Model(model.get_layer(CODE).output, model.output, name="decoder")
