"""Texts that a trained language model writes, kept in its run for people to read."""

from __future__ import annotations

import itertools

import keras

from deepcli.data.arrays.encoded_running_text import decoder
from deepcli.data.running_text import TextDataset
from deepcli.data.sources.text_vocabulary import COMPLETE, first_token
from deepcli.evaluation.sampling import Sampling
from deepcli.system.atomic import write_text
from deepcli.training.context import RunContext
from deepcli.training.continuation import Continuation

TEXTS, TOKENS, TEMPERATURE = 3, 300, 0.8
SEPARATOR = "\n---\n"
"""What is between two texts."""


def write_samples(context: RunContext, model: keras.Model) -> None:
    """Write `samples.txt` into the run of a language model; a run of another task, or with a time limit, gets none.

    Raises:
        TrainingError: The file cannot be written.
    """
    experiment = context.experiment
    data = experiment.data
    if not isinstance(data, TextDataset) or experiment.training.max_time is not None:
        return
    context.reporter.doing("writing samples")
    vocabulary = data.data_schema.vocabulary
    continuation = Continuation(model, experiment, context.backend.alone())
    sampling = Sampling(TEMPERATURE, forbidden=() if data.tokens in COMPLETE else (0,))
    texts = []
    for number in range(TEXTS):
        tokens = itertools.islice(continuation.tokens([first_token(vocabulary)], sampling, [0, number]), TOKENS)
        texts.append("".join(decoder(vocabulary, data.tokens, unfinished=True)(tokens)))
    write_text(context.run.samples, SEPARATOR.join(texts) + "\n")
