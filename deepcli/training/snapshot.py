"""Weights that wait in memory until it is worth while to write them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from deepcli.training.backend import Backend
from deepcli.training.state import State


class WeightSnapshot:
    """All variables of a model and its optimizer as they are now.

    Args:
        model: Compiled.
        backend: Reads and writes them.
        state: What belongs to them in a checkpoint.
    """

    def __init__(self, model: keras.Model, backend: Backend, state: State) -> None:
        self._backend, self._state = backend, state
        self._variables = [*model.variables, *model.optimizer.variables]
        self._values = self._read()

    @contextlib.contextmanager
    def put_back(self) -> Iterator[State]:
        """Put them into the model for a while."""
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
