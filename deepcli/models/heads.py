"""The output layers that tasks and losses require of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Head:
    """A dense output layer: its number of units and its activation."""

    units: int
    activation: str

    @property
    def outputs(self) -> int:
        """Number of outputs for each example."""
        return self.units

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Add what follows the dense layer, (batch, units) to (batch, outputs); by default nothing."""
        return x

    def accuracy(self, name: str) -> keras.metrics.Metric:
        """Build the metric of right answers, as `predict` gives them."""
        import keras

        if self.outputs == 1:
            return keras.metrics.BinaryAccuracy(name=name)
        return keras.metrics.SparseCategoricalAccuracy(name=name)


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
class LabelHead(Head):
    """A probability for each label, and the threshold from which it counts as given."""

    def finish(self, x: keras.KerasTensor) -> keras.KerasTensor:
        from deepcli.nn.output_layers import LabelThresholds

        return LabelThresholds(dtype="float32", name="thresholds")(x)


@dataclass(frozen=True)
class SequenceHead(Head):
    """Logits of the tokens of a target that is padded with 0."""

    def accuracy(self, name: str) -> keras.metrics.Metric:
        from deepcli.nn.pair_losses import SequenceAccuracy

        return SequenceAccuracy(name=name)
