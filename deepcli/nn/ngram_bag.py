"""Layers for a hashed bag of n-grams: they find the n-grams of an example and add up their rows of a table.

NumPy, TensorFlow and JAX share one hash function. It uses only operators on int32, which wrap around and round down in
all three, so that the counts before training and the lookups of a model always agree.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from deepcli.data.arrays.splits import Split, Tokens, select

register = keras.saving.register_keras_serializable("deepcli")

# Odd, so that multiplying by them loses no bits: 2^32 over the golden ratio, and one of Jenkins's multipliers.
SPREAD, MIX = 0x9E3779B1 - 2**32, 0x27D4EB2F
CHUNK = 4096
"""Number of images whose windows are counted at once."""


def bucket(state: Any, buckets: int) -> Any:
    """Map 32-bit states to buckets, counted from 0; high bits are mixed in first, because `%` alone uses the low ones."""
    state = (state + state // 2**15) * MIX
    return (state + state // 2**13) % buckets


def token_ngrams(tokens: Any, ngrams: int, buckets: int, first: int) -> list[Any]:
    """Compute the ids of the n-grams of int32 tokens (batch, steps): for n = 1, 2, … an array (batch, steps - n + 1).

    A single word keeps its id, as in fastText; longer n-grams share the ids from `first` up.
    """
    found, state = [tokens], tokens * SPREAD
    for n in range(2, ngrams + 1):
        state = (state[:, :-1] + tokens[:, n - 1 :]) * SPREAD
        found.append(bucket(state, buckets) + first)
    return found


def window_ngrams(bits: Any, ngrams: int, buckets: int, first: int) -> list[Any]:
    """Compute the ids of n x n windows at each position of int32 images (batch, height, width, channels) of 0 and 1.

    Returns:
        For each n from 1 an array (batch, height - n + 1, width - n + 1).
    """
    height, width, channels = bits.shape[1:]
    found = []
    for n in range(1, ngrams + 1):
        rows, columns = height - n + 1, width - n + 1
        state = np.arange(rows * columns, dtype=np.int32).reshape(1, rows, columns)
        for row, column, channel in np.ndindex(n, n, channels):
            state = state * SPREAD + bits[:, row : row + rows, column : column + columns, channel]
        found.append(bucket(state * SPREAD, buckets) + first)
    return found


class _Ngrams(keras.layers.Layer):
    """Compute the ids of the n-grams of each example: int32 (batch, n-grams), 0 for none.

    Args:
        ngrams: The longest n.
        buckets: Number of ids that hashed n-grams share.
        first: The first of those ids.
    """

    def __init__(self, ngrams: int, buckets: int, first: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ngrams, self.buckets, self.first = ngrams, buckets, first

    @property
    def size(self) -> int:
        """Number of ids; each id is below it."""
        return self.first + self.buckets

    def count(self, x: Any) -> np.ndarray:
        """Count how often each id occurs in the examples of a split: int64 (size,)."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        own = {"ngrams": self.ngrams, "buckets": self.buckets, "first": self.first}
        return {**super().get_config(), **own}


@register
class TokenNgrams(_Ngrams):
    """Compute the n-gram ids of texts, (batch, steps) ids with padding 0 on the right; no n-gram includes padding."""

    def call(self, tokens: Any) -> Any:
        found = token_ngrams(tokens, self.ngrams, self.buckets, self.first)
        return ops.concatenate([ops.where(tokens[:, n:] != 0, ids, 0) for n, ids in enumerate(found)], axis=1)

    def compute_output_spec(self, tokens: Any) -> keras.KerasTensor:
        # JAX cannot infer that these slices have the same length while the number of steps is unknown.
        return keras.KerasTensor((tokens.shape[0], None), "int32")

    def count(self, x: Tokens) -> np.ndarray:
        counts = np.zeros(self.size, np.int64)
        for texts in x.pieces():
            # All texts are hashed as one; n-grams that begin in one text and end in another are left out.
            ends = np.repeat(texts.offsets[1:], texts.lengths)
            for n, ids in enumerate(token_ngrams(texts.values[None], self.ngrams, self.buckets, self.first)):
                inside = np.arange(n, len(ends)) < ends[: len(ends) - n]
                counts += np.bincount(ids[0][inside], minlength=self.size)
        return counts


