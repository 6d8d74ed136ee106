"""Linear forecasts: each target from the steps of its own window, as in LTSF-Linear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.base import MODELS, Model
from deepcli.models.heads import ForecastHead, Head
from deepcli.models.takes_series import Moments, normalized_window, standardized_input
from deepcli.spec.fields import NonNegative, Positive
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

KERNEL = 25


@MODELS.register
class LinearForecast(Model):
    """One linear layer from the steps of a window to those of the horizon (Zeng et al. 2023).

    `nlinear` subtracts the last step of each window first and adds it again; `dlinear` maps the moving average of the window
    and the rest each by a layer of its own. Columns that are not targets add a linear map of their window.
    """

    type: Literal["linear"] = "linear"
    variant: Literal["linear", "nlinear", "dlinear"] = Field("linear", description="How a window is prepared.")
    individual: bool = Field(False, description="Whether each target has weights of its own; false shares them.")
    kernel_size: Positive | None = Field(
        None, description=f"Steps of the moving average, an odd number; null means {KERNEL}. dlinear only."
    )
    revin: bool = Field(
        False,
        description="Reversible instance normalization (Kim et al. 2022): each window by its own mean and deviation, undone "
        "in the forecast.",
    )
    l2: NonNegative = Field(0.0, description="L2 penalty on the weights.")

    kinds: ClassVar[tuple[str, ...]] = ("series",)

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.predicted.kind != "series":
            yield ("type",), f"`{self.type}` forecasts; these series have {signature.predicted.kind}; use cnn or lstm"
        if self.kernel_size is not None and self.variant != "dlinear":
            yield ("kernel_size",), "is for `variant: dlinear`"
        if self.kernel_size is not None and not self.kernel_size % 2:
            yield ("kernel_size",), f"should be an odd number, so that the mean has a middle; not {self.kernel_size}"
        if self.revin and self.variant == "nlinear":
            yield ("revin",), "and `nlinear` both normalize each window; use one of them"
        if self.individual and len(signature.predicted.names) == 1:
            yield ("individual",), "changes nothing with one target; leave it out"

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        from deepcli.nn.series_layers import MovingAverage

        assert isinstance(head, ForecastHead)
        targets = len(signature.predicted.names)
        inputs, x = standardized_input(signature)
        moments: Moments = None
        if self.revin or self.variant == "nlinear":
            x, moments = normalized_window(x, signature, "last" if self.variant == "nlinear" else "moments")
        own = x[:, :, :targets]
        if self.variant == "dlinear":
            trend = MovingAverage(self.kernel_size or KERNEL, name="trend")(own)
            y = self._mapped(own - trend, head, "seasonal_output") + self._mapped(trend, head, "trend_output")
        else:
            y = self._mapped(own, head, "output")
        if signature.shape[1] != targets:
            others = keras.layers.Flatten(dtype="float32", name="others")(x[:, :, targets:])
            y = y + keras.layers.Reshape(head.shape, dtype="float32", name="others_steps")(
                self._dense(head.units, "others_output")(others)
            )
        return keras.Model(inputs, head.restored(y, moments), name="linear")

    def _mapped(self, x: keras.KerasTensor, head: ForecastHead, name: str) -> keras.KerasTensor:
        """Map the steps of each target, (batch, window, targets) to the head's shape."""
        import keras

        targets, levels = len(head.means), max(len(head.levels), 1)
        x = keras.layers.Permute((2, 1), dtype="float32", name=f"{name}_targets")(x)
        if self.individual:
            x = keras.layers.EinsumDense(
                "btw,tws->bts",
                (targets, head.horizon * levels),
                bias_axes="ts",
                kernel_initializer=self.kernel_initializer.build(),
                bias_initializer=self.bias_initializer.build(),
                kernel_regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
                dtype="float32",
                name=name,
            )(x)
        else:
            x = self._dense(head.horizon * levels, name)(x)
        if not head.levels:
            return keras.layers.Permute((2, 1), dtype="float32", name=f"{name}_steps")(x)
        x = keras.layers.Reshape((targets, head.horizon, levels), dtype="float32", name=f"{name}_quantiles")(x)
        return keras.layers.Permute((2, 1, 3), dtype="float32", name=f"{name}_steps")(x)

    def _dense(self, units: int, name: str) -> keras.layers.Layer:
        import keras

        return keras.layers.Dense(
            units,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            kernel_regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
            dtype="float32",
            name=name,
        )
