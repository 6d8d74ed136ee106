"""How large a model is, known before its weights are made, so that one that does not fit is refused in seconds."""

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
"""Parameters that any machine has room for: 256 MiB. A model is counted beforehand only where it has more."""
SECONDS = 10.0
"""To go on counting when it is clear already that a model is too large."""

Build = Callable[[], keras.Model]


@dataclass(frozen=True)
class Size:
    """How many parameters a model has.

    Attributes:
        parameters: All of them, trained or not.
        layer: The layer with the most.
        most: How many that one has.
        complete: Whether all were counted; else there are more.
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
    """How many parameters there is room for, and the error for a model that has more."""

    parameters: int
    error: Callable[[Size], DeepcliError]


class _Enough(Exception):
    """Ends a build that has made, or counted, as many weights as it should."""


class _Tally:
    """Counts weights before they are made, layer by layer, and ends the build above a limit.

    Args:
        limit: Parameters.
        seconds: How long to count on above it.
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
        """See every weight that a layer of any kind adds."""
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
    """Build a model if there is room for it.

    Building begins as always, and is broken off where the weights become many. Then they are counted without making
    any, which takes a moment whatever their size.

    Args:
        build: Builds it; called up to three times.
        room: Tells how much there is, if that is known; asked only where the weights are many.
        forget: Drops what Keras remembers of the build that was broken off.

    Raises:
        DeepcliError: The room's, for a model that is too large.
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
        if made.over:  # where it could not be built without values
            raise there.error(made.size) from None
        raise


def without_values(build: Build) -> keras.Model | None:
    """Build a model whose weights have shapes but no values; None where it needs values to be built.

    It is built in a thread of its own, for what Keras remembers of it is kept by thread: names and weights without values.
    """
    built: list[keras.Model] = []

    def run() -> None:
        # A plugin's model may do anything while it is built, such as read weights from a file.
        with contextlib.suppress(Exception), keras.StatelessScope(initialize_variables=False):
            built.append(build())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return built[0] if built else None
