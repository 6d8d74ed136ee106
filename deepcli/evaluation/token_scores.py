"""Scores of next tokens: perplexity and bits per character."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from deepcli.evaluation.intervals import BOOTSTRAP, Interval
from deepcli.evaluation.scores import BLOCKS, SAME, SCORES, Score

if TYPE_CHECKING:
    from deepcli.evaluation.sequence_predictions import SequencePredictions
    from deepcli.evaluation.token_predictions import TokenPredictions


class TokenScore(Score):
    """A score that follows from the mean cross-entropy of next tokens.

    Neighbouring tokens depend on each other, so intervals count blocks of consecutive tokens, or pairs of texts, and not single
    tokens.
    """

    METHOD: ClassVar[str] = BLOCKS
    tasks: ClassVar[tuple[str, ...]] = ("language_model",)

    def method(self, predictions: TokenPredictions | SequencePredictions) -> str:
        return BOOTSTRAP if predictions.KIND == "sequence" else self.METHOD

    def interval(self, predictions: TokenPredictions | SequencePredictions) -> Interval | str | None:
        import numpy as np

        ends = predictions.mean_interval(np.abs(predictions.nats))
        if ends is None:
            return predictions.too_few() or SAME
        return self._figure(ends[0], predictions), self._figure(ends[1], predictions)

    def remark(self, predictions: TokenPredictions | SequencePredictions) -> str:
        left_out = predictions.left_out
        return f"{left_out:,} unknown tokens are not scored" if left_out else ""

    @abstractmethod
    def _figure(self, mean: float, predictions: Any) -> float:
        """Compute the score from the mean cross-entropy in nats."""


@SCORES.register
class PerplexityScore(TokenScore):
    """Exponential of the mean cross-entropy of a token; 1 is certainty, the number of tokens is guessing."""

    type: Literal["perplexity"] = "perplexity"
    tasks: ClassVar[tuple[str, ...]] = ("language_model", "sequence_to_sequence")
    better: ClassVar[Literal["max", "min"]] = "min"

    def measure(self, predictions: TokenPredictions | SequencePredictions) -> float:
        return self._figure(predictions.loss, predictions)

    def _figure(self, mean: float, predictions: Any) -> float:
        return math.exp(mean) if mean < 700 else math.inf


@SCORES.register
class BitsPerCharacter(TokenScore):
    """Cross-entropy in bits for each character of the text, which compares any tokens; 0 is certainty."""

    type: Literal["bits_per_character"] = "bits_per_character"
    better: ClassVar[Literal["max", "min"]] = "min"

    def measure(self, predictions: TokenPredictions) -> float:
        return predictions.bits_per_character

    def _figure(self, mean: float, predictions: TokenPredictions) -> float:
        return mean / math.log(2) / float(predictions.characters[0])
