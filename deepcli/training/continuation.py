"""Continue texts with a trained language model, token by token, from what it remembers of those before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from deepcli.data.arrays.splits import generator
from deepcli.evaluation.sampling import Sampling
from deepcli.experiment.schema import Experiment
from deepcli.system.signals import heed
from deepcli.training.backend import Backend


class Continuation:
    """A model that continues texts.

    A recurrent model keeps its state over any number of tokens. A transformer keeps keys and values until it has seen a whole
    window; then it reads the latest half of the window again, once for half a window of further tokens.

    Args:
        model: The model.
        experiment: Its spec.
        backend: Computes the steps.
    """

    def __init__(self, model: keras.Model, experiment: Experiment, backend: Backend) -> None:
        stepper = experiment.model.stepper(model, experiment.signature)
        self._longest = stepper.longest
        self._run = backend.stepping(stepper)

    def tokens(self, prompt: Sequence[int], sampling: Sampling, seed: Sequence[int]) -> Iterator[int]:
        """Yield tokens without end.

        Args:
            prompt: The tokens to continue, at least one.
            sampling: How tokens are drawn.
            seed: Numbers that the draws depend on.
        """
        rng, seen = generator(*seed), list(prompt)
        logits, count, state = self._begin(seen if self._longest is None else seen[-self._longest :])
        while True:
            heed()
            seen.append(sampling.draw(logits, rng))
            yield seen[-1]
            if self._longest is not None and count == self._longest:
                del seen[: -self._longest]
                logits, count, state = self._begin(seen[-max(self._longest // 2, 1) :])
            else:
                logits, state = self._run(np.array([seen[-1:]], np.int32), count, state)
                count += 1

    def _begin(self, tokens: Sequence[int]) -> tuple[np.ndarray, int, object]:
        """Read tokens from the start; return the logits after them, their number and the state."""
        logits, state = self._run(np.array([tokens], np.int32), 0, None)
        return logits, len(tokens), state
