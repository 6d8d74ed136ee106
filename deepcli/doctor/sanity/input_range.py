"""Inputs have a sane range after the model's own preprocessing, and differ from example to example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from deepcli.doctor.sanity.layer_calls import LayerCall, recorded_calls
from deepcli.doctor.sanity.sanity_report import CheckResult, judged, skipped
from deepcli.doctor.sanity.subject import Subject, part

EXAMPLES, AT_ONCE = 256, 32
SMALLEST = 0.01
"""The largest input should be above this; pixels that are divided by 255 twice are below 0.004."""


@dataclass
class Taken:
    """What a layer took, over all examples."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")
    finite: bool = True
    varies: bool = False
    ids: bool = False
    first: np.ndarray | None = field(default=None, repr=False)

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return self.total / max(self.count, 1)

    @property
    def root_mean_square(self) -> float:
        """The root of the mean square of all values."""
        return float(np.sqrt(self.squares / max(self.count, 1)))

    @property
    def spread(self) -> float:
        """The standard deviation of all values."""
        return float(np.sqrt(max(self.squares / max(self.count, 1) - self.mean**2, 0.0)))

    def add(self, values: np.ndarray) -> None:
        """Add a batch, (examples, ...)."""
        self.finite &= bool(np.isfinite(values).all())
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        self.count, self.total = self.count + values.size, self.total + float(values.sum())
        self.squares += float((values**2).sum())
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        if self.first is None:
            self.first = values[0]
        same = self.first.shape == values.shape[1:]
        self.varies |= not same or bool((values != self.first).any())


def input_range(subject: Subject) -> CheckResult:
    """Measure what the first trained layers take."""
    taken = taken_inputs(subject)
    if not taken:
        return skipped("no trained layer was found")
    limit = subject.experiment.model.largest_inputs
    found = [(name, one, _problem(one, limit)) for name, one in taken.items()]
    name, one, problem = next((each for each in found if each[2]), found[0])
    where = f" (layer {name})"
    if one.ids:
        shown = f"ids {one.low:.0f} to {one.high:.0f}{where}"
    else:
        shown = f"mean {one.mean:.3g}, std {one.spread:.3g}, from {one.low:.3g} to {one.high:.3g}{where}"
    figures = {name: {"mean": one.mean, "std": one.spread, "low": one.low, "high": one.high} for name, one, _ in found}
    text, advice = (f"{problem[0]}: {shown}", problem[1]) if problem else (shown, "")
    return judged(problem is None, text, advice, layers=figures)


def _problem(taken: Taken, limit: float) -> tuple[str, str] | None:
    if not taken.finite:
        return "NaN or infinite values", "Look at the data with `deepcli data`, and at layers that divide."
    if not taken.varies:
        return "all examples are equal", "Nothing can be learned from them: look at the data and at the first layers."
    if taken.ids:
        return None
    if taken.root_mean_square > limit:
        advice = "Steps grow with the inputs: scale them to about -1 to 1, such as with a Rescaling layer."
        return f"larger than {limit:g}", advice
    if max(-taken.low, taken.high) < SMALLEST:
        return f"smaller than {SMALLEST:g}", "Gradients shrink with the inputs: they may be scaled twice."
    return None


def taken_inputs(subject: Subject) -> dict[str, Taken]:
    """Return what the first trained layers take, by their names."""
    model = subject.start()
    few = part(subject.splits.train, EXAMPLES, subject.random(6))
    order, found = subject.order(few, AT_ONCE), dict[str, Taken]()
    for batch in subject.backend.batches(few, order, None).epoch(0, 0, order.steps):
        with recorded_calls(model) as calls:
            model(subject.backend.whole(batch)[0], training=False)
        for name, tensor in first_trained(calls):
            known = found.setdefault(name, Taken(ids=not _is_float(tensor)))
            known.add(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32") if _is_float(tensor) else tensor))
    return found


def first_trained(calls: list[LayerCall]) -> list[tuple[str, Any]]:
    """Return the layers with trained weights that no other such layer feeds, each with the first tensor that it takes.

    A layer that looks up codes has no range of inputs; what it returns counts as an input.
    """
    found: list[tuple[str, Any]] = []
    untouched: set[int] = set()
    for call in calls:
        if not found:
            untouched |= {id(one) for one in call.inputs}
        pristine = bool(call.inputs) and all(id(one) in untouched for one in call.inputs)
        if call.layer.trainable_weights and not getattr(call.layer, "takes_codes", False):
            if pristine:
                found.append((call.layer.name, call.inputs[0]))
        elif pristine:
            untouched |= {id(one) for one in call.outputs}
    return found


def _is_float(tensor: Any) -> bool:
    return bool(keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)))
