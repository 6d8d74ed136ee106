"""Windows of series before and after an autoencoder, saved for reports: of each, the column that is given back worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Column
from deepcli.evaluation.input_values import values_of
from deepcli.evaluation.saved_examples import SavedExamples

if TYPE_CHECKING:
    from deepcli.evaluation.input_predictions import InputPredictions
    from deepcli.evaluation.shown_inputs import Shown

LONGEST = 2_000
"""Steps that are saved of a window."""


@dataclass(frozen=True)
class WindowExamples(SavedExamples):
    """Windows before and after: the best, those about the median, and the worst; in the units of the data.

    Attributes:
        ids: The examples' places in their split, int (examples,).
        groups: The group of each, a place in `GROUPS`, int (examples,).
        errors: Mean squared error of each, float (examples,).
        before: The column of each that is given back worst, float32 (examples, steps); NaN behind the end of a series.
        after: What the model makes of it, likewise.
        columns: The name of that column, (examples,); all empty if there is one column.
        times: The first and last time of each window, (examples,); empty where series have no times.
        samples: The first column of series that are drawn from a variational autoencoder, float32 (samples, steps).
    """

    KINDS: ClassVar[str] = "iifffUUf"

    ids: np.ndarray
    groups: np.ndarray
    errors: np.ndarray
    before: np.ndarray
    after: np.ndarray
    columns: np.ndarray
    times: np.ndarray
    samples: np.ndarray

    def is_whole(self) -> bool:
        from deepcli.evaluation.shown_inputs import EACH, GROUPS, SAMPLES

        arrays = list(vars(self).values())
        if [array.ndim for array in arrays] != [1, 1, 1, 2, 2, 1, 1, 2]:
            return False
        count, steps = self.before.shape
        fits = {len(array) for array in arrays[:-1]} == {count} and self.after.shape == self.before.shape
        few = count <= EACH * len(GROUPS) and len(self.samples) <= SAMPLES and steps <= LONGEST
        named = not count or (self.groups.min() >= 0 and self.groups.max() < len(GROUPS))
        return bool(fits and few and named and self.samples.shape[1] in (0, steps))


def windows_of(
    predictions: InputPredictions, shown: Shown, x: np.ndarray | StoredRows, columns: Sequence[Column]
) -> WindowExamples:
    """Return the windows that are saved of predictions, before and after.

    Args:
        predictions: The errors.
        shown: What the model makes of some windows.
        x: All windows, float32 (windows, steps, columns).
        columns: The columns.
    """
    layout = InputLayout.of_steps(tuple(x.shape[1:]), columns)
    before = np.asarray(x[shown.places], np.float32)
    values, known = (part.reshape(before.shape) for part in values_of(layout, before))
    apart = np.nan_to_num((shown.outputs.reshape(before.shape) - values) ** 2 * known, nan=np.inf)
    worst = apart.sum(axis=1).argmax(axis=1)
    each = np.arange(len(before))
    after = np.where(known > 0, _in_units(layout, shown.outputs), np.nan)
    names = [columns[place].name if len(columns) > 1 else "" for place in worst.tolist()]
    return WindowExamples(
        predictions.ids[shown.places],
        shown.groups,
        predictions.of_kind("mean_squared_error")[shown.places],
        before[each, :LONGEST, worst],
        after[each, :LONGEST, worst].astype(np.float32),
        np.array(names, dtype=np.str_),
        np.array(shown.times or [""] * len(before), dtype=np.str_),
        _in_units(layout, shown.samples)[:, :LONGEST, 0].astype(np.float32),
    )


def _in_units(layout: InputLayout, outputs: np.ndarray) -> np.ndarray:
    """Return standardized outputs in the units of the data, float (examples, steps, columns)."""
    found: np.ndarray = outputs.reshape(len(outputs), *layout.shape) * np.array(layout.scales) + np.array(layout.means)
    return found
