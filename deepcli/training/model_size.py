"""Count a model's parameters before its weights are allocated, to reject a model that is too large within seconds."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from deepcli.errors import DeepcliError

FEW = 1 << 26
"""Parameters that fit on any machine (256 MiB); only larger models are counted before they are built."""
SECONDS = 10.0
"""How long to continue counting when a model is already known to be too large."""

Build = Callable[[], keras.Model]


@dataclass(frozen=True)
class Size:
    """The number of a model's parameters.

    Attributes:
        parameters: All parameters, trainable or not.
        layer: The layer with the most parameters.
        most: The number of parameters in that layer.
        complete: Whether all were counted; if not, there are more.
    """

    parameters: int
    layer: str
    most: int
    complete: bool = True

    def __str__(self) -> str:
        least = "" if self.complete else "more than "
        return f"the model has {least}{self.parameters:,} parameters, most of them in the layer {self.layer} ({self.most:,})"


@dataclass(frozen=True)
class Room:
    """A limit on a model's parameters, and the error for a model above it."""

    parameters: int
    error: Callable[[Size], DeepcliError]


class _Enough(Exception):
    """Ends a build whose weights exceed the limit."""


class _Tally:
    """Counts weights layer by layer before they are allocated, and ends the build above a limit.

    Args:
        limit: The limit on parameters.
        seconds: How long to continue counting above it.
    """

    def __init__(self, limit: int, seconds: float = 0.0) -> None:
        self.limit, self.seconds = limit, seconds
        self.layers: Counter[str] = Counter()
        self.over: float | None = None
        self.ended = False

    def add(self, layer: keras.layers.Layer, shape: Any) -> None:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape or ())
        self.layers[(layer.path or layer.name).partition("/")[0]] += math.prod(size or 0 for size in sizes)
        if self.layers.total() > self.limit:
            self.over = self.over or time.monotonic()
            if time.monotonic() - self.over >= self.seconds:
                self.ended = True
                raise _Enough

    @property
    def size(self) -> Size:
        ((layer, most),) = self.layers.most_common(1) or [("", 0)]
        return Size(self.layers.total(), layer, most, not self.ended)

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count every weight that any layer adds inside the block."""
        original = keras.layers.Layer.add_weight

        def add_weight(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
            self.add(layer, args[0] if args else kwargs.get("shape"))
            return original(layer, *args, **kwargs)

        keras.layers.Layer.add_weight = add_weight
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = original


def build_within(build: Build, room: Callable[[], Room | None], forget: Callable[[], None]) -> keras.Model:
    """Build a model unless it has too many parameters.

    The model is built as usual, but the build stops if there are many weights. These are then counted without being
    allocated, which is fast for any size.

    Args:
        build: Builds the model; called up to three times.
        room: Returns the limit, or None if it is not known; called only if there are many weights.
        forget: Clears what Keras keeps of the stopped build.

    Raises:
        DeepcliError: The model is too large; the limit defines the error.
    """
    few = _Tally(FEW)
    try:
        with few.counting():
            return build()
    except Exception:
        if not few.ended:
            raise
    there = room()
    forget()
    if there is None:
        return build()
    counted = _Tally(there.parameters, SECONDS)
    with counted.counting():
        without_values(build)
    if counted.over:
        raise there.error(counted.size)
    made = _Tally(there.parameters)
    try:
        with made.counting():
            return build()
    except Exception:
        if made.over:  # for a model that cannot be built without values
            raise there.error(made.size) from None
        raise


def without_values(build: Build) -> keras.Model | None:
    """Build a model whose weights have shapes but no values; None if building it needs values.

    Keras keeps the names and the weights without values per thread, so the model is built in a thread of its own.
    """
    built: list[keras.Model] = []

    def run() -> None:
        # Building a plugin's model may do anything, such as reading weights from a file.
        with contextlib.suppress(Exception), keras.StatelessScope(initialize_variables=False):
            built.append(build())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return built[0] if built else None
