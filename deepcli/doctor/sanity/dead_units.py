"""No layer begins with most of its units dead: zero for all examples, or saturated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from deepcli.doctor.sanity.layer_calls import LayerCall, recorded_calls
from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import Subject, part

EXAMPLES, AT_ONCE, NAMED = 256, 32, 3
LEVEL = 1e-3
ADVICE = (
    "Most units of the layer answer all examples in the same way and learn nothing: use a bias_initializer of 0, a smaller "
    "kernel_initializer, normalization, or an activation without a dead half, such as leaky_relu or gelu."
)


@dataclass
class Units:
    """The lowest and the highest output of each unit of a layer, over examples and places."""

    low: np.ndarray
    high: np.ndarray
    saturates: bool

    @property
    def dead(self) -> int:
        """Units that are 0 for all examples; of a layer with an activation, those with any one value for all."""
        still = self.low == self.high
        return int((still if self.saturates else still & (self.low == 0)).sum())


def dead_units(subject: Subject) -> CheckResult:
    """Count units that never vary over a few hundred examples, by layer, before the first step."""
    layers = measured_units(subject)
    if not layers:
        return judged(True, "no layer has units of its own", "")
    shares = {name: units.dead / len(units.low) for name, units in layers.items()}
    wrong = [name for name, units in layers.items() if units.dead > most_dead(len(units.low))]
    if wrong:  # the first is the cause: what follows a dead layer has nothing to work with
        text = ", ".join(f"{layers[name].dead} of {len(layers[name].low)} in {name}" for name in wrong[:NAMED])
        return judged(False, text, ADVICE, shares=shares)
    worst = max(shares, key=lambda name: shares[name])
    most = f"at most {shares[worst]:.0%} of a layer ({worst})" if shares[worst] else f"none in {len(layers)} layers"
    return judged(True, most, "", shares=shares)


def most_dead(units: int) -> int:
    """Return how many units of a layer may be dead.

    The sign of a fresh unit's input is as likely negative as positive, so even if all examples were equal, half of its
    units would be expected to be dead, and more than this number with a probability of a thousandth. A layer that is dead
    as a whole lets nothing pass, whatever its size.
    """
    from scipy import stats

    return min(int(stats.binom.ppf(1 - LEVEL, units, 0.5)), units - 1)


def measured_units(subject: Subject) -> dict[str, Units]:
    """Return the lowest and highest output of each unit of each layer, by the layer's name."""
    model = subject.start()
    few = part(subject.splits.train, EXAMPLES, subject.random(6))
    layers: dict[str, Units] = {}
    batches = subject.backend.batches(few, subject.order(few, AT_ONCE), None)
    for batch in batches.epoch(0, 0, subject.order(few, AT_ONCE).steps):
        with recorded_calls(model) as calls:
            # As in training: the stored statistics of a fresh batch normalization say nothing of its inputs.
            model(subject.backend.whole(batch)[0], training=True)
        for call in calls:
            if _has_units(call):
                _take(layers, call)
    return layers


def _has_units(call: LayerCall) -> bool:
    """Return whether a layer computes units: from trained weights, or as an activation; inputs are not units."""
    floats = [one for one in call.outputs if _is_float(one)]
    if not floats or len(floats[0].shape) < 2 or getattr(call.layer, "takes_codes", False):
        return False
    activation = keras.activations.serialize(getattr(call.layer, "activation", None) or keras.activations.linear)
    return bool(call.layer.trainable_weights) or activation != "linear" or isinstance(call.layer, keras.layers.ReLU)


def _take(layers: dict[str, Units], call: LayerCall) -> None:
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(next(filter(_is_float, call.outputs)), "float32"))
    flat = outputs.reshape(-1, outputs.shape[-1])
    low, high = flat.min(axis=0), flat.max(axis=0)
    known = layers.get(call.layer.name)
    if known is not None and known.low.shape == low.shape:
        low, high = np.minimum(low, known.low), np.maximum(high, known.high)
    layers[call.layer.name] = Units(low, high, _saturates(call.layer))


def _saturates(layer: keras.layers.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return activation is not None and activation is not keras.activations.linear


def _is_float(tensor: Any) -> bool:
    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)))
