"""How likely a model found each token of a text, given those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    from deepcli.evaluation.paired_tokens import PairedTokens
    from deepcli.evaluation.token_mistakes import TokenMistakes

ROWS = 4096
"""Windows that are added up at a time."""
BLOCKS = 100
"""Blocks into which a text is divided for intervals."""
FEWEST_BLOCKS = 20
"""The fewest blocks for an interval."""
BLOCK_TOKENS = 256
"""The fewest tokens of a block: what is hard to predict is so for a whole sentence, so short blocks depend on each other."""


@dataclass(frozen=True)
class TokenPredictions(AnyPredictions):
    """The probability of each token of a split.

    Attributes:
        ids: The windows' places in the split, int (windows,).
        tokens: The tokens that follow, int (windows, window).
        nats: Cross-entropy of each token in nats, negative where another token was likelier; NaN where a token is not
            scored; float32 (windows, window).
        characters: Characters of the text for each token, on average, float64 (1,).
    """

    KIND: ClassVar[TargetKind] = "tokens"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "tokens", "nats", "characters")
    CALLED: ClassVar[str] = "predictions of tokens"
    MERIT: ClassVar[str] = "minus the cross-entropy in bits per character"

    tokens: np.ndarray
    nats: np.ndarray
    characters: np.ndarray

    @classmethod
    def of_arrays(cls, arrays: list[np.ndarray]) -> Self:
        return cls(*arrays)

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "tokens", "nats"

    @property
    def misfit(self) -> str | None:
        kinds = "".join(array.dtype.kind for array in (self.ids, self.tokens, self.nats, self.characters))
        if kinds.replace("u", "i") != "iiff":
            return "ids and tokens should be integers, nats and characters floats"
        shapes = [array.shape for array in (self.ids, self.tokens, self.nats, self.characters)]
        if self.tokens.ndim != 2 or shapes[1] != shapes[2] or shapes[0] != shapes[1][:1] or 0 in shapes[1]:
            return f"the shapes are {', '.join(map(str, shapes[:3]))}"
        if shapes[3] != (1,) or not self.characters[0] > 0:
            return "characters should be one positive number"
        return None if self.scored.any() else "no token is scored"

    @property
    def truth(self) -> np.ndarray:
        return self.tokens

    @property
    def merit(self) -> float:
        return -self.bits_per_character

    @cached_property
    def scored(self) -> np.ndarray:
        """Which tokens are scored, bool (windows, window)."""
        scored: np.ndarray = ~np.isnan(self.nats)
        return scored

    @property
    def left_out(self) -> int:
        """How many tokens are not scored."""
        return int((~self.scored).sum())

    @cached_property
    def loss(self) -> float:
        """The mean cross-entropy in nats."""
        total = 0.0
        for begin in range(0, len(self.nats), ROWS):  # a copy of the whole would double the memory of a long text
            total += float(np.nansum(np.abs(self.nats[begin : begin + ROWS]), dtype=np.float64))
        return total / int(self.scored.sum())

    @property
    def bits_per_character(self) -> float:
        """The mean cross-entropy in bits, for each character of the text."""
        return self.loss / float(np.log(2)) / float(self.characters[0])

    @cached_property
    def right(self) -> np.ndarray:
        """Whether each token was the likeliest, bool (windows, window); False where a token is not scored."""
        right: np.ndarray = ~np.signbit(self.nats) & self.scored
        return right

    @property
    def accuracy(self) -> float:
        """The share of scored tokens that were the likeliest."""
        return float(self.right.sum() / self.scored.sum())

    def blocks(self, values: np.ndarray) -> np.ndarray | None:
        """Return the means of values over blocks of consecutive tokens; None if the split is too short for an interval.

        Args:
            values: A value for each token, float (windows, window).
        """
        order = np.argsort(self.ids, kind="stable")
        flat = values[order][self.scored[order]]
        count = min(BLOCKS, len(flat) // max(BLOCK_TOKENS, self.tokens.shape[1]))
        if count < FEWEST_BLOCKS:
            return None
        return np.array([part.mean(dtype=np.float64) for part in np.array_split(flat, count)])

    def mean_interval(self, values: np.ndarray) -> Interval | None:
        """Return the 95 % interval of the mean of values over the scored tokens, from blocks; None if it has none.

        Args:
            values: A value for each token, float (windows, window).
        """
        blocks = self.blocks(values)
        if blocks is None or not blocks.std():
            return None
        mean, reach = float(values[self.scored].mean(dtype=np.float64)), t_reach(blocks)
        return mean - reach, mean + reach

    @property
    def accuracy_interval(self) -> Interval | None:
        """The interval of the accuracy over blocks; None if there are too few tokens."""
        return self.mean_interval(self.right.astype(np.float64))

    def too_few(self, every_class: bool = False) -> str | None:
        tokens, size = int(self.scored.sum()), max(BLOCK_TOKENS, self.tokens.shape[1])
        if tokens >= FEWEST_BLOCKS * size:
            return None
        return f"{tokens:,} tokens, {FEWEST_BLOCKS * size:,} needed"

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> TokenMistakes:
        from deepcli.evaluation.token_mistakes import worst_windows

        return worst_windows(self)

    @classmethod
    def load_worst(cls, path: Path) -> TokenMistakes:
        from deepcli.evaluation.token_mistakes import TokenMistakes

        return TokenMistakes.load(path)

    def tables(self) -> dict[str, Any]:
        return {}

    def paired(self, second: TokenPredictions) -> PairedTokens:
        from deepcli.evaluation.paired_tokens import paired_tokens

        return paired_tokens(self, second)
