"""Regularization of a model, as a spec says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from deepcli.spec.fields import NoiseLevel, NonNegative, Rate
from deepcli.spec.registry import Spec

if TYPE_CHECKING:
    import keras


class Penalties(Spec):
    """Penalties on weights and outputs, dropout and noise, which every family supports."""

    l1: NonNegative = Field(0.0, description="L1 penalty on kernels.")
    l2: NonNegative = Field(0.0, description="L2 penalty on kernels.")
    bias_l2: NonNegative = Field(0.0, description="L2 penalty on biases.")
    activity_l2: NonNegative = Field(0.0, description="L2 penalty on the outputs of layers with a kernel.")
    dropout: Rate = Field(0.0, description="Fraction of activations dropped during training.")
    spatial_dropout: Rate = Field(
        0.0, description="Fraction of whole feature maps (or embedding channels) dropped during training."
    )
    dropconnect: Rate = Field(
        0.0,
        description="Fraction of weights dropped during training, one mask per batch, from the kernels of hidden dense layers "
        "and convolutions (transformer: only of feed-forward layers); never from biases, embeddings or the output "
        "layer. Not supported by recurrent families and separable convolutions.",
    )
    gaussian_noise: NoiseLevel = Field(
        0.0, description="Standard deviation of noise on scaled inputs or embeddings during training."
    )

    def on_weights(self) -> dict[str, Any]:
        """Return the Keras arguments (`kernel_regularizer`, …) for a layer with kernel and bias."""
        weights = {
            "kernel_regularizer": penalty(self.l1, self.l2),
            "bias_regularizer": penalty(0.0, self.bias_l2),
        }
        if not self.activity_l2:
            return {**weights, "activity_regularizer": None}
        from deepcli.nn.regularizers import ActivityL2

        return {**weights, "activity_regularizer": ActivityL2(self.activity_l2)}


class Regularization(Penalties):
    """Regularization of a model: penalties, dropout, noise and normalization."""

    normalization: Literal["none", "batch", "layer", "group"] = Field(
        "none", description="Normalization after each layer with a kernel, before its activation."
    )


def penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """Build the Keras regularizer for two strengths; None if both are zero."""
    if not l1 and not l2:
        return None
    import keras

    return keras.regularizers.L1L2(l1, l2)
