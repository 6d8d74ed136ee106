"""The sub-layers of a transformer's blocks, made for a new model or found in one, which computes token by token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from deepcli.models.transformer import Transformer

    Make = Callable[[], keras.layers.Layer]


@dataclass
class TransformerBlocks:
    """What blocks of a running text and of pairs have in common.

    Attributes:
        spec: The spec.
        find: Returns a layer by name; makes it, or takes it from a model.
        drop: Adds dropout.
    """

    spec: Transformer
    find: Callable[[str, Make], keras.layers.Layer]
    drop: Callable[[Any], Any]

    def sublayer(self, x: Any, name: str, compute: Callable[[Any], Any]) -> Any:
        """Add a sub-layer's output to its input, with normalization before the sub-layer or after the sum."""
        if self.spec.normalize_first:
            return x + self.drop(compute(self.normalized(x, name)))
        return self.normalized(x + self.drop(compute(x)), name)

    def feed_forward(self, x: Any, name: str) -> Any:
        """Compute the feed-forward layers of a block."""
        spec = self.spec
        wide = self.find(f"{name}_wide", lambda: spec.dense(spec.intermediate_width, f"{name}_wide"))
        activation = self.find(f"{name}_activation", lambda: spec.activation.layer(f"{name}_activation"))
        return self.find(f"{name}_narrow", lambda: spec.dense(spec.hidden_dim, f"{name}_narrow"))(activation(wide(x)))

    def finished(self, x: Any, name: str) -> Any:
        """Normalize after the last block, where blocks normalize before their sub-layers."""
        return self.normalized(x, name) if self.spec.normalize_first else x

    def normalized(self, x: Any, name: str) -> Any:
        """Normalize by the layer `NAME_normalization`."""

        def make() -> keras.layers.Layer:
            import keras

            return keras.layers.LayerNormalization(name=f"{name}_normalization")

        return self.find(f"{name}_normalization", make)(x)


def positions(spec: Transformer, longest: int, name: str = "positions") -> keras.layers.Layer:
    """Build the layer that adds learned or sinusoidal positions."""
    from deepcli.nn import sequences

    if spec.positions == "sinusoidal":
        return sequences.SinusoidalPositions(name=name)
    return sequences.LearnedPositions(longest, name=name)
