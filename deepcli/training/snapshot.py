"""A snapshot of a model's variables in memory, to be written to a checkpoint later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from deepcli.training.backend import Backend
from deepcli.training.state import State


class WeightSnapshot:
    """A copy of all variables of a model and its optimizer.

    Args:
        model: The compiled model.
        backend: Reads and writes variables.
        state: The state to save with them in a checkpoint.
    """

    def __init__(self, model: keras.Model, backend: Backend, state: State) -> None:
        self._backend, self._state = backend, state
        self._variables = [*model.variables, *model.optimizer.variables]
        self._values = self._read()

    @contextlib.contextmanager
    def put_back(self) -> Iterator[State]:
        """Restore the copied values inside the block; yield their state."""
        now = self._read()
        try:
            self._write(self._values)
            yield self._state
        finally:
            self._write(now)

    def _read(self) -> list[np.ndarray]:
        return [self._backend.read(variable) for variable in self._variables]

    def _write(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            self._backend.write(variable, value)
