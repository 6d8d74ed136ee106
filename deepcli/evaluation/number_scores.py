"""Scores of predicted numbers: errors, explained variance, rank correlation.

Errors of a single target are in its unit. Several targets have different units, so for them `mae`, `rmse` and
`median_absolute_error` are the means over targets of each error divided by the target's standard deviation on the split:
always predicting the means gives an `rmse` of 1. The table of targets has each in its own unit.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import ORIGINS, SAME, SCORES, Score

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.number_predictions import NumberPredictions

NEAR_ZERO = 0.01
"""A target is near zero below this share of the median absolute target."""


class NumberScore(Score):
    """A score of predicted numbers; NaN if some are not finite."""

    METHOD: ClassVar[str] = intervals.BOOTSTRAP
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def measure(self, predictions: NumberPredictions) -> float:
        if (own := predictions.own_figure(self.type)) is not None:
            return own
        if self._undefined(predictions):
            return math.nan
        figure = float(self._measure(predictions))
        return figure if math.isfinite(figure) else math.nan

    def interval(self, predictions: NumberPredictions) -> Interval | str | None:
        if predictions.own_figure(self.type) is not None:
            return predictions.own_interval(self.type) or SAME
        return predictions.too_few() or self._interval(predictions) or SAME

    def method(self, predictions: NumberPredictions) -> str:
        return self.METHOD if predictions.own_figure(self.type) is None else ORIGINS

    def remark(self, predictions: NumberPredictions) -> str:
        return "" if predictions.own_figure(self.type) is not None else self._undefined(predictions)

    def _undefined(self, predictions: NumberPredictions) -> str:
        """Return why the score is undefined; empty if it is defined."""
        import numpy as np

        return "" if np.isfinite(predictions.values).all() else "some predictions are not finite numbers"

    @abstractmethod
    def _measure(self, predictions: NumberPredictions) -> float:
        """Compute the score of finite predictions."""

    @abstractmethod
    def _interval(self, predictions: NumberPredictions) -> Interval | str | None:
        """Compute the interval; None if all resamples agree."""


def does_not_vary(predictions: NumberPredictions) -> str:
    """Say which targets do not vary on the split, so that nothing can be measured by their variance; empty for none."""
    names = predictions.constant
    return f"{', '.join(names[:3])} {'do' if len(names) > 1 else 'does'} not vary on this split" if names else ""


class MeanScore(NumberScore):
    """A score that follows from the mean error of each target and from the target's variance.

    It is (mean of |error|^p)^q / variance^r, averaged over targets; one target's variance counts only where r must.

    Attributes:
        POWERS: p, q and r.
        ALWAYS_SCALED: Whether the variance of a single target counts too.
    """

    METHOD: ClassVar[str] = intervals.LOGARITHM
    POWERS: ClassVar[tuple[float, float, float]]
    ALWAYS_SCALED: ClassVar[bool] = False

    def _scaled(self, predictions: NumberPredictions) -> bool:
        return self.ALWAYS_SCALED or len(predictions.names) > 1

    def _undefined(self, predictions: NumberPredictions) -> str:
        unknown = does_not_vary(predictions) if self._scaled(predictions) else ""
        return super()._undefined(predictions) or unknown

    def _measure(self, predictions: NumberPredictions) -> float:
        return float(self._by_target(predictions)[2].mean())

    def _by_target(self, predictions: NumberPredictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the powers of the errors (examples, targets), their means and the score of each target (targets,)."""
        import numpy as np

        error, mean, variance = self.POWERS
        powers = predictions.errors**error
        means = powers.mean(axis=0)
        scale = np.square(predictions.spreads) ** variance if self._scaled(predictions) else 1.0
        return powers, means, means**mean / scale

    def _interval(self, predictions: NumberPredictions) -> Interval | str | None:
        import numpy as np

        powers, means, figures = self._by_target(predictions)
        if not means.all():
            return "some predictions are perfect"
        influence = self.POWERS[1] * (powers / means - 1)
        if self._scaled(predictions):
            apart = np.square((predictions.truths - predictions.truths.mean(axis=0)) / predictions.spreads)
            influence = influence - self.POWERS[2] * (apart - 1)
        each = (figures * influence).mean(axis=1)
        return intervals.on_log_scale(float(figures.mean()), float(np.sqrt((each**2).sum())) / len(each), len(each))


@SCORES.register
class Mae(MeanScore):
    """Mean absolute error, in the unit of the target; 0 is perfect.

    With several targets: the mean over them of each error divided by the target's standard deviation on the split; of
    forecasts, that of training.
    """

    type: Literal["mae"] = "mae"
    tasks: ClassVar[tuple[str, ...]] = ("regression", "forecasting")
    better: ClassVar[Literal["max", "min"]] = "min"
    POWERS: ClassVar[tuple[float, float, float]] = (1, 1, 0.5)


