"""Time series that are small enough to train on in a test: two columns to forecast, and one that is known ahead.

Where windows are given back, all three are.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Provenance, Split, Splits
from deepcli.data.base import Dataset
from deepcli.data.schema import Column, Schema, SeriesFacts, Target
from deepcli.data.signature import Signature

WINDOW, HORIZON = 36, 3
MEANS, SCALES = (100.0, -3.0), (50.0, 0.1)
NAMES = ("load", "price")
COLUMNS = (
    *(Column(name=name, type="number", mean=m, scale=s) for name, m, s in zip(NAMES, MEANS, SCALES, strict=True)),
    Column(name="holiday", type="number", mean=0.2, scale=0.4),
)
FACTS = SeriesFacts(horizon=HORIZON, known=("holiday",), season=4, seasonal_errors=((20.0, 0.05),))
TARGET = Target(kind="series", columns=NAMES, names=NAMES, means=MEANS, scales=SCALES)
SERIES = Signature("series", (WINDOW, 3), 0, examples=24, target=TARGET, columns=COLUMNS, series=FACTS)


class TinySeries(Dataset):
    """Waves with a known holiday."""

    type: Literal["tiny_series"] = "tiny_series"
    augmentation: None = None

    @property
    def signature(self) -> Signature:
        return SERIES

    @property
    def data_schema(self) -> Schema:
        counts = {"train": SERIES.examples}
        shape = SERIES.shape
        return Schema(
            source=self.type, kind="series", shape=shape, target=TARGET, columns=COLUMNS, counts=counts, series=FACTS
        )

    def read(self, sources: Any) -> Any:
        raise NotImplementedError

    def load(self, sources: Any) -> Splits:
        horizon = 0 if self._reads == "inputs" else HORIZON
        train, validation, test = (series_split(count, seed, horizon) for seed, count in enumerate((48, 24, 24)))
        return Splits(train, validation, test, Provenance("nowhere", True, "0" * 64, "0" * 64))


TinySeries.__module__ = "deepcli.data.tiny_series"  # compiled models with components from elsewhere are not reused


def series_split(count: int, seed: int = 0, horizon: int = HORIZON) -> Split:
    """Make windows of waves with noise; with a horizon of 0, they are given back."""
    rows, rng = count + WINDOW + HORIZON, np.random.RandomState(seed)
    steps = np.arange(rows)
    values = np.empty((rows, 3), np.float32)
    for column, (mean, scale) in enumerate(zip(MEANS, SCALES, strict=True)):
        values[:, column] = mean + scale * (np.sin(steps * np.pi / 2 + column) + 0.2 * rng.normal(size=rows))
    values[:, 2] = steps % 5 == 0
    seasonal = np.tile(np.array(FACTS.seasonal_errors), (rows, 1))
    windows = SeriesWindows(
        values, np.arange(count, dtype=np.int64), WINDOW, horizon, len(NAMES), steps.astype(float), seasonal
    )
    return Split.of_series(windows)
