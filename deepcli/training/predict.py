"""Predict a stream of examples in batches with a checkpoint's model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from deepcli.inputs.example import Example, Unreadable, collate
from deepcli.training.evaluate import LoadedModel


def predict(
    loaded: LoadedModel, inputs: Iterable[Example | Unreadable], batch_size: int
) -> Iterator[tuple[list[Example | Unreadable], np.ndarray]]:
    """Predict examples as they arrive.

    Args:
        loaded: The model.
        inputs: The examples; unreadable inputs keep their place among them.
        batch_size: Examples per batch.

    Yields:
        A batch of inputs, and for the examples among them the model's outputs, float32 (examples, outputs).
    """
    function = loaded.backend.function(loaded.model)
    upcoming = iter(inputs)
    while batch := list(islice(upcoming, batch_size)):
        examples = [one.x for one in batch if isinstance(one, Example)]
        outputs = function(collate(examples)) if examples else np.empty((0, 0), np.float32)
        yield batch, outputs
