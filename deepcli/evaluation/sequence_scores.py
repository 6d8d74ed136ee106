"""Scores of what a model writes for the inputs of pairs: BLEU, chrF and exact matches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.evaluation import intervals
from deepcli.evaluation.intervals import Interval
from deepcli.evaluation.scores import SAME, SCORES, Score

if TYPE_CHECKING:
    import numpy as np

    from deepcli.evaluation.sequence_predictions import SequencePredictions

UNASKED = "the model was not asked to write these targets"
MISSING = "needs sacrebleu: pip install 'deepcli[translation]'"


class WritingScore(Score):
    """A score of what a model wrote."""

    tasks: ClassVar[tuple[str, ...]] = ("sequence_to_sequence",)

    def undefined(self, predictions: SequencePredictions) -> str:
        return MISSING if predictions.written else UNASKED


class Sacrebleu(WritingScore):
    """A score that sacreBLEU computes, from 0 to 100; the note has its signature."""

    def metric(self) -> Any:
        """Return sacreBLEU's metric; None if it is not installed."""
        try:
            from sacrebleu import metrics
        except ImportError:
            return None
        return getattr(metrics, self.type.upper())()

    def measure(self, predictions: SequencePredictions) -> float:
        metric = self.metric()
        if metric is None or not predictions.written:
            return math.nan
        return float(metric.corpus_score(predictions.written, [predictions.wanted]).score)

    def signature(self, predictions: SequencePredictions) -> str:
        """Return what sacreBLEU says about how it computed the score."""
        metric = self.metric()
        if metric is None or not predictions.written:
            return ""
        metric.corpus_score(predictions.written[:1], [predictions.wanted[:1]])  # it knows the number of references then
        return f"sacreBLEU {metric.get_signature()}"


@SCORES.register
class Bleu(Sacrebleu):
    """BLEU by sacreBLEU (Papineni et al. 2002; Post 2018), of n-grams of words; 100 is the same text, 0 is nothing in common."""

    METHOD: ClassVar[str] = intervals.BOOTSTRAP
    type: Literal["bleu"] = "bleu"

    def interval(self, predictions: SequencePredictions) -> Interval | str | None:
        if why := predictions.too_few():
            return why
        return intervals.resampled_sums(self._counts(predictions), _bleu) or SAME

    def _counts(self, predictions: SequencePredictions) -> np.ndarray:
        """Return, for each pair, right n-grams and n-grams of each order, and both lengths."""
        import numpy as np

        metric = self.metric()
        rows = []
        for written, wanted in zip(predictions.written, predictions.wanted, strict=True):
            one = metric.corpus_score([written], [[wanted]])
            rows.append([*one.counts, *one.totals, one.sys_len, one.ref_len])
        return np.array(rows, np.float64)

    def remark(self, predictions: SequencePredictions) -> str:
        return self.signature(predictions)


@SCORES.register
class Chrf(Sacrebleu):
    """ChrF by sacreBLEU (Popovic 2015): F-score of n-grams of characters; 100 is the same text, 0 is nothing in common."""

    type: Literal["chrf"] = "chrf"

    def interval(self, predictions: SequencePredictions) -> str:
        return "not computed"

    def remark(self, predictions: SequencePredictions) -> str:
        return self.signature(predictions)


@SCORES.register
class ExactMatch(WritingScore):
    """Share of targets that were written to the character, from 0 to 1, with an exact 95 % interval (Clopper-Pearson)."""

    METHOD: ClassVar[str] = intervals.EXACT
    type: Literal["exact_match"] = "exact_match"

    def measure(self, predictions: SequencePredictions) -> float:
        return float(predictions.matches.mean()) if predictions.written else math.nan

    def interval(self, predictions: SequencePredictions) -> Interval:
        return intervals.clopper_pearson(int(predictions.matches.sum()), len(predictions.ids))

    def undefined(self, predictions: SequencePredictions) -> str:
        return UNASKED


def _bleu(sums: np.ndarray) -> np.ndarray:
    """Return BLEU of sums over pairs, (resamples, 10): exponential smoothing as sacreBLEU does by default."""
    import numpy as np

    right, total, written, wanted = sums[:, :4], sums[:, 4:8], sums[:, 8], sums[:, 9]
    halved = 2.0 ** -np.cumsum(right == 0, axis=1)
    precision = np.where(right > 0, right, halved) / np.maximum(total, 1)
    brevity = np.where(written < wanted, np.exp(1 - wanted / np.maximum(written, 1)), 1.0)
    found: np.ndarray = 100 * brevity * np.exp(np.log(precision).mean(axis=1)) * (right[:, 0] > 0)
    return found
