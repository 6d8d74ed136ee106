"""Field types that several components share: numbers, lists of numbers, and regularization."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from deepcli.registry import Spec, misfits, show

if TYPE_CHECKING:
    import keras

Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Auto = Literal["auto"]


def matching(pattern: str, expected: str) -> AfterValidator:
    """Make the validator of a text that has a form; `expected` says it in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise misfits([((), f"should be {expected}, not {show(text)}")], text)
        return text

    return AfterValidator(check)


def as_tuple(value: Any) -> Any:
    """Turn a list from YAML into the tuple that a frozen spec holds; anything else stays, to be judged by its type."""
    return tuple(value) if isinstance(value, list) else value


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else as_tuple(value)


_List = tuple[Positive, ...]

Counts = Annotated[_List, BeforeValidator(_one_or_many, json_schema_input_type=Positive | _List)]
"""A list of positive integers; a single one is a list of one."""
_Some = Annotated[_List, Field(min_length=1)]
Stack = Annotated[_Some, BeforeValidator(_one_or_many, json_schema_input_type=Positive | _Some)]
"""The same, with at least one: the widths of a stack of layers."""


class Penalties(Spec):
    """Penalties on weights and outputs, and noise while training: what every family understands."""

    l1: NonNegative = Field(0.0, description="L1 penalty on kernels.")
    l2: NonNegative = Field(0.0, description="L2 penalty on kernels.")
    bias_l2: NonNegative = Field(0.0, description="L2 penalty on biases.")
    activity_l2: NonNegative = Field(0.0, description="L2 penalty on the outputs of layers with a kernel.")
    dropout: Rate = Field(0.0, description="Share of activations dropped while training.")
    spatial_dropout: Rate = Field(0.0, description="Share of whole feature maps (or embedding channels) dropped.")
    dropconnect: Rate = Field(
        0.0,
        description="Share of weights dropped while training, one mask a batch, from the kernels of hidden dense layers "
        "and convolutions (transformer: of feed-forward layers alone); never from biases, embeddings or the output "
        "layer. Refused by recurrent families and separable convolutions.",
    )
    gaussian_noise: NonNegative = Field(
        0.0, description="Standard deviation of noise on scaled inputs or embeddings while training."
    )

    def on_weights(self) -> dict[str, Any]:
        """Return the Keras arguments (`kernel_regularizer`, …) for a layer with kernel and bias."""
        weights = {
            "kernel_regularizer": penalty(self.l1, self.l2),
            "bias_regularizer": penalty(0.0, self.bias_l2),
        }
        if not self.activity_l2:
            return {**weights, "activity_regularizer": None}
        from deepcli.activity import ActivityL2

        return {**weights, "activity_regularizer": ActivityL2(self.activity_l2)}


class Regularization(Penalties):
    """Everything that keeps a model from overfitting, in one place."""

    normalization: Literal["none", "batch", "layer", "group"] = Field(
        "none", description="Normalization after each layer with a kernel, before its activation."
    )


def penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """Build the Keras regularizer for two strengths; None where both are zero."""
    if not l1 and not l2:
        return None
    import keras

    return keras.regularizers.L1L2(l1, l2)
