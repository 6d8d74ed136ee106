"""Batches for TensorFlow: gathered by index inside tf.data, without Python code per batch and without autotuning.

With autotuning, the end of a pipeline often sleeps until a timer fires. Pixels stay uint8; tokens are padded to the
longest sequence of their batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Inputs, Split, Tokens
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.arrays.text_windows import ALIGNMENT, TextWindows
from deepcli.data.arrays.token_sequences import StoredTokens
from deepcli.training.order import Order, by_size
from deepcli.training.tensorflow_reading import reader

PREFETCH = 2


class TrainingBatches:
    """Training batches of every epoch: (inputs, labels), or (inputs, labels, weights) with class weights.

    Args:
        split: The examples.
        order: Which examples each step takes.
        class_weights: Weight of each class, float32 (classes,); None for no weights.
        strategy: Where steps run; each replica gets its share of every batch.
    """

    def __init__(
        self, split: Split, order: Order, class_weights: np.ndarray | None, strategy: tf.distribute.Strategy
    ) -> None:
        self.order = order
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync
        with tf.device("CPU:0"):
            self._positions = tf.Variable(np.arange(order.examples), dtype=tf.int64, trainable=False)
            self._pairs, self._rewritten = pair_gatherer(split), split.text is None
            self._weights = None if class_weights is None else tf.constant(class_weights, tf.float32)
            self._lengths = None
            if self._replicas > 1 and isinstance(split.x, Tokens):
                self._lengths = tf.constant(split.x.lengths, tf.int32)
        self._datasets: dict[tuple[int, int], Any] = {}

    def epoch(self, epoch: int, start: int, stop: int) -> Iterator[Any]:
        """Return the batches of an epoch (counted from 0), from step `start` to before step `stop`."""
        self.arrange(epoch)
        if (start, stop) not in self._datasets:
            self._datasets = {(start, stop): self.dataset(start, stop)}
        return iter(self._datasets[start, stop])

    def arrange(self, epoch: int) -> None:
        """Put the examples into the order of an epoch; datasets read the order when they are iterated."""
        self._positions.assign(self.order.epoch(epoch))

    def dataset(self, start: int, stop: int) -> Any:
        """Return a `tf.data.Dataset` of the steps from `start` to before `stop`, in the order of the latest `arrange`."""
        replicas = self._replicas
        pieces = tf.data.Dataset.range(start * replicas, stop * replicas)
        dataset = _options(_mapped(pieces, self._piece), self._rewritten).prefetch(PREFETCH * replicas)
        if replicas == 1:
            return dataset
        return self._strategy.distribute_datasets_from_function(lambda _: dataset)

    def _piece(self, number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Gather one replica's share of one step."""
        step, replica = number // self._replicas, number % self._replicas
        first = step * self.order.batch_size
        count = tf.minimum(tf.constant(self.order.examples, tf.int64) - first, self.order.batch_size)
        begin, end = first + replica * count // self._replicas, first + (replica + 1) * count // self._replicas
        positions = self._positions[begin:end]
        inputs, labels = self._pairs(positions)
        if self._lengths is not None:
            # Pad to the longest of the whole batch: some layers see padding, and a share may have no example at all.
            longest = tf.reduce_max(tf.gather(self._lengths, self._positions[first : first + count]))
            inputs = tf.pad(inputs, [[0, 0], [0, longest - tf.shape(inputs)[1]]])
        if self._weights is None:
            return inputs, labels
        return inputs, labels, tf.gather(self._weights, labels)


class InferenceBatches:
    """Batches of inputs without labels, sequences of similar length together; each pass yields tuples (inputs,).

    Args:
        x: The inputs.
        batch_size: Examples per batch.
        strategy: Where predictions run; each replica gets its share of every batch.

    Attributes:
        positions: Position of each example in `x`, in the order of the batches. The last example is repeated where
            replicas need equal shares.
    """

    def __init__(self, x: Inputs, batch_size: int, strategy: tf.distribute.Strategy) -> None:
        replicas = strategy.num_replicas_in_sync
        positions = by_size(x)
        positions = np.concatenate([positions, np.repeat(positions[-1:], -len(positions) % replicas)])
        share = -(-batch_size // replicas)
        with tf.device("CPU:0"):
            gather = gatherer(x)
            # Full rounds of equal shares come first, then one round that divides the rest equally.
            whole = len(positions) // (share * replicas) * share * replicas
            dataset = tf.data.Dataset.from_tensor_slices(positions[:whole]).batch(share)
            if rest := (len(positions) - whole) // replicas:
                dataset = dataset.concatenate(tf.data.Dataset.from_tensor_slices(positions[whole:]).batch(rest))
            dataset = _options(_mapped(dataset, lambda part: (gather(part),))).prefetch(PREFETCH * replicas)
        if replicas > 1:
            dataset = strategy.distribute_datasets_from_function(lambda _: dataset)
        self.x, self.batch_size, self.positions = x, batch_size, positions
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset)


