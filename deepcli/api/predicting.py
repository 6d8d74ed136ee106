"""Predictions for new inputs: what `deepcli predict` and `Run.predict` have in common, and the answers of the latter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.warned import warn
from deepcli.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.files import Sources
    from deepcli.data.lexicon import Lexicon
    from deepcli.experiment.schema import Experiment
    from deepcli.inputs.example import Example, Notify, Unreadable
    from deepcli.inputs.reading import Reader, ReadOptions
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.tasks.interpreting import Interpretation, Interpreter
    from deepcli.training.evaluate import LoadedModel


@dataclass(frozen=True)
class ClassProbability:
    """A class or label, and what the model says of it.

    Attributes:
        label: Its number.
        name: Its name.
        probability: Its probability; where the spec's loss needs no probabilities, the model's output.
    """

    label: int
    name: str
    probability: float


@dataclass(frozen=True)
class Predicted:
    """What a model says about one input.

    Attributes:
        label: The number of the likeliest class; None where there is no single one.
        name: The name of that class, the labels, or the number.
        probability: The class's probability, or the model's output where the spec's loss needs no probabilities; None
            where there is no single class.
        input: The file, and the place in it; or the beginning of a text.
        top: The likeliest classes or labels, most likely first, as many as were asked for.
        values: The probability of each label, or each number, by name; empty for classes. Of a forecast, the first step.
        forecast: The time of each step of a forecast, and its numbers by name; empty for other answers.
        span: The first and the last time of a window that an autoencoder gives back; None for other inputs.
    """

    label: int | None
    name: str
    probability: float | None
    input: str
    top: tuple[ClassProbability, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    forecast: tuple[tuple[str, Mapping[str, float]], ...] = ()
    span: tuple[str, str] | None = None

    def __repr__(self) -> str:
        """Show the answer as a person reads it."""
        sure = "" if self.probability is None else f" {self.probability:.4f}"
        times = "" if self.span is None else f" {self.span[0]} to {self.span[1]}"
        return f"<{self.name}{sure}: {self.input}{times}>"


@dataclass(frozen=True)
class AnswerOptions:
    """What is wanted of a model's outputs.

    Attributes:
        top_k: How many of the likeliest answers to give; None for all, in order.
        encode: Whether to give the code of each input; for autoencoders.
        quantile: The share of the validation examples whose reconstruction error is not unusual; None for the usual share.
    """

    top_k: int | None = 1
    encode: bool = False
    quantile: float | None = None


def interpreter_of(experiment: Experiment, options: AnswerOptions) -> Interpreter:
    """Return what says in words what a model's outputs mean.

    Args:
        experiment: What the model was trained on says what the classes are called.
        options: What is wanted.

    Raises:
        UsageError: The task has no use for an option.
    """
    task, signature = experiment.resolved_task, experiment.signature
    if options.encode and options.quantile is not None:
        raise UsageError("--encode and --quantile: choose one; a code has no threshold")
    if options.encode:
        answers = task.encoder_answers(experiment.model.code_size)
    else:
        answers = task.interpreter(signature, experiment.target_names, experiment.head, options.top_k)
    if options.quantile is not None:
        answers = answers.at_quantile(options.quantile)
    if not answers.ranks and options.top_k != 1:
        option = "--probabilities" if options.top_k is None else "--top-k"
        raise UsageError(f"{option}: has no effect; {task.type} has no classes to rank")
    return answers


def lexicon_of(
    checkpoint: CheckpointFile, inputs: Sequence[object], sources: Sources, notify: Notify
) -> Lexicon | None:
    """Find the vocabulary of a text model: in its checkpoint, or else in its data set.

    Args:
        checkpoint: The model.
        inputs: Where all are arrays of ids, in files or in memory, no words are needed.
        sources: Where the data set may be.
        notify: Is called with a line if the data set's words are used.

    Raises:
        DataError: The vocabulary is not available, and some inputs are not arrays of token ids.
    """
    data = checkpoint.experiment.data
    if data.signature.kind != "tokens" or all(_holds_ids(one) for one in inputs):
        return None
    if (own := checkpoint.lexicon()) is not None:
        return own
    found = data.lexicon(sources)
    if found is not None:
        notify(f"{checkpoint.path} has no vocabulary; using that of the data set {data.type} on this machine")
    return found


def open_model(path: Path, device: str = "auto", plugins: Sequence[str] = ()) -> CheckpointFile:
    """Open a run's best checkpoint, or any checkpoint file, to be computed on a device.

    Raises:
        RunError: The directory is not a run, or has no checkpoint yet.
        CheckpointError: The file does not exist, or is not a checkpoint.
        UsageError: The device is malformed, or a plugin cannot be imported.
    """
    from deepcli.run.checkpoint.file import find, open_checkpoint, with_device
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    return with_device(open_checkpoint(find(path)[0]), device)


def searching(
    checkpoint: CheckpointFile, beam: int | None, length_penalty: float | None, several: bool = False
) -> CheckpointFile:
    """Set how a model of pairs searches for the targets that it writes.

    Args:
        checkpoint: The model.
        beam: Unfinished targets that are kept; None for what its spec says.
        length_penalty: How much long targets are favoured; None for what its spec says.
        several: Whether several classes are asked for.

    Raises:
        UsageError: The model has no use for an option.
    """
    from deepcli.run.checkpoint.file import with_search

    if several and checkpoint.experiment.signature.kind == "pairs":
        raise UsageError(
            "--top-k and --probabilities: are for classes; a model of pairs writes one target for each input"
        )
    return with_search(checkpoint, beam, length_penalty)


def make_reader(
    checkpoint: CheckpointFile,
    inputs: Sequence[object],
    options: ReadOptions,
    at: Callable[[], Sources],
    notify: Notify,
    complain: Notify,
) -> Reader:
    """Make what reads inputs for a checkpoint's model.

    Args:
        checkpoint: The model.
        inputs: What will be read.
        options: How.
        at: Returns where the data set's words are looked for.
        notify: Is called with each notice about an input.
        complain: Is called with the reason for each input that cannot be read.

    Raises:
        UsageError: The model has no use for an option.
    """
    from deepcli.inputs.reading import reader_for

    lexicon = lexicon_of(checkpoint, inputs, at(), notify)
    return reader_for(checkpoint.experiment.data, lexicon, options, notify, complain)


def answered(
    checkpoint: CheckpointFile,
    head: Sequence[Example | Unreadable],
    rest: Iterable[Example | Unreadable],
    size: int,
    answers: Interpreter,
) -> Iterator[tuple[list[Example | Unreadable], np.ndarray]]:
    """Load a checkpoint's model, and predict inputs in batches.

    Args:
        checkpoint: The model.
        head: The first inputs.
        rest: Those after them.
        size: Inputs in a batch.
        answers: Says what the outputs mean; it is given the model first.

    Yields:
        Inputs, and the model's outputs for the examples among them: float32 (examples, outputs).
    """
    from deepcli.system.backend_startup import import_backend

    import_backend(preferred=checkpoint.experiment.training.backend)
    from deepcli.training.evaluate import load_model
    from deepcli.training.predict import predict

    loaded = load_model(checkpoint)
    answers.prepare(loaded.model)
    yield from predict(loaded, chain(head, rest), size, answers.asked)


def _holds_ids(value: object) -> bool:
    from deepcli.inputs.arrays import SUFFIXES

    return os.fspath(value).lower().endswith(SUFFIXES) if isinstance(value, str | os.PathLike) else True


def head_of(inputs: Iterator[Example | Unreadable]) -> list[Example | Unreadable]:
    """Read inputs up to and including the first readable one, before TensorFlow is imported."""
    from deepcli.inputs.example import Example

    head: list[Example | Unreadable] = []
    while not (head and isinstance(head[-1], Example)) and (one := next(inputs, None)) is not None:
        head.append(one)
    return head


def predict_values(
    loaded: LoadedModel,
    reader: Reader,
    values: Mapping[str, Any],
    options: AnswerOptions,
    batch_size: int,
    unreadable: Sequence[str],
    skip: bool,
) -> list[Predicted]:
    """Predict what a program holds in memory, or files that it names.

    Args:
        loaded: The model.
        reader: Reads inputs for it.
        values: The inputs by name.
        options: What is wanted of each answer.
        batch_size: Examples at once.
        unreadable: Where the reader reports inputs that cannot be read.
        skip: Whether to leave those out with a warning.

    Raises:
        DataError: An input cannot be read.
    """
    from deepcli.inputs.example import Example
    from deepcli.inputs.in_memory import read_values
    from deepcli.training.predict import predict

    read: Iterable[Example | Unreadable] = read_values(reader, values)
    if not skip:
        read = list(read)
        if unreadable:
            raise DataError("\n".join(unreadable))
    answers, predicted = interpreter_of(loaded.experiment, options), []
    answers.prepare(loaded.model)
    for batch, outputs in predict(loaded, read, batch_size, answers.asked):
        examples = [one for one in batch if isinstance(one, Example)]
        said = zip(examples, answers.each(outputs), strict=bool(examples))
        predicted += [_predicted(one, answer) for one, answer in said]
    for line in unreadable:
        warn(line)
    return predicted


def _predicted(one: Example, answer: Interpretation) -> Predicted:
    top = tuple(ClassProbability(*one) for one in answer.top)
    rows = [dict(zip(answer.values, step, strict=True)) for step in answer.steps]
    forecast = tuple(zip(one.steps, rows, strict=False))
    known = answer.label, answer.name, answer.probability, one.name, top, answer.values
    return Predicted(*known, forecast, one.span)
