"""Forecasts of time series, with what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from deepcli.data.schema import TargetKind
from deepcli.evaluation.intervals import Interval, t_reach
from deepcli.evaluation.predictions_base import AnyPredictions

if TYPE_CHECKING:
    from pathlib import Path

    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.data.schema import Column
    from deepcli.evaluation.forecast_examples import ForecastExamples
    from deepcli.evaluation.number_predictions import NumberPredictions
    from deepcli.evaluation.paired_forecasts import PairedForecasts

BLOCKS = 100
"""Blocks into which forecasts are divided for intervals, at most."""
FEWEST_BLOCKS = 20
"""The fewest blocks for an interval."""


@dataclass(frozen=True)
class ForecastPredictions(AnyPredictions):
    """Forecasts from each origin of a split, in the units of the data.

    Attributes:
        ids: The rows that are forecast first, int (origins,).
        targets: What came, float (origins, horizon, targets).
        values: The forecasts, float32 (origins, horizon, targets, quantiles); one for a forecast of one number.
        levels: The levels of the quantiles, float64 (quantiles,); empty for a forecast of one number.
        scales: Standard deviation of each target over training, float64 (targets,).
        seasonal: What the errors of each origin are divided by in MASE, float64 (origins, targets); 0 if undefined.
        times: The time that is forecast first: days since 1970, or a number, float64 (origins,).
        names: The names of the targets.
        written: How times are written; `number` for numbers.
    """

    KIND: ClassVar[TargetKind] = "series"
    ARRAYS: ClassVar[tuple[str, ...]] = (
        *("ids", "targets", "values", "levels", "scales", "seasonal", "times", "names", "written"),
    )
    CALLED: ClassVar[str] = "forecasts"
    MERIT: ClassVar[str] = "minus the mean absolute error in standard deviations"

    targets: np.ndarray
    values: np.ndarray
    levels: np.ndarray
    scales: np.ndarray
    seasonal: np.ndarray
    times: np.ndarray
    names: tuple[str, ...]
    written: str

    @classmethod
    def of_arrays(cls, arrays: list[np.ndarray]) -> Self:
        ids, targets, values, levels, scales, seasonal, times, names, written = arrays
        texts = names.tolist() if names.dtype.kind == "U" and names.ndim == 1 else ()
        how = written.tolist() if written.dtype.kind == "U" and written.ndim == 0 else "number"
        return cls(ids, targets, values, levels, scales, seasonal, times, tuple(texts), how)

    def to_arrays(self) -> list[np.ndarray]:
        arrays = [getattr(self, one.name) for one in fields(self)]
        return [*arrays[:-2], np.array(self.names, dtype=np.str_), np.array(self.written)]

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "targets", "values", "seasonal", "times"

    @property
    def misfit(self) -> str | None:
        kinds = "".join(array.dtype.kind for array in self.to_arrays()[:-2])
        if kinds.replace("u", "i") != "iffffff":
            return "ids should be integers, and the other arrays floats"
        if self.targets.ndim != 3 or 0 in self.targets.shape:
            return f"targets are of shape {self.targets.shape}, not (origins, horizon, targets)"
        count, horizon, targets = self.targets.shape
        wanted = [
            (self.ids, (count,)), (self.values, (count, horizon, targets, max(len(self.levels), 1))),
            (self.scales, (targets,)), (self.seasonal, (count, targets)), (self.times, (count,)),
        ]  # fmt: skip
        if any(array.shape != shape for array, shape in wanted) or len(self.names) != targets or self.levels.ndim != 1:
            return f"the shapes do not fit to {count} origins, {horizon} steps and {targets} targets"
        if not np.isfinite(self.targets).all() or not (self.scales > 0).all():
            return "some targets are not finite numbers, or some scales are not positive"
        return None

    @property
    def merit(self) -> float:
        return -float(self.standardized_errors.mean())

    @property
    def truth(self) -> np.ndarray:
        return self.targets

    @cached_property
    def middle(self) -> np.ndarray:
        """The forecast of one number: that of the quantile nearest to the median, float64 (origins, horizon, targets)."""
        place = int(np.abs(self.levels - 0.5).argmin()) if len(self.levels) else 0
        found: np.ndarray = self.values[..., place].astype(np.float64)
        return found

    @cached_property
    def finite(self) -> bool:
        """Whether all forecasts are finite numbers."""
        return bool(np.isfinite(self.values).all())

    @cached_property
    def errors(self) -> np.ndarray:
        """The absolute errors, float64 (origins, horizon, targets)."""
        errors: np.ndarray = np.abs(self.middle - self.targets)
        return errors

    @cached_property
    def standardized_errors(self) -> np.ndarray:
        """The absolute errors in standard deviations of training, float64 (origins, horizon, targets)."""
        errors: np.ndarray = self.errors / self.scales
        return errors

    @property
    def shown_errors(self) -> np.ndarray:
        """The absolute errors in the unit of a single target; those of several in standard deviations of training."""
        return self.errors if len(self.names) == 1 else self.standardized_errors

    @cached_property
    def scaled_errors(self) -> np.ndarray:
        """The absolute errors over those of the seasonal naive forecast in training; NaN where these are 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = self.errors / np.where(self.seasonal > 0, self.seasonal, np.nan)[:, None, :]
        return np.asarray(found)

    @cached_property
    def relative_errors(self) -> np.ndarray:
        """Twice the absolute errors over the sum of the sizes of forecast and truth; 0 where both are 0."""
        sizes = np.abs(self.middle) + np.abs(self.targets)
        found: np.ndarray = np.where(sizes > 0, 2 * self.errors / np.where(sizes > 0, sizes, 1.0), 0.0)
        return found

    @cached_property
    def pinball(self) -> np.ndarray:
        """The pinball loss of each quantile, standardized, float64 (origins, horizon, targets, quantiles)."""
        above = (self.targets[..., None] - self.values.astype(np.float64)) / self.scales[:, None]
        found: np.ndarray = np.maximum(self.levels * above, (self.levels - 1) * above)
        return found

    @property
    def numbers(self) -> NumberPredictions:
        """All steps as numbers that were predicted each by itself."""
        from deepcli.evaluation.number_predictions import NumberPredictions

        count = len(self.names)
        targets, values = self.targets.reshape(-1, count), self.middle.reshape(-1, count)
        return NumberPredictions(np.arange(len(targets)), targets, values, self.names)

    def own_figure(self, score: str) -> float | None:
        errors = self.shown_errors
        if not self.finite:
            return math.nan
        return float(errors.mean()) if score == "mae" else math.sqrt(float((errors**2).mean()))

    def own_interval(self, score: str) -> Interval | str | None:
        errors = self.shown_errors
        if score == "mae":
            return self.mean_interval(errors)
        ends = self.mean_interval(errors**2)
        return (math.sqrt(max(ends[0], 0.0)), math.sqrt(ends[1])) if isinstance(ends, tuple) else ends

    def blocks(self, values: np.ndarray) -> np.ndarray | None:
        """Return the means of values over blocks of consecutive origins; None if there are too few for an interval.

        Forecasts from neighbouring origins share most of their steps, so that a block is at least a horizon long.

        Args:
            values: A value for each step, float (origins, horizon, targets).
        """
        count = min(BLOCKS, len(self.ids) // self.targets.shape[1])
        if count < FEWEST_BLOCKS:
            return None
        each = np.nanmean(values, axis=(1, 2))[np.argsort(self.ids, kind="stable")]
        return np.array([part.mean() for part in np.array_split(each, count)])

    def mean_interval(self, values: np.ndarray) -> Interval | str | None:
        """Return the 95 % interval of the mean of values over all steps, from blocks; or why there is none.

        Args:
            values: A value for each step, float (origins, horizon, targets).
        """
        blocks = self.blocks(values)
        if blocks is None:
            return self.too_few()
        mean, reach = float(np.nanmean(values)), t_reach(blocks)
        return (mean - reach, mean + reach) if reach else None

    def too_few(self, every_class: bool = False) -> str | None:
        count, needed = len(self.ids), FEWEST_BLOCKS * self.targets.shape[1]
        return None if count >= needed else f"{count:,} origins, {needed:,} needed"

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> ForecastExamples:
        from deepcli.evaluation.forecast_examples import choose_forecasts

        return choose_forecasts(self, np.asarray(x))

    @classmethod
    def load_worst(cls, path: Path) -> ForecastExamples:
        from deepcli.evaluation.forecast_examples import ForecastExamples

        return ForecastExamples.load(path)

    def tables(self) -> dict[str, Any]:
        from deepcli.evaluation.forecast_tables import per_quantile, per_step
        from deepcli.evaluation.tables import per_number

        return {"numbers": per_number(self.numbers), "steps": per_step(self), "quantiles": per_quantile(self)}

    def paired(self, second: Any) -> PairedForecasts:
        from deepcli.evaluation.paired_forecasts import paired_forecasts

        return paired_forecasts(self, second)
