"""Paired comparison of two models that forecast, by their absolute errors from the same origins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.errors import DataError
from deepcli.evaluation.forecast_predictions import FEWEST_BLOCKS, ForecastPredictions
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.paired import PairedBase, in_order_of, t_test, verdict


@dataclass(frozen=True)
class PairedForecasts(PairedBase):
    """Differences between two models' forecasts from the same origins: second minus first, so that below 0 is better.

    Attributes:
        examples: Number of origins.
        unit: What errors are measured in; empty for the unit of the single target.
        blocks: Blocks of consecutive origins that the test compares; 0 if there are too few.
        mae: Difference in mean absolute error.
        mae_interval: Its 95 % interval over blocks; None if there are too few.
        p_value: P-value of the paired t test of the blocks' mean absolute errors.
        closer: Number of origins from which the second model is closer, and number from which the first one is.
        p_adjusted: P-value after Holm's correction for all comparisons in the table; the verdict is based on it.
    """

    examples: int
    unit: str
    blocks: int
    mae: float
    mae_interval: Interval | None
    p_value: float
    closer: tuple[int, int]
    p_adjusted: float

    @property
    def verdict(self) -> str:
        """The verdict on the second model's mean absolute error, in words."""
        if self.blocks < FEWEST_BLOCKS:
            return "too few origins to decide"
        return verdict(-self.mae, self.p_adjusted)

    @property
    def measure(self) -> str:
        return "the mean absolute error in a paired t test of blocks of consecutive origins"

    def lines(self) -> list[str]:
        unit = f" {self.unit}" if self.unit else ""
        ends = f"  [{self.mae_interval[0]:+.4g}, {self.mae_interval[1]:+.4g}]" if self.mae_interval else ""
        return [
            f"mean absolute error {self.mae:+.4g}{unit}{ends}",
            f"closer than the other: {self.closer[0]} against {self.closer[1]}",
        ]


def paired_forecasts(first: ForecastPredictions, second: ForecastPredictions) -> PairedForecasts:
    """Compare two models' forecasts from the same origins; with several targets, in standard deviations of training.

    Source: Diebold & Mariano (1995), "Comparing predictive accuracy", for the comparison; Carlstein (1986), "The use of
    subseries values for estimating the variance of a general statistic", for the blocks.

    Raises:
        DataError: The origins, the horizon or the targets differ.
    """
    if first.names != second.names or first.targets.shape[1:] != second.targets.shape[1:]:
        raise DataError("the forecasts are of different targets or horizons, so they cannot be paired")
    if not all(np.isfinite(one.values).all() for one in (first, second)):
        raise DataError("some forecasts are not finite numbers, so they cannot be paired")
    second = in_order_of(first, second)
    scales = first.scales if len(first.names) > 1 else np.ones(1)
    apart = (second.errors - first.errors) / scales
    each, mae = apart.mean(axis=(1, 2)), float(apart.mean())
    blocks = first.blocks(apart)
    unit = "standard deviations" if len(first.names) > 1 else ""
    closer = (int((each < 0).sum()), int((each > 0).sum()))
    if blocks is None:
        return PairedForecasts(len(each), unit, 0, mae, None, 1.0, closer, 1.0)
    p_value, interval = t_test(blocks, mae)
    return PairedForecasts(len(each), unit, len(blocks), mae, interval, p_value, closer, p_value)
