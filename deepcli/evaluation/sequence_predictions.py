"""How likely a model found each token of the targets of pairs, and what it wrote itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from deepcli.data.schema import TargetKind
from deepcli.evaluation.intervals import FEWEST, Interval, resampled_sums
from deepcli.evaluation.predictions_base import AnyPredictions

if TYPE_CHECKING:
    from pathlib import Path

    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.data.schema import Column
    from deepcli.evaluation.paired_sequences import PairedSequences
    from deepcli.evaluation.sequence_mistakes import SequenceExamples

TEXTS = ("sources", "references", "translations")


@dataclass(frozen=True)
class SequencePredictions(AnyPredictions):
    """The probability of each token of the targets of a split, and the model's own answers.

    Attributes:
        ids: The pairs' places, int (pairs,).
        tokens: The targets with the end token, 0 for padding, int (pairs, longest).
        nats: Cross-entropy of each token in nats, given the right ones before it, negative where another token was likelier;
            NaN where a token is not scored; float32 (pairs, longest).
        sources: The inputs as written, one a line, UTF-8 in uint8 (bytes,).
        references: The targets as written, in the same form.
        translations: What the model wrote for each input; empty if it was not asked.
    """

    KIND: ClassVar[TargetKind] = "sequence"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "tokens", "nats", "sources", "references", "translations")
    CALLED: ClassVar[str] = "predictions of sequences"
    MERIT: ClassVar[str] = "minus the cross-entropy in nats per token"

    tokens: np.ndarray
    nats: np.ndarray
    sources: np.ndarray
    references: np.ndarray
    translations: np.ndarray

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "tokens", "nats"

    def reordered(self, order: np.ndarray) -> Self:
        changed = {
            name: joined_lines([lines[place] for place in order.tolist()])
            for name in TEXTS
            if (lines := lines_of(getattr(self, name)))
        }
        return replace(super().reordered(order), **changed)

    @property
    def misfit(self) -> str | None:
        kinds = "".join(array.dtype.kind for array in (self.ids, self.tokens, self.nats)).replace("u", "i")
        if kinds != "iif":
            return "ids and tokens should be integers, nats floats"
        if self.tokens.ndim != 2 or self.tokens.shape != self.nats.shape or self.ids.shape != self.tokens.shape[:1]:
            return f"the shapes are {self.ids.shape}, {self.tokens.shape} and {self.nats.shape}"
        for name in TEXTS:
            array = getattr(self, name)
            if array.dtype != np.uint8 or array.ndim != 1:
                return f"{name} should be bytes"
            if len(array) and len(lines_of(array)) != len(self.ids):
                return f"{name} has {len(lines_of(array)):,} lines for {len(self.ids):,} pairs"
        return None if self.scored.any() else "no token is scored"

    @property
    def truth(self) -> np.ndarray:
        return self.tokens

    @property
    def merit(self) -> float:
        return -self.loss

    @cached_property
    def scored(self) -> np.ndarray:
        """Which tokens are scored, bool (pairs, longest)."""
        scored: np.ndarray = ~np.isnan(self.nats)
        return scored

    @cached_property
    def sums(self) -> np.ndarray:
        """Sums over the tokens of each pair: nats, those that were the likeliest, scored ones; float64 (pairs, 3)."""
        nats = np.where(self.scored, np.abs(self.nats), 0).sum(axis=1, dtype=np.float64)
        right = (~np.signbit(self.nats) & self.scored).sum(axis=1)
        return np.stack([nats, right, self.scored.sum(axis=1)], axis=1)

    @cached_property
    def loss(self) -> float:
        """The mean cross-entropy of a token in nats."""
        total = self.sums.sum(axis=0)
        return float(total[0] / total[2])

    @property
    def left_out(self) -> int:
        """How many tokens of the targets are not scored."""
        return int((~self.scored & (self.tokens != 0)).sum())

    def mean_interval(self, values: np.ndarray) -> Interval | None:
        """Return the 95 % interval of the mean of values over the scored tokens, by resampling pairs; None if it has none.

        Args:
            values: A value for each token, float (pairs, longest).
        """
        if self.too_few():
            return None
        parts = np.stack([np.where(self.scored, values, 0).sum(axis=1, dtype=np.float64), self.sums[:, 2]], axis=1)
        return resampled_sums(parts, lambda sums: sums[:, 0] / sums[:, 1])

    @property
    def accuracy(self) -> float:
        """The share of scored tokens that were the likeliest."""
        total = self.sums.sum(axis=0)
        return float(total[1] / total[2])

    @property
    def accuracy_interval(self) -> Interval | None:
        """The interval of the accuracy over pairs; None if there are too few."""
        return self.mean_interval((~np.signbit(self.nats)).astype(np.float64))

    @cached_property
    def written(self) -> list[str]:
        """What the model wrote for each input; empty if it was not asked."""
        return lines_of(self.translations)

    @cached_property
    def wanted(self) -> list[str]:
        """The targets as written."""
        return lines_of(self.references)

    @cached_property
    def inputs(self) -> list[str]:
        """The inputs as written."""
        return lines_of(self.sources)

    @property
    def matches(self) -> np.ndarray:
        """Whether what the model wrote is the target to the character, bool (pairs,)."""
        return np.array([first == second for first, second in zip(self.written, self.wanted, strict=True)], bool)

    def too_few(self, every_class: bool = False) -> str | None:
        return None if len(self.ids) >= 2 * FEWEST else f"{len(self.ids)} pairs, {2 * FEWEST} needed"

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> SequenceExamples:
        from deepcli.evaluation.sequence_mistakes import chosen_pairs

        return chosen_pairs(self)

    @classmethod
    def load_worst(cls, path: Path) -> SequenceExamples:
        from deepcli.evaluation.sequence_mistakes import SequenceExamples

        return SequenceExamples.load(path)

    def tables(self) -> dict[str, Any]:
        return {}

    def paired(self, second: SequencePredictions) -> PairedSequences:
        from deepcli.evaluation.paired_sequences import paired_sequences

        return paired_sequences(self, second)


def joined_lines(texts: Sequence[str]) -> np.ndarray:
    """Return texts of one line each as bytes, uint8 (bytes,); ends of lines inside of them become spaces."""
    lines = (" ".join(text.split("\n")) for text in texts)
    return np.frombuffer("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), np.uint8)


def lines_of(array: np.ndarray) -> list[str]:
    """Return the texts that `joined_lines` joined."""
    return array.tobytes().decode("utf-8", "replace").split("\n")[:-1]
