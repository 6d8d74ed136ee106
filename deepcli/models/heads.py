"""The output layers that tasks and losses require of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deepcli.data.input_layout import InputLayout

if TYPE_CHECKING:
    import keras

NOTHING = InputLayout(())


@dataclass(frozen=True)
class Head:
    """A dense output layer: its number of units and its activation."""

    units: int
    activation: str

    @property
    def outputs(self) -> int:
        """Number of outputs for each example."""
        return self.units

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the outputs for one example; of a running text, for each of its steps."""
        return (self.outputs,)

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add what follows the dense layer, (batch, units) to (batch, outputs); by default nothing."""
        return x

    def accuracy(self, name: str) -> keras.metrics.Metric:
        """Build the metric of right answers, as `predict` gives them."""
        import keras

        if self.outputs == 1:
            return keras.metrics.BinaryAccuracy(name=name)
        return keras.metrics.SparseCategoricalAccuracy(name=name)

    def error(self, name: str, kind: str) -> keras.metrics.Metric:
        """Build a metric of errors of numbers.

        Args:
            name: Its name.
            kind: The Keras class.
        """
        import keras

        metric: keras.metrics.Metric = getattr(keras.metrics, kind)(name=name)
        return metric


@dataclass(frozen=True)
class NumberHead(Head):
    """Numbers in the units of the data: the dense layer's are multiplied by the scales, and the means added."""

    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        if not self.means:
            return x
        return keras.layers.Rescaling(list(self.scales), list(self.means), dtype="float32", name="units")(x)


@dataclass(frozen=True)
class LevelHead(Head):
    """Probabilities of ordered levels, from one number."""

    levels: int = 2

    @property
    def outputs(self) -> int:
        return self.levels

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        from deepcli.nn.output_layers import OrderedLevels

        return OrderedLevels(self.levels, name="levels")(x)

    def accuracy(self, name: str) -> keras.metrics.Metric:
        from deepcli.nn.metrics import MedianAccuracy

        return MedianAccuracy(name=name)


@dataclass(frozen=True)
class InputHead(Head):
    """The inputs themselves: pixels from 0 to 1, or the standardized values of a table or of series."""

    layout: InputLayout = NOTHING

    @property
    def shape(self) -> tuple[int, ...]:
        return self.layout.shape

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add what follows the last layer with weights, whose outputs may already have the shape of an image."""
        import keras

        from deepcli.nn.coding import UsualErrors

        shape = self.layout.shape
        if tuple(x.shape[1:]) != shape:
            x = keras.layers.Reshape(shape, dtype="float32", name="values")(x)
        x = UsualErrors(dtype="float32", name="usual_errors")(x)
        # Keras's cross-entropy looks for the logits before a sigmoid, which is exact and quick: so it comes last.
        return keras.layers.Activation("sigmoid", dtype="float32", name="pixels")(x) if self.layout.is_image else x

    def error(self, name: str, kind: str) -> keras.metrics.Metric:
        from deepcli.nn.input_errors import InputError

        return InputError(self.layout.plain(), name, name)


@dataclass(frozen=True)
class LabelHead(Head):
    """A probability for each label, and the threshold from which it counts as given."""

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        from deepcli.nn.output_layers import LabelThresholds

        return LabelThresholds(dtype="float32", name="thresholds")(x)


@dataclass(frozen=True)
class ForecastHead(Head):
    """Forecasts in the units of the data: a number, or several quantiles, for each step of the horizon and each target."""

    horizon: int = 1
    levels: tuple[float, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    @property
    def middle(self) -> int | None:
        """The place of the quantile that answers a question for one number; None without quantiles."""
        return min(range(len(self.levels)), key=lambda k: abs(self.levels[k] - 0.5)) if self.levels else None

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.horizon, len(self.means), *([len(self.levels)] if self.levels else []))

    def error(self, name: str, kind: str) -> keras.metrics.Metric:
        from deepcli.nn.forecast_losses import ForecastError

        of: dict[str, Literal["absolute", "squared"]] = {
            "MeanAbsoluteError": "absolute",
            "RootMeanSquaredError": "squared",
        }
        return ForecastError(of[kind], self.scales if len(self.scales) > 1 else (1.0,), self.middle, name=name)

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.restored(x, None)

    def restored(
        self, x: keras.KerasTensor, moments: tuple[keras.KerasTensor, keras.KerasTensor] | None
    ) -> keras.KerasTensor:
        """Give the dense layer's outputs their shape and their units.

        Args:
            x: (batch, units), or of the final shape.
            moments: What undoes the normalization of each window; None if windows are not normalized.
        """
        import keras

        from deepcli.nn import series_layers

        if tuple(x.shape[1:]) != self.shape:
            x = keras.layers.Reshape(self.shape, dtype="float32", name="steps")(x)
        if self.levels:
            x = series_layers.OrderedQuantiles(name="quantiles")(x)
        if moments is not None:
            x = series_layers.WindowRestoration(name="restored")(x, *moments)
        return series_layers.ForecastUnits(self.means, self.scales, bool(self.levels), name="units")(x)


@dataclass(frozen=True)
class SequenceHead(Head):
    """Logits of the tokens of a target that is padded with 0."""

    def accuracy(self, name: str) -> keras.metrics.Metric:
        from deepcli.nn.pair_losses import SequenceAccuracy

        return SequenceAccuracy(name=name)
