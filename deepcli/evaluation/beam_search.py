"""Beam search: the likeliest sequences, token by token, for several inputs at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BeamSteps = Callable[[np.ndarray, np.ndarray, int, Any], tuple[np.ndarray, np.ndarray, Any]]
"""Takes the latest tokens, int32 (rows,), the row of the state that each continues, int32 (rows,), the number of tokens before
them and the state; returns log-probabilities and ids of the likeliest next tokens, (rows, candidates) each, and the state."""


@dataclass(frozen=True)
class BeamSettings:
    """How sequences are searched for.

    Attributes:
        beam: Unfinished sequences that are kept of each input; 1 always takes the likeliest token.
        length_penalty: Exponent of the length by which the log-probability of a sequence is divided; 0 favours short ones.
        longest: Most tokens of a sequence.
        start: The token before a sequence.
        end: The token that ends one.
    """

    beam: int
    length_penalty: float
    longest: int
    start: int
    end: int

    def ranked(self, log_probability: float, length: int) -> float:
        """Return what sequences are ranked by, after Wu et al. (2016), "Google's neural machine translation system"."""
        return float(log_probability / ((5 + length) / 6) ** self.length_penalty)


@dataclass(frozen=True)
class Hypothesis:
    """A finished sequence.

    Attributes:
        tokens: Its tokens, without start and end.
        log_probability: The natural logarithm of its probability.
        rank: What it is ranked by.
    """

    tokens: tuple[int, ...]
    log_probability: float
    rank: float


@dataclass
class _Search:
    """The search for one input: unfinished sequences, with their rows of the state, and those that ended."""

    alive: list[tuple[float, tuple[int, ...], int]]
    ended: list[Hypothesis] = field(default_factory=list)

    def advance(self, values: np.ndarray, ids: np.ndarray, settings: BeamSettings, last: bool) -> None:
        """Take a step from the candidates of the unfinished sequences, (sequences, candidates)."""
        candidates = [
            (score + float(value), tokens, int(token), row)
            for (score, tokens, row), some, names in zip(self.alive, values, ids, strict=True)
            for value, token in zip(some, names, strict=True)
        ]
        candidates.sort(key=lambda one: -one[0])  # stable: equal ones keep the order of their sequences
        self.alive = []
        for place, (score, tokens, token, row) in enumerate(candidates):
            if len(self.alive) == settings.beam:
                break
            if token == settings.end:
                if place < settings.beam:
                    self._end(tokens, score, len(tokens) + 1, settings)
            elif last:
                self._end((*tokens, token), score, len(tokens) + 1, settings)
                self.alive.append((score, tokens, row))
            else:
                self.alive.append((score, (*tokens, token), row))
        if last or (self.ended and (settings.beam == 1 or self.best.rank >= self._hope(settings))):
            self.alive = []

    def _hope(self, settings: BeamSettings) -> float:
        """Return a rank that no unfinished sequence can exceed: each further token makes it less likely."""
        return max((settings.ranked(score, settings.longest) for score, _, _ in self.alive), default=-math.inf)

    def _end(self, tokens: tuple[int, ...], score: float, length: int, settings: BeamSettings) -> None:
        self.ended.append(Hypothesis(tokens, score, settings.ranked(score, length)))

    @property
    def best(self) -> Hypothesis:
        return max(self.ended, key=lambda one: one.rank)


def beam_search(count: int, step: BeamSteps, state: Any, settings: BeamSettings) -> list[Hypothesis]:
    """Return the best sequence for each input.

    A search ends as soon as no unfinished sequence can become better than the best one that ended.
    What one input gets does not depend on the others.

    Args:
        count: Number of inputs; the state has a row for each.
        step: Computes the likeliest next tokens.
        state: The state before the first token.
        settings: How to search.
    """
    searches = [_Search([(0.0, (), row)]) for row in range(count)]
    for length in range(settings.longest):
        going = [search for search in searches if search.alive]
        if not going:
            break
        rows = [one for search in going for one in search.alive]
        tokens = np.array([tokens[-1] if tokens else settings.start for _, tokens, _ in rows], np.int32)
        order = np.array([row for _, _, row in rows], np.int32)
        values, ids, state = step(tokens, order, length, state)
        done = 0
        for search in going:
            own = slice(done, done + len(search.alive))
            search.alive = [(score, tokens, row) for row, (score, tokens, _) in enumerate(search.alive, done)]
            done = own.stop
            search.advance(values[own], ids[own], settings, length + 1 == settings.longest)
    return [search.best for search in searches]
