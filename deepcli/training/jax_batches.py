"""Batches for JAX: gathered by index with NumPy, one batch ahead, in the order of any backend.

JAX compiles a step for each shape of a batch, so sequences are padded to one of a few lengths.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.series_windows import SeriesWindows
from deepcli.data.arrays.splits import Inputs, Split, Tokens
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.arrays.text_windows import TextWindows
from deepcli.data.arrays.token_sequences import StoredTokens
from deepcli.training.order import Order

AHEAD = 2
"""Batches that are gathered before they are needed."""
SHORTEST = 16
"""The shortest length that sequences are padded to."""

WHOLE = slice(None)

Gather = Callable[[np.ndarray, slice], tuple[np.ndarray, ...]]
"""Takes the positions of a batch and the rows of it that are wanted, which are as wide as those of the whole batch."""

Put = Callable[[Gather, np.ndarray], tuple[Any, ...]]
"""Gathers a batch, or the part of it that this process needs, and puts it on the devices."""


class JaxBatches:
    """Training batches of every epoch: (inputs, labels), or (inputs, labels, weights) with class weights.

    Args:
        split: The examples.
        order: Which examples each step takes.
        class_weights: Weight of each class, float32 (classes,); None for no weights.
        put: Gathers a batch and puts it on the devices.
    """

    def __init__(self, split: Split, order: Order, class_weights: np.ndarray | None, put: Put) -> None:
        self.order = order
        self._pairs, self._weights, self._put = pair_gatherer(split), class_weights, put

    def epoch(self, epoch: int, start: int, stop: int) -> Iterator[Any]:
        """Yield the batches of an epoch (counted from 0), from step `start` up to, not including, `stop`."""
        size, positions = self.order.batch_size, self.order.epoch(epoch)
        places = (positions[step * size : (step + 1) * size] for step in range(start, stop))
        return ahead(lambda these: self._put(self._batch, these), places)

    def _batch(self, positions: np.ndarray, rows: slice) -> tuple[np.ndarray, ...]:
        inputs, labels = self._pairs(positions, rows)
        return (inputs, labels) if self._weights is None else (inputs, labels, self._weights[labels])


def ahead(
    put: Callable[[np.ndarray], tuple[Any, ...]], places: Iterable[np.ndarray]
) -> Generator[tuple[Any, ...], None, None]:
    """Gather batches in a thread, before they are needed."""
    with ThreadPoolExecutor(1, "deepcli-batches") as pool:
        waiting = deque[Future[tuple[Any, ...]]]()
        for positions in places:
            waiting.append(pool.submit(put, positions))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def padded_length(length: int, longest: int) -> int:
    """Return the length that a batch of sequences is padded to: two for each power of two, and the longest of all."""
    power = 1 << max(length - 1, 1).bit_length()
    return min(max(power if length > 3 * power // 4 else 3 * power // 4, SHORTEST), max(longest, 1))


def pair_gatherer(split: Split) -> Gather:
    """Return a function that gathers inputs and targets."""
    if split.text is not None:
        return _window_gatherer(split.text)
    if split.series is not None:
        return _series_gatherer(split.series)
    gather = gatherer(split.x)
    if isinstance(split.x, PairRows):
        return lambda positions, rows: (*gather(positions, rows), _trimmed(split.y[positions])[rows])
    if split.predicts_inputs:
        return lambda positions, rows: gather(positions, rows) * 2
    return lambda positions, rows: (*gather(positions, rows), split.y[positions[rows]])


def gatherer(x: Inputs) -> Gather:
    """Return a function that gathers inputs: images and rows as they are, or int32 tokens with 0 on the right."""
    if not isinstance(x, Tokens):
        return lambda positions, rows: (x[positions[rows]],)
    lengths = x.lengths
    longest = int(lengths.max(initial=1))

    def tokens(positions: np.ndarray, rows: slice) -> tuple[np.ndarray]:
        steps = np.arange(padded_length(int(lengths[positions].max(initial=1)), longest))
        wanted = positions[rows]
        if isinstance(x, StoredTokens):
            found = x[wanted].padded()
            return (np.pad(found, ((0, 0), (0, len(steps) - found.shape[1]))),)
        places = np.minimum(x.offsets[wanted][:, None] + steps, max(len(x.values) - 1, 0))
        return (np.where(steps < lengths[wanted][:, None], x.values[places], 0).astype(np.int32),)

    return tokens


def _trimmed(targets: np.ndarray) -> np.ndarray:
    """Cut targets of pairs after the longest of the batch."""
    used = int((targets != 0).any(axis=0).sum())
    return targets[:, : padded_length(max(used, 1), targets.shape[1])]


def _window_gatherer(text: TextWindows) -> Gather:
    """Return a function that gathers windows and the tokens after each of their tokens, int32 both."""
    steps, spans = np.arange(text.window + 1), text.spans
    if spans is not None:
        return lambda positions, rows: _shifted(spans[positions[rows]])

    def pairs(positions: np.ndarray, rows: slice) -> tuple[np.ndarray, ...]:
        first = text.begins.start + text.begins.step * positions[rows].astype(np.int64)
        return _shifted(text.tokens[first[:, None] + steps])

    return pairs


def _shifted(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return windows, and the token after each of their tokens, int32 both."""
    found = spans.astype(np.int32)
    return found[:, :-1], found[:, 1:]


def _series_gatherer(series: SeriesWindows) -> Gather:
    """Return a function that gathers windows of series and the targets after them or the windows again, float32."""
    if series.spans is not None:
        return _stored_series(series, series.spans)
    inside, after = np.arange(series.window), series.window + np.arange(series.horizon)
    if not series.horizon:
        return lambda positions, rows: (series.values[series.begins[positions[rows]][:, None] + inside],) * 2
    targets = series.values[:, : series.targets]

    def pairs(positions: np.ndarray, rows: slice) -> tuple[np.ndarray, ...]:
        first = series.begins[positions[rows]][:, None]
        return series.values[first + inside], targets[first + after]

    return pairs


def _stored_series(series: SeriesWindows, spans: StoredRows) -> Gather:
    """Return a function as `_series_gatherer` does, for rows that stay in their file."""

    def pairs(positions: np.ndarray, rows: slice) -> tuple[np.ndarray, ...]:
        found = spans[positions[rows]]
        return found[:, : series.window], found[:, series.window :, : series.targets] if series.horizon else found

    return pairs
