"""Multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ActivationField, Relu
from deepcli.models.base import MODELS, PLURALS, Model, Start
from deepcli.models.features import check_columns, feature_input, set_bins
from deepcli.models.heads import Head
from deepcli.models.inputs import image_input, normalize, token_input
from deepcli.models.regularization import Regularization
from deepcli.models.takes_series import TakesSeries
from deepcli.spec.fields import Positive, Stack
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

ON_FEATURES: dict[str, Any] = {
    "hidden_units": [256, 256, 256],
    "bins": 64,
    "residual": True,
    "regularization": {"dropout": 0.2, "normalization": "layer"},
}
"""Chosen on the validation split of a table of 20,640 houses, where bins matter most and normalization next."""

ON_SERIES: dict[str, Any] = {"hidden_units": [256, 256], "revin": True, "regularization": {"dropout": 0.2}}
"""A window is flattened, so that the first layer has a weight for each step of each column."""


@MODELS.register
class Mlp(TakesSeries):
    """Dense layers over a flattened image or series, the mean of the tokens' embeddings, or the columns of a table.

    A table's numbers are standardized and its categories become indicators or embeddings. With `bins`, each number is also
    encoded by its quantiles, which lets dense layers learn steps and bends (Gorishniy et al. 2022).
    """

    type: Literal["mlp"] = "mlp"
    hidden_units: Stack = Field((128,), description="Width of each hidden layer.")
    bins: Positive | None = Field(
        None, description="Most quantile bins of each number of a table; null for none. Features only."
    )
    residual: bool = Field(
        False, description="Add the input of each hidden layer to its output, where both have the same width."
    )
    activation: ActivationField = Field(Relu(), description="Activation after each hidden layer.")
    regularization: Regularization = Field(Regularization(), description="Dropout follows each hidden layer.")

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens", "features", "series")

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        return dict(ON_FEATURES) if kind == "features" else dict(ON_SERIES) if kind == "series" else {}

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        widths = self.hidden_units
        if self.residual and all(before != after for before, after in pairwise(widths)):
            yield ("residual",), f"needs two neighbouring layers of the same width; hidden_units is {list(widths)}"
        if signature.kind == "features":
            yield from check_columns(signature)
        elif self.bins is not None:
            yield ("bins",), f"is for features; these data are {PLURALS[signature.kind]}"
        if signature.kind != "tokens" and self.regularization.spatial_dropout:
            how = "reads columns of features" if signature.kind == "features" else f"flattens {PLURALS[signature.kind]}"
            yield (
                ("regularization", "spatial_dropout"),
                f"an mlp {how}, so it has no feature maps to drop; use dropout",
            )

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        from deepcli.nn import sequences

        if signature.kind == "image":
            inputs, x = image_input(signature, self.regularization)
            x = keras.layers.Flatten(name="flatten")(x)
        elif signature.kind == "features":
            inputs, x = feature_input(signature, self.regularization, self.bins)
        elif signature.kind == "series":
            inputs, series, moments = self.series_sequence(signature, self.regularization)
            x = keras.layers.Flatten(name="flatten")(series.x)
        else:
            inputs, tokens = token_input(signature, self, self.regularization)
            x = sequences.GlobalMaskedPooling1D("average", name="mean")(tokens.x, tokens.mask)
        x = hidden_layers(x, self, self.hidden_units, self.activation, self.regularization, self.residual)
        outputs = self.series_output(x, head, moments) if signature.kind == "series" else self.dense_output(x, head)
        return keras.Model(inputs, outputs, name="mlp")

    def begin(self, model: keras.Model, start: Start) -> None:
        super().begin(model, start)
        if self.bins is not None:
            set_bins(model, start.signature, start.splits.train)


def hidden_layers(
    x: keras.KerasTensor,
    model: Model,
    hidden_units: tuple[int, ...],
    activation: ActivationField,
    regularization: Regularization,
    residual: bool = False,
    prefix: str = "",
) -> keras.KerasTensor:
    """Stack dense layers: kernel, normalization, activation, dropout; then the sum with the layer's input, if asked."""
    import keras

    from deepcli.nn import dropconnect

    for index, units in enumerate(hidden_units, start=1):
        before = x
        x = dropconnect.dense(
            units,
            regularization.dropconnect,
            kernel_initializer=model.kernel_initializer.build(),
            bias_initializer=model.bias_initializer.build(),
            **regularization.on_weights(),
            name=f"{prefix}dense_{index}",
        )(x)
        x = normalize(x, regularization.normalization, f"{prefix}dense_{index}_normalization")
        x = activation.layer(f"{prefix}dense_{index}_activation")(x)
        if regularization.dropout:
            x = keras.layers.Dropout(regularization.dropout, name=f"{prefix}dense_{index}_dropout")(x)
        if residual and before.shape[-1] == units:
            x = keras.layers.Add(name=f"{prefix}dense_{index}_sum")([before, x])
    return x
