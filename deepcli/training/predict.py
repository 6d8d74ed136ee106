"""Predict a stream of examples in batches with a checkpoint's model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import keras
import numpy as np

from deepcli.data.pairs import PairsDataset
from deepcli.inputs.example import Example, Unreadable, collate
from deepcli.training.evaluate import LoadedModel


def predict(
    loaded: LoadedModel,
    inputs: Iterable[Example | Unreadable],
    batch_size: int,
    asked: Callable[[keras.Model], keras.Model] = lambda model: model,
) -> Iterator[tuple[list[Example | Unreadable], np.ndarray]]:
    """Predict examples as they arrive.

    Args:
        loaded: The model.
        inputs: The examples; unreadable inputs keep their place among them.
        batch_size: Examples per batch.
        asked: Takes the model and returns the one whose outputs are wanted, which may be a part of it.

    Yields:
        A batch of inputs, and for the examples among them the model's outputs, float32 (examples, outputs); of pairs, what
        it writes with the logarithm of its probability, objects (examples, 2).
    """
    if loaded.experiment.signature.kind == "pairs":
        yield from _written(loaded, inputs, batch_size)
        return
    function = loaded.backend.function(asked(loaded.model))
    upcoming = iter(inputs)
    while batch := list(islice(upcoming, batch_size)):
        examples = [one.x for one in batch if isinstance(one, Example)]
        yield batch, _outputs(loaded, function, examples) if examples else np.empty((0, 0), np.float32)


def _outputs(
    loaded: LoadedModel, function: Callable[[np.ndarray], np.ndarray], examples: list[np.ndarray]
) -> np.ndarray:
    """Return the outputs for some examples; for running texts, those after the last token of each."""
    signature = loaded.experiment.signature
    if signature.kind != "text":
        return function(collate(examples))
    whole = function(collate(examples, signature.shape[0]))
    # What is behind a text cannot change the outputs before it: the model looks back only.
    last: np.ndarray = whole[np.arange(len(examples)), np.array([len(tokens) for tokens in examples]) - 1]
    return last


def _written(
    loaded: LoadedModel, inputs: Iterable[Example | Unreadable], batch_size: int
) -> Iterator[tuple[list[Example | Unreadable], np.ndarray]]:
    """Write the targets of inputs of pairs."""
    from deepcli.training.translating import TargetWriter

    data, upcoming = loaded.experiment.data, iter(inputs)
    assert isinstance(data, PairsDataset)
    writer, decode = TargetWriter(loaded.model, loaded.experiment, loaded.backend), data.decoder()
    while batch := list(islice(upcoming, batch_size)):
        found = writer.write([one.x for one in batch if isinstance(one, Example)])
        outputs = np.empty((len(found), 2), object)
        outputs[:] = [(decode(one.tokens), one.log_probability) for one in found] or outputs
        yield batch, outputs