@SCORES.register
class Rmse(MeanScore):
    """Root of the mean squared error, in the unit of the target; 0 is perfect, and large errors count more than in `mae`.

    With several targets: the mean over them of each error divided by the target's standard deviation on the split; of
    forecasts, that of training.
    """

    type: Literal["rmse"] = "rmse"
    tasks: ClassVar[tuple[str, ...]] = ("regression", "forecasting")
    better: ClassVar[Literal["max", "min"]] = "min"
    POWERS: ClassVar[tuple[float, float, float]] = (2, 0.5, 0.5)


@SCORES.register
class R2(MeanScore):
    """Share of the variance that is explained (R²): 1 is perfect, 0 is as good as the mean, below 0 is worse.

    With several targets: the mean over them. NaN if a target does not vary.
    """

    type: Literal["r2"] = "r2"
    POWERS: ClassVar[tuple[float, float, float]] = (2, 1, 1)
    ALWAYS_SCALED: ClassVar[bool] = True

    def _measure(self, predictions: NumberPredictions) -> float:
        return 1 - super()._measure(predictions)

    def _interval(self, predictions: NumberPredictions) -> Interval | str | None:
        found = super()._interval(predictions)
        return (1 - found[1], 1 - found[0]) if isinstance(found, tuple) else found


@SCORES.register
class MedianAbsoluteError(NumberScore):
    """Median of the absolute errors, in the unit of the target; 0 is perfect, and half of the errors are smaller.

    With several targets: the mean over them of each median divided by the target's standard deviation on the split.
    """

    type: Literal["median_absolute_error"] = "median_absolute_error"
    better: ClassVar[Literal["max", "min"]] = "min"

    def _undefined(self, predictions: NumberPredictions) -> str:
        return super()._undefined(predictions) or (does_not_vary(predictions) if len(predictions.names) > 1 else "")

    def _measure(self, predictions: NumberPredictions) -> float:
        return float(self._of(predictions.errors[None], predictions)[0])

    def _interval(self, predictions: NumberPredictions) -> Interval | None:
        if len(predictions.names) == 1:
            return intervals.resampled_median(predictions.errors[:, 0])
        return intervals.resampled_rows(predictions.errors, lambda errors: self._of(errors, predictions))

    @staticmethod
    def _of(errors: np.ndarray, predictions: NumberPredictions) -> np.ndarray:
        """Compute the score from absolute errors (scores, examples, targets)."""
        import numpy as np

        medians = np.median(errors, axis=1)
        means: np.ndarray = (medians / (predictions.spreads if medians.shape[1] > 1 else 1.0)).mean(axis=1)
        return means


@SCORES.register
class Mape(NumberScore):
    """Mean absolute error as a share of the target, such as 0.1 for 10 %; 0 is perfect; the mean over several targets.

    NaN if a target is near zero (below 1 % of its median size) or has both signs, where shares have no meaning.
    """

    type: Literal["mape"] = "mape"
    better: ClassVar[Literal["max", "min"]] = "min"

    def _undefined(self, predictions: NumberPredictions) -> str:
        import numpy as np

        for name, truths in zip(predictions.names, predictions.truths.T, strict=True):
            sizes = np.abs(truths)
            if sizes.min() <= NEAR_ZERO * np.median(sizes):
                return f"{name} is near zero in some examples"
            if truths.min() < 0 < truths.max():
                return f"{name} is positive and negative"
        return super()._undefined(predictions)

    def _measure(self, predictions: NumberPredictions) -> float:
        return float(self._shares(predictions).mean())

    def _interval(self, predictions: NumberPredictions) -> Interval | None:
        return intervals.resampled_mean(self._shares(predictions))

    @staticmethod
    def _shares(predictions: NumberPredictions) -> np.ndarray:
        """Return the mean over targets of the relative errors, float64 (examples,)."""
        import numpy as np

        shares: np.ndarray = (predictions.errors / np.abs(predictions.truths)).mean(axis=1)
        return shares


@SCORES.register
class Spearman(NumberScore):
    """Spearman's rank correlation: 1 if the order is perfect, whatever the values, and -1 if reversed; mean over targets.

    0 if the model always predicts the same number; NaN if a target does not vary.
    """

    type: Literal["spearman"] = "spearman"
    METHOD: ClassVar[str] = intervals.CORRELATION

    def _undefined(self, predictions: NumberPredictions) -> str:
        return super()._undefined(predictions) or does_not_vary(predictions)

    def _measure(self, predictions: NumberPredictions) -> float:
        import numpy as np

        pairs = zip(predictions.truths.T, predictions.outputs.T, strict=True)
        return float(np.mean([rank_correlation(truth, value) for truth, value in pairs]))

    def _interval(self, predictions: NumberPredictions) -> Interval | str | None:
        if len(predictions.names) > 1:
            return "it is known for a single target only"
        found = intervals.of_correlation(self.measure(predictions), len(predictions.ids))
        return found or "the order is perfect, or perfectly reversed"


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation of two rows of numbers; 0 if one of them does not vary."""
    import numpy as np
    from scipy.stats import rankdata

    ranks = [rankdata(one) - (len(one) + 1) / 2 for one in (first, second)]
    below = float(np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))
    return float(ranks[0] @ ranks[1]) / below if below else 0.0
