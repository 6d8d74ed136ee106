"""Asking a checkpoint's model about one example after another, some at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from deepcli.engine.evaluate import Loaded
from deepcli.inputs.example import Example, together
from deepcli.predictions import by_class


def predict(loaded: Loaded, examples: Iterable[Example], batch_size: int) -> Iterator[tuple[list[Example], np.ndarray]]:
    """Predict examples as they come.

    Args:
        loaded: The model.
        examples: Any number.
        batch_size: How many at once.

    Yields:
        Examples, and the model's outputs for them with a column for each class, float64 (examples, classes).
    """
    function = loaded.backend.function(loaded.model)
    upcoming = iter(examples)
    while batch := list(islice(upcoming, batch_size)):
        yield batch, by_class(function(together([example.x for example in batch])))