@register
class WindowNgrams(_Ngrams):
    """Compute the window ids of images (batch, height, width, channels) in [0, 1]; pixels are bright from 0.5 up."""

    def call(self, images: Any) -> Any:
        bits = ops.cast(images >= 0.5, "int32")
        found = window_ngrams(bits, self.ngrams, self.buckets, self.first)
        return ops.concatenate([ops.reshape(ids, (-1, ids.shape[1] * ids.shape[2])) for ids in found], axis=1)

    def count(self, x: np.ndarray) -> np.ndarray:
        counts = np.zeros(self.size, np.int64)
        for start in range(0, len(x), CHUNK):
            bits = (x[start : start + CHUNK] >= 128).astype(np.int32)
            for ids in window_ngrams(bits, self.ngrams, self.buckets, self.first):
                counts += np.bincount(ids.ravel(), minlength=self.size)
        return counts


@register
class NgramBag(keras.layers.Layer):
    """Add up the table rows of each example's n-grams: (batch, n-grams) ids, 0 for none, to (batch, units).

    The sum is divided by the square root of the number of n-grams, so that a bag of distinct n-grams has length 1. An
    n-gram counts as often as it occurs.

    Args:
        size: Rows of the table; ids are below it.
        units: Columns of the table.
        naive_bayes: Whether the rows are scaled by ratios, which are not trained and are 1 until set.
        dropout: Fraction of each example's n-grams dropped during training.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer: As in `keras.layers.Dense`.
        seed: Seed of the dropout; None derives it from Keras's global seed.
    """

    def __init__(
        self,
        size: int,
        units: int,
        naive_bayes: bool = False,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.units, self.naive_bayes, self.dropout, self.seed = size, units, naive_bayes, dropout, seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout else None

    def build(self, shape: tuple[int | None, ...]) -> None:
        table = (self.size, self.units)
        self.kernel = self.add_weight(
            shape=table, initializer=self.kernel_initializer, regularizer=self.kernel_regularizer, name="kernel"
        )
        self.bias = self.add_weight(
            shape=table[1:], initializer=self.bias_initializer, regularizer=self.bias_regularizer, name="bias"
        )
        self.ratios = (
            self.add_weight(shape=table, initializer="ones", trainable=False, name="ratios")
            if self.naive_bayes
            else None
        )

    def call(self, ids: Any, training: bool | None = None) -> Any:
        # Multiplying the whole table, even by 1, gives it a dense gradient. Multiplying only the rows looked up, or
        # nothing, gives a sparse one, with which a step takes 1.1 to 3 times as long.
        table = self.kernel * (1.0 if self.ratios is None else self.ratios)
        there = ops.cast(ids != 0, self.compute_dtype)
        count = ops.sum(there, axis=1, keepdims=True)
        if training and self.dropout:
            there = keras.random.dropout(there, self.dropout, seed=self.seed_generator)
        total = ops.matmul(there[:, None, :], ops.take(table, ids, axis=0))[:, 0, :]
        return total / ops.sqrt(ops.maximum(count, 1.0)) + self.bias

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        own = ("size", "units", "naive_bayes", "dropout", "seed")
        initializers = ("kernel_initializer", "bias_initializer")
        regularizers = ("kernel_regularizer", "bias_regularizer")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in own},
            **{name: keras.initializers.serialize(getattr(self, name)) for name in initializers},
            **{name: keras.regularizers.serialize(getattr(self, name)) for name in regularizers},
        }


def class_counts(ngrams: _Ngrams, train: Split, classes: int) -> np.ndarray:
    """Count the n-grams of each class in a split: int64 (classes, ids)."""
    places = (np.flatnonzero(train.y == label) for label in range(classes))
    return np.stack([ngrams.count(select(train.x, train.y, these).x) for these in places])


def log_count_ratios(counts: np.ndarray, label: int, smoothing: float) -> np.ndarray:
    """Compare the n-grams of one class with those of all others (Wang & Manning 2012, section 2.1).

    Args:
        counts: Occurrences of each n-gram in each class, (classes, ids).
        label: The class.
        smoothing: Added to every count; the paper's alpha.

    Returns:
        log((p / |p|) / (q / |q|)) of each n-gram, float64 (ids,); p are its counts in the class, q in the others.
    """
    p = smoothing + counts[label]
    q = smoothing + counts.sum(axis=0) - counts[label]
    ratios: np.ndarray = np.log(p / p.sum()) - np.log(q / q.sum())
    return ratios
