"""What a trained model of pairs writes for inputs: for the scores of an evaluation, and for new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np

from deepcli.data.arrays.splits import Split
from deepcli.data.pairs import PairsDataset
from deepcli.data.sources.pair_vocabulary import END, PADDING, START, UNKNOWN, token_names
from deepcli.evaluation.beam_search import BeamSettings, Hypothesis, beam_search
from deepcli.evaluation.sequence_mistakes import SequenceExamples
from deepcli.evaluation.sequence_predictions import SequencePredictions, joined_lines, lines_of
from deepcli.experiment.schema import Experiment
from deepcli.inputs.example import collate
from deepcli.system.signals import heed
from deepcli.tasks.sequence_to_sequence import SequenceToSequence
from deepcli.training.backend import Backend, Check

AT_ONCE = 64
"""Inputs that are searched at once."""
MOST_TRANSLATED = 5_000
"""Pairs of a split that an evaluation writes; of a larger one, none, as a search takes much longer than a step of training."""


class TargetWriter:
    """Writes the targets of inputs by beam search.

    Args:
        model: The model.
        experiment: Its spec; its task says how to search.
        backend: Computes the steps.
    """

    def __init__(self, model: keras.Model, experiment: Experiment, backend: Backend) -> None:
        task = experiment.resolved_task
        assert isinstance(task, SequenceToSequence)
        self.translator = experiment.model.translator(model, experiment.signature)
        self.settings = BeamSettings(task.beam, task.length_penalty, self.translator.longest, START, END)
        forbidden = (PADDING, START, UNKNOWN)
        self._begin, self._step = backend.translating(self.translator, 2 * task.beam, forbidden)

    def write(self, rows: Sequence[np.ndarray], check: Check = heed) -> list[Hypothesis]:
        """Return the best sequence for each row of an input, int32 (tokens,).

        Inputs of similar length are searched together; what one gets does not depend on the others.
        """
        order = np.argsort([len(row) for row in rows], kind="stable")
        found: dict[int, Hypothesis] = {}
        for begin in range(0, len(rows), AT_ONCE):
            part = order[begin : begin + AT_ONCE].tolist()
            state = self._begin(collate([rows[place] for place in part]))
            found |= zip(part, beam_search(len(part), self._step, state, self.settings), strict=True)
            check()
        return [found[place] for place in range(len(rows))]


def with_translations(
    predictions: SequencePredictions,
    split: Split,
    model: keras.Model,
    experiment: Experiment,
    backend: Backend,
    check: Check = heed,
) -> SequencePredictions:
    """Add what the model writes for the inputs of a split, unless there are too many."""
    data = experiment.data
    if len(split) > MOST_TRANSLATED or not isinstance(data, PairsDataset):
        return predictions
    rows = [_input_of(split.x.sequence(place)) for place in range(len(split))]  # type: ignore[union-attr]
    written = TargetWriter(model, experiment, backend).write(rows, check)
    decode = data.decoder()
    return replace(predictions, translations=joined_lines([decode(one.tokens) for one in written]))


def with_attention(examples: SequenceExamples, model: keras.Model, experiment: Experiment) -> SequenceExamples:
    """Add to the pairs that a report shows the attention of one of them, if the model has any."""
    data = experiment.data
    attention = experiment.model.translator(model, experiment.signature).attention
    if attention is None or not isinstance(data, PairsDataset) or not len(examples.ids):
        return examples
    source, _, written = lines_of(examples.texts)[3 * int(examples.attended[0]) :][:3]
    if not written:
        return examples
    ids, target = data.encoded_input(source), data.encoded_target(written)
    found = keras.ops.convert_to_numpy(attention(np.array([[*ids, START, *target[:-1]]], np.int32)))[0]
    source_names, target_names = (
        token_names(words, data.tokens) for words in (data.data_schema.vocabulary, data.target_vocabulary)
    )
    labels = [
        *(source_names[number].strip() or " " for number in ids.tolist()),
        *(target_names[number].strip() or " " for number in target.tolist()),
    ]
    return examples.with_attention(found[: len(target), : len(ids)], labels)


def _input_of(row: np.ndarray) -> np.ndarray:
    """Return the input of a row of a pair, with its end token."""
    (starts,) = np.nonzero(row == START)
    return row[: starts[0]] if len(starts) else row
