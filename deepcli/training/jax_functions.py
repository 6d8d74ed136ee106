"""Functions that JAX compiles for predictions: of whole batches, of further tokens of a text, and of targets of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from deepcli.models.base import Stepper, Translator
from deepcli.training.backend import Kept, Steps, Translating
from deepcli.training.jax_batches import padded_length
from deepcli.training.jax_placement import Placement

MOST_AT_ONCE = 64
"""Tokens of a text that are read in one call; a longer text takes several."""


class Predictor:
    """A model's outputs for batches, compiled once for each shape.

    Args:
        model: The model.
        kept: What is kept of targets and outputs; None keeps the outputs.
        placement: Where variables and batches lie.
    """

    def __init__(self, model: keras.Model, kept: Kept | None, placement: Placement) -> None:
        self.model, self.kept = model, kept
        self._placement, self._compute = placement, placement.compiled(self._outputs)

    def __call__(self, x: Any, y: Any = None) -> np.ndarray:
        """Return the outputs of a batch, float32."""
        trained, others = self.model.trainable_variables, self.model.non_trainable_variables
        lent = self._placement.lent([*trained, *others])
        outputs = self._compute(lent[: len(trained)], lent[len(trained) :], x, y)
        return np.array(self._placement.here(outputs), np.float32)

    def filled(self, x: np.ndarray, rows: int) -> np.ndarray:
        """Return the outputs of a batch, which is filled up to a number of rows, so that few sizes are compiled."""
        more = np.repeat(x[-1:], max(rows - len(x), 0), axis=0)
        return self(np.concatenate([x, more]))[: len(x)]

    def _outputs(self, trained: list[Any], others: list[Any], x: Any, y: Any) -> Any:
        outputs, _ = self.model.stateless_call(trained, others, x, training=False)
        return outputs if self.kept is None else self.kept(y, outputs)


def stepping(stepper: Stepper) -> Steps:
    """Return a function that computes a language model's logits from further tokens of one text."""

    @jax.jit  # type: ignore[untyped-decorator]
    def step(tokens: Any, before: Any, state: Any) -> Any:
        outputs, after = stepper.step(tokens, before, state)
        return outputs[0, -1], tuple(one.astype("float32") for one in after)

    start = tuple(jnp.zeros((1, *shape), "float32") for shape in stepper.shapes)

    def run(tokens: np.ndarray, before: int, state: Any) -> tuple[np.ndarray, Any]:
        state, logits, steps, done = start if state is None else state, None, tokens.shape[1], 0
        while done < steps:
            # Parts of 64, 32, … tokens: a few shapes are compiled, whatever the length.
            size = min(1 << ((steps - done).bit_length() - 1), MOST_AT_ONCE)
            logits, state = step(tokens[:, done : done + size], np.int32(before + done), state)
            done += size
        return np.array(logits, np.float32), state

    return run


def translating(translator: Translator, candidates: int, forbidden: Sequence[int]) -> Translating:
    """Return functions that read inputs, and take a step of a search for their targets."""
    begin = jax.jit(translator.begin)

    @jax.jit  # type: ignore[untyped-decorator]
    def step(tokens: Any, order: Any, before: Any, state: Any) -> Any:
        state = jax.tree.map(lambda one: jnp.take(one, order, axis=0), state)
        logits, after = translator.step(tokens[:, None], before, state)
        log_probabilities = jax.nn.log_softmax(logits.astype("float32"))
        blocked = jnp.zeros(logits.shape[-1]).at[np.array([*forbidden], np.int32)].set(1.0)
        values, ids = jax.lax.top_k(log_probabilities - 1e9 * blocked, min(candidates, logits.shape[-1]))
        return values, ids, after

    def read(rows: np.ndarray) -> Any:
        wide = padded_length(rows.shape[1], 1 << 30)
        placed = np.zeros((_enough(len(rows)), wide), np.int32)
        placed[: len(rows), : rows.shape[1]] = rows
        return begin(placed)

    def run(tokens: np.ndarray, order: np.ndarray, before: int, state: Any) -> tuple[np.ndarray, np.ndarray, Any]:
        rows = len(tokens)
        more = (0, _enough(rows) - rows)
        values, ids, after = step(np.pad(tokens, more), np.pad(order, more), np.int32(before), state)
        return np.array(values)[:rows], np.array(ids)[:rows], after

    return read, run


def _enough(rows: int) -> int:
    """Return the power of two that is at least a number of rows."""
    return 1 << max(rows - 1, 0).bit_length()
