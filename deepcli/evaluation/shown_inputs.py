"""Inputs before and after an autoencoder, and inputs drawn from a variational one, saved for reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Column
from deepcli.data.signature import Signature
from deepcli.data.sources.time_axis import shown_time
from deepcli.evaluation.input_predictions import InputPredictions
from deepcli.evaluation.input_values import values_of
from deepcli.evaluation.row_pairs import row_pairs
from deepcli.evaluation.saved_examples import SavedExamples
from deepcli.evaluation.shown_windows import WindowExamples, windows_of

EACH = 8
"""The best, typical and worst examples that are shown, each."""
GROUPS = ("best", "typical", "worst")
SAMPLES = 24
"""Inputs that are drawn from a variational autoencoder."""
SAMPLE_SEED = 20_261_127
AT_ONCE = 1 << 24
"""Values of windows that are encoded at a time."""
Compute = Callable[[np.ndarray | StoredRows], np.ndarray]


@dataclass(frozen=True)
class WindowTimes:
    """When windows of series are.

    Attributes:
        length: Steps of a window.
        said: Takes the place of a window in its split, and returns its first and its last time.
    """

    length: int
    said: Callable[[int], str]


@dataclass(frozen=True)
class Shown:
    """What a model makes of some inputs.

    Attributes:
        places: The places of the inputs in the split, int (shown,).
        groups: The group of each, a place in `GROUPS`, int (shown,).
        outputs: The model's outputs for them, float32 (shown, values).
        samples: Outputs for codes drawn from the standard normal distribution, float32 (samples, values); none unless the
            autoencoder is variational.
        times: The first and the last time of each, if they are windows of series.
    """

    places: np.ndarray
    groups: np.ndarray
    outputs: np.ndarray
    samples: np.ndarray
    times: tuple[str, ...] = ()


@dataclass(frozen=True)
class InputExamples(SavedExamples):
    """Inputs before and after: the best, those about the median, and the worst.

    Attributes:
        ids: The examples' places in their split, int (examples,).
        groups: The group of each, a place in `GROUPS`, int (examples,).
        errors: Mean squared error of each, float (examples,).
        before: uint8 images (examples, height, width, channels); empty for tables.
        after: What the model makes of them, likewise.
        rows: The columns of rows of a table with the largest errors, before and after; empty for images.
        samples: uint8 images that are drawn from a variational autoencoder (samples, height, width, channels).
    """

    KINDS: ClassVar[str] = "iifiiUi"

    ids: np.ndarray
    groups: np.ndarray
    errors: np.ndarray
    before: np.ndarray
    after: np.ndarray
    rows: np.ndarray
    samples: np.ndarray

    def is_whole(self) -> bool:
        flat = [array.ndim for array in (self.ids, self.groups, self.errors, self.rows)] == [1, 1, 1, 1]
        if not flat or not len(self.ids) == len(self.groups) == len(self.errors):
            return False
        count = len(self.ids)
        pictures = (self.before, self.after, self.samples)
        are_pixels = all(array.dtype == np.uint8 and array.ndim == 4 and _can_be_seen(array) for array in pictures)
        few = count <= EACH * len(GROUPS) and len(self.samples) <= SAMPLES
        named = not count or (self.groups.min() >= 0 and self.groups.max() < len(GROUPS))
        fits = self.before.shape == self.after.shape and {len(self.before), len(self.rows)} <= {0, count}
        return bool(are_pixels and few and named and fits)


def _can_be_seen(images: np.ndarray) -> bool:
    return not len(images) or (images.shape[-1] in (1, 3, 4) and 0 not in images.shape)


@dataclass(frozen=True)
class CoderParts:
    """What computes with the parts of an autoencoder; each takes an array of examples.

    Attributes:
        encode: Returns the codes of inputs, float32 (examples, latent).
        give_back: Returns what the whole model makes of inputs.
        decode: Returns what the decoder makes of codes; None unless codes can be drawn, as of a variational autoencoder.
    """

    encode: Compute
    give_back: Compute
    decode: Compute | None


def window_times(split: Split, signature: Signature) -> WindowTimes | None:
    """Return when the windows of a split are; None if it holds no windows of series."""
    series = split.series
    if series is None or signature.series is None:
        return None
    written = signature.series.written

    def said(place: int) -> str:
        first = series.begins[place]
        times = (float(series.times[row]) for row in (first, first + series.window - 1))
        return " to ".join(shown_time(time, written) for time in times)

    return WindowTimes(series.window, said)


def examine(
    predictions: InputPredictions, x: np.ndarray | StoredRows, parts: CoderParts, windows: WindowTimes | None = None
) -> InputPredictions:
    """Add to predictions the codes of all examples, and what the model makes of some.

    Args:
        predictions: The errors.
        x: The inputs.
        parts: What computes.
        windows: When windows of series are; None for other inputs.
    """
    codes = _codes(x, parts.encode)
    apart = 1 if windows is None else windows.length
    places, groups = chosen(predictions.of_kind("mean_squared_error"), predictions.ids, apart)
    outputs = parts.give_back(x[places]).reshape(len(places), -1)
    samples = outputs[:0]
    if parts.decode is not None:
        drawn = np.random.RandomState(SAMPLE_SEED).standard_normal((SAMPLES, codes.shape[1])).astype(np.float32)
        samples = parts.decode(drawn).reshape(SAMPLES, -1)
    times = () if windows is None else tuple(map(windows.said, places.tolist()))
    return replace(predictions, codes=codes, shown=Shown(places, groups, outputs, samples, times))


def _codes(x: np.ndarray | StoredRows, encode: Compute) -> np.ndarray:
    """Encode inputs, windows of series some at a time: all of them take many times the memory of the series."""
    if x.ndim != 3 or x.size <= AT_ONCE:
        return encode(x)
    many = max(AT_ONCE // x[0].size, 1)
    return np.concatenate([encode(x[begin : begin + many]) for begin in range(0, len(x), many)])


def chosen(errors: np.ndarray, ids: np.ndarray | None = None, apart: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Choose the best, typical and worst examples; return their places, and the group of each.

    Args:
        errors: float (examples,); those that are not finite are the worst.
        ids: The examples' places in their split; None for those in `errors`.
        apart: How far the places of a group are apart at least: neighbouring windows of series would show the same steps.
    """
    order = np.argsort(np.nan_to_num(errors, nan=np.inf), kind="stable")
    count = min(EACH, -(-len(order) // len(GROUPS)))
    middle = max((len(order) - count) // 2, 0)
    ranked = (order, order[middle:], order[::-1])
    parts = (
        [one[:count] for one in ranked] if ids is None or apart == 1 else [_apart(one, ids, apart) for one in ranked]
    )
    found, groups = np.concatenate(parts), np.repeat(np.arange(len(GROUPS)), [len(part) for part in parts])
    _, first = np.unique(found, return_index=True)  # of few examples, one may be in two groups
    first = np.sort(first)
    return found[first], groups[first]


def _apart(ranked: np.ndarray, ids: np.ndarray, apart: int) -> np.ndarray:
    found: list[int] = []
    for place in ranked.tolist():
        if all(abs(int(ids[place]) - int(ids[other])) >= apart for other in found):
            found.append(place)
        if len(found) == EACH:
            break
    return np.array(found, np.int64)


def examples_of(
    predictions: InputPredictions, x: np.ndarray | StoredRows, columns: Sequence[Column] = ()
) -> InputExamples | WindowExamples:
    """Return the examples that are saved of predictions, before and after.

    Args:
        predictions: Predictions with what the model makes of some inputs; without it, no example is saved.
        x: All inputs.
        columns: The columns of a table or of series.
    """
    none = np.zeros((0, 1, 1, 1), np.uint8)
    shown = predictions.shown
    if shown is not None and x.ndim == 3:
        return windows_of(predictions, shown, x, columns)
    if shown is None:
        flat = np.zeros(0, np.int64)
        return InputExamples(flat, flat, np.zeros(0), none, none, np.zeros(0, "U1"), none)
    errors = predictions.of_kind("mean_squared_error")[shown.places]
    facts = predictions.ids[shown.places], shown.groups, errors
    if x.ndim == 4:
        before = np.asarray(x[shown.places])
        return InputExamples(
            *facts, before, _pixels(shown.outputs, before), np.zeros(0, "U1"), _pixels(shown.samples, before)
        )
    layout = InputLayout.of_columns(columns)
    values, known = values_of(layout, x[shown.places])
    rows = row_pairs(layout, columns, (values, known, shown.outputs))
    return InputExamples(*facts, none, none, np.array(rows, dtype=np.str_), none)


def _pixels(outputs: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return outputs from 0 to 1 as images, uint8."""
    found = np.round(np.clip(np.nan_to_num(outputs), 0, 1) * 255).astype(np.uint8)
    images: np.ndarray = found.reshape(len(outputs), *like.shape[1:])
    return images