class MeasuringBatches:
    """Batches of inputs with their targets, sequences of similar length together; each pass yields (inputs, targets).

    Args:
        split: The examples.
        batch_size: Examples per batch; the last batch may be smaller.

    Attributes:
        positions: Position of each example in the split, in the order of the batches.
    """

    def __init__(self, split: Split, batch_size: int) -> None:
        self.split, self.batch_size = split, batch_size
        self.positions = by_size(split.x)
        with tf.device("CPU:0"):
            # A range takes no memory; windows of a long text are many.
            are_sorted = isinstance(split.x, Tokens)
            whole = (
                tf.data.Dataset.from_tensor_slices(self.positions) if are_sorted else tf.data.Dataset.range(len(split))
            )
            mapped = _mapped(whole.batch(batch_size), pair_gatherer(split))
            self._dataset = _options(mapped, split.text is None).prefetch(PREFETCH)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset)


def pair_gatherer(split: Split) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from positions to inputs and targets."""
    if split.text is not None:
        return _window_gatherer(split.text)
    if split.series is not None:
        return _series_gatherer(split.series)
    if isinstance(split.x, PairRows):
        return _trimmed(split)
    gather = gatherer(split.x)
    if split.predicts_inputs:
        return lambda positions: (gather(positions),) * 2
    labels = tf.constant(split.y)

    def pairs(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.gather(labels, positions)
        return gather(positions), found

    return pairs


def _window_gatherer(text: TextWindows) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from positions to windows and the tokens after each of their tokens, int32 both."""
    if text.spans is not None:
        read = reader(text.spans.__getitem__, tf.as_dtype(text.tokens.dtype), (None, text.window + 1))
        return lambda positions: _shifted(read(positions))
    tokens, begins = _shared(text.tokens), text.begins

    def pairs(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = begins.start + begins.step * tf.cast(positions, tf.int64)
        return _shifted(tf.gather(tokens, first[:, None] + tf.range(text.window + 1, dtype=tf.int64)))

    return pairs


def _shifted(spans: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return windows, and the token after each of their tokens, int32 both."""
    found = tf.cast(spans, tf.int32)
    return found[:, :-1], found[:, 1:]


def _series_gatherer(series: SeriesWindows) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from positions to windows of series and the targets after them or the windows again, float32."""
    if series.spans is not None:
        return _stored_series(series, series.spans)
    rows, begins = tf.constant(series.values), tf.constant(series.begins, tf.int64)
    if not series.horizon:
        steps = tf.range(series.window, dtype=tf.int64)
        return lambda positions: (tf.gather(rows, tf.gather(begins, positions)[:, None] + steps),) * 2
    targets = rows[:, : series.targets]
    inside, after = (tf.range(count, dtype=tf.int64) for count in (series.window, series.horizon))

    def pairs(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = tf.gather(begins, positions)[:, None]
        return tf.gather(rows, first + inside), tf.gather(targets, first + series.window + after)

    return pairs


def _stored_series(series: SeriesWindows, spans: StoredRows) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function as `_series_gatherer` does, for rows that stay in their file."""
    read = reader(spans.__getitem__, tf.float32, (None, *spans.shape[1:]))
    if not series.horizon:
        return lambda positions: (read(positions),) * 2

    def pairs(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = read(positions)
        return found[:, : series.window], found[:, series.window :, : series.targets]

    return pairs


def _trimmed(split: Split) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function from positions to rows of pairs and targets, which are as wide as their longest in the batch."""
    targets, gather = tf.constant(split.y), gatherer(split.x)

    def pairs(positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.gather(targets, positions)
        used = tf.reduce_sum(tf.cast(tf.reduce_any(found != 0, axis=0), tf.int32))
        return gather(positions), found[:, : tf.maximum(used, 1)]

    return pairs


def _shared(array: np.ndarray) -> tf.Tensor:
    """Return an array as a tensor: without a copy if it is aligned and may be written, as a text may be large."""
    if array.flags.writeable and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0 and len(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


def gatherer(x: Inputs) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function from positions to inputs: uint8 images, or int32 tokens padded with 0 on the right."""
    if isinstance(x, StoredTokens):
        return reader(lambda positions: x[positions].padded(), tf.int32, (None, None))
    if isinstance(x, Tokens):
        ragged = tf.RaggedTensor.from_row_splits(tf.constant(x.values), tf.constant(x.offsets), validate=False)
        return lambda positions: tf.gather(ragged, positions).to_tensor()
    if isinstance(x, StoredRows):
        return reader(x.__getitem__, tf.as_dtype(x.dtype), (None, *x.shape[1:]))
    images = tf.constant(x)
    return lambda positions: tf.gather(images, positions)


def _mapped(dataset: Any, function: Callable[..., Any]) -> Any:
    """Map without AutoGraph, which would take a tenth of a second to find nothing to convert."""
    return dataset.map(tf.autograph.experimental.do_not_convert(function))


def _options(dataset: Any, rewritten: bool = True) -> Any:
    """Set the options of a dataset; where it is rewritten, TensorFlow copies what it gathers from, which may be large."""
    options = tf.data.Options()
    if not rewritten:
        options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    options.deterministic = True
    return dataset.with_options(options)
