"""Time series as inputs of models, and their way to a forecast: what families that take series have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.base import PLURALS, Embedded
from deepcli.models.heads import ForecastHead, Head
from deepcli.models.inputs import Sequence, noisy
from deepcli.models.regularization import Penalties
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

Moments = tuple["keras.KerasTensor", "keras.KerasTensor"] | None
"""What undoes the normalization of each window: its shift and its scale; None for none."""


class TakesSeries(Embedded):
    """A family that takes time series besides other data."""

    revin: bool = Field(
        False,
        description="Reversible instance normalization (Kim et al. 2022): each window by its own mean and deviation, undone "
        "in the forecast. Forecasting only.",
    )

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if self.revin and signature.predicted.kind != "series":
            what = "series with classes" if signature.kind == "series" else PLURALS[signature.kind]
            yield ("revin",), f"is for forecasting; these data are {what}"

    def series_sequence(
        self, signature: Signature, regularization: Penalties, lengths: bool = False
    ) -> tuple[keras.KerasTensor, Sequence, Moments]:
        """Make the input of series: a sequence (batch, steps, columns), with lengths where series may end earlier.

        Args:
            signature: The data.
            regularization: Noise and dropout on the columns.
            lengths: Whether windows have lengths, too, which are all the same.
        """
        import keras

        from deepcli.nn import sequences, series_layers

        inputs, x = standardized_input(signature)
        moments: Moments = None
        if self.revin:
            x, moments = normalized_window(x, signature, "moments")
        x = noisy(x, regularization)
        if regularization.spatial_dropout:
            x = keras.layers.SpatialDropout1D(regularization.spatial_dropout, name="column_dropout")(x)
        if signature.predicted.kind == "series" and not lengths:
            return inputs, Sequence(x), moments
        ends = series_layers.SeriesLengths(name="lengths")(inputs)
        return inputs, Sequence(x, ends, sequences.Mask(name="mask")(x, ends)), moments

    def series_output(self, x: keras.KerasTensor, head: Head, moments: Moments) -> keras.KerasTensor:
        """Add the output layers: a forecast in the units of the data, or what another head wants."""
        if moments is None or not isinstance(head, ForecastHead):
            return self.dense_output(x, head)
        return head.restored(self.dense_units(x, head), moments)


def standardized_input(signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the input of series, float32 (batch, steps, columns), and standardize it by training."""
    import keras

    from deepcli.nn.series_layers import StandardizedSteps

    inputs = keras.Input(signature.shape, dtype="float32", name="series")
    means, scales = ([getattr(column, name) for column in signature.columns] for name in ("mean", "scale"))
    return inputs, StandardizedSteps(means, scales, name="standardized")(inputs)


def normalized_window(
    x: keras.KerasTensor, signature: Signature, by: Literal["moments", "last"]
) -> tuple[keras.KerasTensor, Moments]:
    """Normalize the targets of each window by itself; returns what undoes it, too."""
    from deepcli.nn.series_layers import WindowNormalization

    x, shift, scale = WindowNormalization(len(signature.predicted.names), by, name="window")(x)
    return x, (shift, scale)
