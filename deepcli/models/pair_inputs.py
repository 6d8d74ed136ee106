"""The input layer of pairs: rows of ids, taken apart into inputs and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepcli.data.signature import Signature
from deepcli.models.inputs import noisy
from deepcli.models.regularization import Penalties

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Sides:
    """Both sides of pairs.

    Attributes:
        source: Ids of inputs, (batch, steps).
        lengths: Their lengths, (batch,).
        real: Which of their steps are not padding, bool (batch, steps).
        target: Ids of targets behind the start token, (batch, steps).
    """

    source: Any
    lengths: Any
    real: Any
    target: Any


def pair_input(signature: Signature) -> tuple[keras.KerasTensor, Sides]:
    """Make the input of rows of pairs, (batch, steps) ids, and take them apart."""
    import keras

    from deepcli.nn import pair_layers, sequences

    rows = keras.Input((None,), dtype="int32", name="pairs")
    longest, longest_target = (size or 1 for size in signature.shape)
    layer = pair_layers.PairSides(longest, longest_target, name="sides")
    return rows, pair_sides(layer, sequences.Mask(name="mask"), rows)


def pair_sides(layer: keras.layers.Layer, mask: Callable[[Any, Any], Any], rows: Any) -> Sides:
    """Take rows of pairs apart.

    Args:
        layer: The layer `sides` that `pair_input` made.
        mask: Marks the steps of inputs that are not padding, by the inputs and their lengths.
        rows: The rows.
    """
    source, lengths, target = layer(rows)
    return Sides(source, lengths, mask(source, lengths), target)


def real_steps(ids: Any, lengths: Any) -> Any:
    """Mark the steps of inputs that are not padding, as the layer `mask` of a model does, which not every model has."""
    from keras import ops

    return ops.less(ops.arange(ops.shape(ids)[1])[None, :], lengths[:, None])


def varied(x: keras.KerasTensor, regularization: Penalties) -> keras.KerasTensor:
    """Add to embeddings what varies them during training."""
    import keras

    x = noisy(x, regularization)
    return keras.layers.SpatialDropout1D(regularization.spatial_dropout)(x) if regularization.spatial_dropout else x
