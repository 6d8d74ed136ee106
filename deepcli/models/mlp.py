"""Multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ActivationField, Relu
from deepcli.models.base import MODELS, Embedded, Head
from deepcli.models.inputs import image_input, normalize, token_input
from deepcli.models.regularization import Regularization
from deepcli.spec.fields import Stack
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras


@MODELS.register
class Mlp(Embedded):
    """Dense layers over the flattened image, or over the mean of the tokens' embeddings."""

    type: Literal["mlp"] = "mlp"
    hidden_units: Stack = Field((128,), description="Width of each hidden layer.")
    activation: ActivationField = Field(Relu(), description="Activation after each hidden layer.")
    regularization: Regularization = Field(Regularization(), description="Dropout follows each hidden layer.")

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if signature.kind == "image" and self.regularization.spatial_dropout:
            yield (
                ("regularization", "spatial_dropout"),
                "an mlp flattens images, so it has no feature maps to drop; use dropout",
            )

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        from deepcli.nn import sequences

        if signature.kind == "image":
            inputs, x = image_input(signature, self.regularization)
            x = keras.layers.Flatten(name="flatten")(x)
        else:
            inputs, tokens = token_input(signature, self, self.regularization)
            x = sequences.GlobalMaskedPooling1D("average", name="mean")(tokens.x, tokens.mask)
        x = hidden_layers(x, self, self.hidden_units, self.activation, self.regularization)
        return keras.Model(inputs, self.dense_output(x, head), name="mlp")


def hidden_layers(
    x: keras.KerasTensor,
    model: Embedded,
    hidden_units: tuple[int, ...],
    activation: ActivationField,
    regularization: Regularization,
) -> keras.KerasTensor:
    """Stack dense layers: kernel, normalization, activation, dropout."""
    import keras

    from deepcli.nn import dropconnect

    for index, units in enumerate(hidden_units, start=1):
        x = dropconnect.dense(
            units,
            regularization.dropconnect,
            kernel_initializer=model.kernel_initializer.build(),
            bias_initializer=model.bias_initializer.build(),
            **regularization.on_weights(),
            name=f"dense_{index}",
        )(x)
        x = normalize(x, regularization.normalization, f"dense_{index}_normalization")
        x = activation.layer(f"dense_{index}_activation")(x)
        if regularization.dropout:
            x = keras.layers.Dropout(regularization.dropout, name=f"dense_{index}_dropout")(x)
    return x
