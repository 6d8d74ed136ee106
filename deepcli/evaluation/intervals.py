"""95 % confidence intervals of scores measured on a sample of examples, and when they are not reliable.

An interval describes how far a score may be from its value on the whole population of examples. It does not describe how
much the score varies from one training run to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Interval = tuple[float, float]

TAIL = 0.025
"""The probability that is left out at either end."""
NORMAL = 1.959963984540054
"""The normal distribution exceeds this with the probability `TAIL`."""
RESAMPLES = 2_000
"""Resamples of the bootstrap."""
FEWEST = 10
"""The fewest wrong answers, right answers or examples of a class for which the bootstrap is reliable.

The bootstrap cannot draw what is not in the sample: for 360 right answers out of 360 its interval is [1, 1], and for a
true accuracy of 0.99 its intervals contain that accuracy in 86 % of cases instead of 95 %.
"""
AT_ONCE = 2_000_000
"""Numbers drawn at a time."""

EXACT = "exact (Clopper-Pearson)"
BOOTSTRAP = f"percentile bootstrap, {RESAMPLES:,} resamples of the examples"
CORRELATION = "normal on the scale of Fisher's z, standard error by Bonett & Wright"
LOGARITHM = "Student's t on the log scale, standard error by the infinitesimal jackknife"
AREA = "normal on the logit scale, standard error by the infinitesimal jackknife"


def clopper_pearson(successes: int, count: int) -> Interval:
    """Return the exact interval of a proportion: it contains the true value in at least 95 % of cases.

    Source: Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial".
    """
    from scipy.special import betaincinv

    low = float(betaincinv(successes, count - successes + 1, TAIL)) if successes else 0.0
    high = float(betaincinv(successes + 1, count - successes, 1 - TAIL)) if successes < count else 1.0
    return low, high


def difference(only_first: int, only_second: int, count: int) -> Interval:
    """Return the interval of the difference between two paired proportions, the second minus the first.

    It excludes 0 exactly if McNemar's exact test has p < 0.05. It combines two exact intervals: of the proportion of
    examples where the two differ, and of the proportion of those that the second got right. The distances of their ends
    from the estimates are squared and added.

    Source: Zou & Donner (2008), "Construction of confidence limits about effect measures", for the combination.

    Args:
        only_first: Examples that the first alone got right.
        only_second: Examples that the second alone got right.
        count: All examples.
    """
    if only_second < only_first:
        low, high = difference(only_second, only_first, count)
        return -high, -low
    differing = only_first + only_second
    share, (least, most) = differing / count, clopper_pearson(differing, count)
    if not differing:
        return -most, most
    lead = 2 * only_second / differing - 1
    behind, ahead = (2 * end - 1 for end in clopper_pearson(only_second, differing))
    high = min(1.0, share * lead + math.hypot(ahead * (most - share), most * (ahead - lead)))
    if not lead:
        return -high, high
    if behind <= 0:
        return most * behind, high
    # Combined as ratios to the estimate, so that the end stays on its side of 0.
    return share * lead * math.exp(-math.hypot(math.log(share / least), math.log(lead / behind))), high


def resampled_counts(counts: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]) -> Interval | None:
    """Return the bootstrap interval of a score computed from counts; None if all resamples agree.

    Args:
        counts: How many examples are of each kind.
        figure: Takes counts (resamples, *shape of counts) and returns the scores (resamples,).
    """
    import numpy as np

    kinds = np.flatnonzero(counts)
    rng, shares = np.random.RandomState(0), counts.ravel()[kinds] / counts.sum()
    rows = max(AT_ONCE // counts.size, 1)
    figures = []
    for begin in range(0, RESAMPLES, rows):
        drawn = np.zeros((min(rows, RESAMPLES - begin), counts.size))
        drawn[:, kinds] = rng.multinomial(int(counts.sum()), shares, len(drawn))
        figures.append(figure(drawn.reshape(-1, *counts.shape)))
    return _middle(np.concatenate(figures))


def resampled_mean(values: np.ndarray, resamples: int = RESAMPLES) -> Interval | None:
    """Return the bootstrap interval of a mean over examples (examples,); None if all resamples agree."""
    import numpy as np

    rng, count = np.random.default_rng(0), len(values)
    rows = max(AT_ONCE // count, 1)
    means = [
        values[rng.integers(0, count, (min(rows, resamples - begin), count), np.int32)].mean(axis=1)
        for begin in range(0, resamples, rows)
    ]
    return _middle(np.concatenate(means))


def resampled_sums(parts: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]) -> Interval | None:
    """Return the bootstrap interval of a score computed from sums over examples; None if all resamples agree.

    Args:
        parts: What each example adds to the sums, float (examples, sums).
        figure: Takes the sums of resamples (resamples, sums) and returns the scores (resamples,).
    """
    import numpy as np

    rng, count = np.random.default_rng(0), len(parts)
    rows = max(AT_ONCE // count, 1)
    figures = []
    for begin in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - begin)
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        figures.append(figure(times.astype(parts.dtype) @ parts))
    return _middle(np.concatenate(figures))


def resampled_median(values: np.ndarray) -> Interval | None:
    """Return the bootstrap interval of a median over examples (examples,); None if all resamples agree.

    The middle examples of a resample are drawn directly: their places among the sorted examples are
    those of order statistics of the uniform distribution.
    """
    import numpy as np

    rng, count, ordered = np.random.default_rng(0), len(values), np.sort(values)
    middle = (count + 1) // 2
    lower = rng.beta(middle, count - middle + 1, RESAMPLES)
    upper = lower if count % 2 else lower + (1 - lower) * rng.beta(1, count - middle, RESAMPLES)
    places = [np.minimum((end * count).astype(int), count - 1) for end in (lower, upper)]
    return _middle((ordered[places[0]] + ordered[places[1]]) / 2)


def resampled_rows(values: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]) -> Interval | None:
    """Return the bootstrap interval of any score of examples; None if all resamples agree.

    Args:
        values: What the score is computed from, float (examples, columns).
        figure: Takes resamples (resamples, examples, columns) and returns the scores (resamples,).
    """
    import numpy as np

    rng, count = np.random.default_rng(0), len(values)
    rows = max(AT_ONCE // values.size, 1)
    figures = [
        figure(values[rng.integers(0, count, (min(rows, RESAMPLES - begin), count), np.int32)])
        for begin in range(0, RESAMPLES, rows)
    ]
    return _middle(np.concatenate(figures))


def on_log_scale(figure: float, error: float, count: int) -> Interval | None:
    """Return the t interval of a positive score on the log scale, which suits errors and their ratios; None if undefined.

    Source: Efron (1982), "The Jackknife, the Bootstrap and Other Resampling Plans", for the standard error.

    Args:
        figure: The score on the examples.
        error: Its standard error.
        count: Examples.
    """
    from scipy.special import stdtrit

    if not figure > 0 or not error > 0 or count < 2:
        return None
    reach = float(stdtrit(count - 1, 1 - TAIL)) * error / figure
    return figure * math.exp(-reach), figure * math.exp(reach)


def t_reach(values: np.ndarray) -> float:
    """Return how far the t interval of the mean of independent values (count,) reaches to either side.

    Source: Student (1908), "The probable error of a mean".
    """
    from scipy.special import stdtrit

    count = len(values)
    if count < 2:
        return math.inf
    return float(stdtrit(count - 1, 1 - TAIL)) * (float(values.std(ddof=1)) / math.sqrt(count))


def of_correlation(figure: float, count: int) -> Interval | None:
    """Return the interval of a rank correlation on the scale of Fisher's z; None if it is undefined.

    Source: Bonett & Wright (2000), "Sample size requirements for estimating Pearson, Kendall and Spearman correlations".

    Args:
        figure: Spearman's correlation.
        count: Examples.
    """
    if count < 4 or abs(figure) >= 1:
        return None
    reach = NORMAL * math.sqrt((1 + figure**2 / 2) / (count - 3))
    return math.tanh(math.atanh(figure) - reach), math.tanh(math.atanh(figure) + reach)


def _middle(drawn: np.ndarray) -> Interval | None:
    import numpy as np

    low, high = np.quantile(drawn, [TAIL, 1 - TAIL])
    return (float(low), float(high)) if low < high else None


def on_logit_scale(figure: float, error: float) -> Interval | None:
    """Return the normal interval of a score on the logit scale, which stays in [0, 1]; None if it is undefined.

    Source: Pepe (2003), "The Statistical Evaluation of Medical Tests", for the scale. The standard error of the area under
    the ROC curve is that of DeLong et al. (1988).

    Args:
        figure: The score on the examples.
        error: Its standard error.
    """
    from scipy.special import expit, logit, ndtri

    if not 0 < figure < 1 or not error > 0:
        return None
    reach = ndtri(1 - TAIL) * error / (figure * (1 - figure))
    low, high = expit(logit(figure) - reach), expit(logit(figure) + reach)
    return float(low), float(high)
