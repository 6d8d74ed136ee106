"""How long steps, evaluation and checkpoints take, by doing them."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from deepcli.data.arrays.splits import Split, Splits, Tokens, select
from deepcli.experiment.schema import Experiment
from deepcli.nn.tracked_rate import saved_variables
from deepcli.system.atomic import write_text
from deepcli.training.backend import Backend, Batches, Check
from deepcli.training.evaluate import BATCH_SIZE, Evaluator, number
from deepcli.training.memory_check import bytes_of
from deepcli.training.saving import save
from deepcli.training.settings import RunSettings
from deepcli.training.state import Position, State, read_variables

WARM_UP = 2
"""Calls that trace and compile and are not measured; batches of texts differ in length and are traced again."""
LARGE = 256 << 20
"""Bytes of a checkpoint from which writing one only to measure it would take too long."""
BYTES_PER_SECOND = 200e6
"""How fast such a checkpoint is written: a slow disk."""
LONG = 0.5
"""Seconds that a checkpoint takes from which it is written once only."""


def time_steps(
    model: keras.Model, backend: Backend, batches: Batches, check: Check, seconds: float
) -> tuple[float, float]:
    """Return the seconds that tracing and compiling take, and those of a step."""
    order = batches.order
    warm_up = WARM_UP + isinstance(order.lengths, np.ndarray)
    began, first = time.monotonic(), min(warm_up * model.steps_per_execution, order.steps)
    timed_calls(model, backend, batches, check, 0, first)
    timed_calls(
        model, backend, batches, check, order.steps - 1, order.steps
    )  # the last batch may be smaller: traced again
    warmed_up = time.monotonic() - began
    elapsed = work = 0.0
    while elapsed < seconds:
        done, took = timed_calls(model, backend, batches, check, 0, order.steps, seconds - elapsed)
        elapsed, work = elapsed + took, work + _work(batches, done)
    # Texts of a batch are as long as the longest; the batches that were measured may be longer or shorter than others.
    step = elapsed / work * _work(batches, order.steps) / order.steps
    return max(warmed_up - (first + 1) * step, 0.0), step


def timed_calls(
    model: keras.Model,
    backend: Backend,
    batches: Batches,
    check: Check,
    start: int,
    stop: int,
    seconds: float = float("inf"),
) -> tuple[int, float]:
    """Take steps of the first epoch from `start` to `stop`, or until the time is over; return their number and seconds."""
    began, done = time.monotonic(), start
    iterator = batches.epoch(0, start, stop)
    while done == start or (done < stop and time.monotonic() - began < seconds):
        logs = backend.take_steps(model, iterator)
        done += min(model.steps_per_execution, stop - done)
        number(logs["loss"])  # waits until the step is done, on a GPU
        check()
    model.reset_metrics()
    return done - start, time.monotonic() - began


def _work(batches: Batches, steps: int) -> float:
    """Return how much the first steps of the first epoch compute: tokens with padding, else steps."""
    order = batches.order
    if order.lengths is None:
        return float(steps)
    lengths = order.lengths[order.epoch(0)]
    starts = range(0, min(steps * order.batch_size, order.examples), order.batch_size)
    parts = (lengths[start : start + order.batch_size] for start in starts)
    return float(sum(max(1, int(part.max())) * len(part) for part in parts))


def time_evaluation(
    experiment: Experiment, backend: Backend, model: keras.Model, split: Split, check: Check, seconds: float
) -> float:
    """Return the seconds of evaluation for each example."""
    evaluate = Evaluator(experiment, backend)
    size = min(BATCH_SIZE, len(split))
    while True:
        part = _first(split, size)
        evaluate(model, part, check)  # the first evaluation of a split also prepares its batches
        began = time.monotonic()
        evaluate(model, part, check)
        took = time.monotonic() - began
        if took >= seconds or size == len(split):
            return took / size
        size = min(len(split), max(2 * size, int(size * seconds / max(took, 1e-6))))


def _first(split: Split, size: int) -> Split:
    """Return the first examples of a split; of texts, examples spread over the whole split."""
    if size >= len(split):
        return split
    chosen = np.linspace(0, len(split) - 1, size).astype(int) if isinstance(split.x, Tokens) else np.arange(size)
    return replace(select(split.x, split.y, chosen), ids=split.ids[chosen])


def time_writing(file: Path) -> float:
    """Return the seconds that writing a small file takes."""
    began = time.monotonic()
    for _ in range(3):
        write_text(file, "epoch\n")
    return (time.monotonic() - began) / 3


def time_saving(
    experiment: Experiment, splits: Splits, settings: RunSettings, backend: Backend, model: keras.Model, file: Path
) -> tuple[int, float]:
    """Return the bytes of a checkpoint, and the seconds that writing it takes."""
    variables = [*model.variables, *saved_variables(model.optimizer)]
    size = sum(bytes_of(variable.shape, variable.dtype) for variable in variables)
    if size > LARGE:
        return size, size / BYTES_PER_SECOND
    values = read_variables(model, backend)
    mark = splits.provenance.fingerprint
    state = State(Position(), settings.precision.value, settings.device.threads, variables=values, data=mark)
    lexicon, took = splits.lexicon(), list[float]()
    while len(took) < 4 and (not took or took[-1] < LONG):
        began = time.monotonic()
        save(file, model, experiment, state, lexicon)
        took.append(time.monotonic() - began)
    return file.stat().st_size, statistics.median(took[1:] or took)  # the first one imports what writes the file
