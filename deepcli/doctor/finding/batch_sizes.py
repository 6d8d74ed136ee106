"""Try rising batch sizes until memory, the training split or the time of a step ends it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.doctor.finding.batch_report import Limit, SizeTried, seconds_of, size_of
from deepcli.doctor.finding.batch_trial import BatchTrial
from deepcli.errors import TrainingError, UsageError
from deepcli.experiment.schema import Experiment
from deepcli.training.backend import make_backend, memory_advice, out_of_memory
from deepcli.training.build import build_model
from deepcli.training.device import choose, choose_precision
from deepcli.training.device_memory import memory_left
from deepcli.training.flops import forward_pass
from deepcli.training.measuring_cost import one_example

FIRST = 8
MARGIN = 0.8
"""Share of the memory that is left which a step may be expected to take."""
SAFETY = 1.5
"""Factor on the growth of memory that is expected of a size that was not tried."""
KEPT = 3
"""A step is assumed to hold the outputs of all layers this many times: outputs, gradients, and a copy of the largest."""
LONGEST_STEP = 10.0
"""Seconds of a step above which no size is tried."""


@dataclass(frozen=True)
class Ended:
    """Why no larger size was tried, as a word and in words."""

    limit: Limit
    reason: str


class Watcher(Protocol):
    """Is shown what happens."""

    def begins(self, settings: str) -> None:
        """Called when the data are read and the device is chosen."""

    def trying(self, batch_size: int) -> None:
        """Called before a size is tried."""

    def tried(self, size: SizeTried) -> None:
        """Called when a size was measured."""


def try_sizes(
    experiment: Experiment, splits: Splits, sources: Sources, first: int | None, last: int | None, watcher: Watcher
) -> Ended:
    """Try batch sizes from small to large, each twice the one before it, and the spec's own; return why it ended.

    Args:
        experiment: The spec.
        splits: The data.
        sources: Where the model may look for files that it starts from.
        first: The smallest size; None for a small one.
        last: The largest size that may be tried; None for no limit of one's own.
        watcher: Is shown each size.

    Raises:
        UsageError: The smallest size is larger than the training split.
        TrainingError: Not even the smallest size fits in memory.
    """
    device = choose(experiment.training)
    trial = BatchTrial(experiment, splits, device, make_backend(device), sources)
    examples = len(splits.train)
    sizes = list(sizes_to_try(examples, experiment.data.batch_size, first, last, trial.backend.replicas))
    precision = str(choose_precision(experiment.training, experiment.model, device).value)
    chosen = f"{device.choice.value}, {precision}"
    watcher.begins(f"{experiment.model.type} on {experiment.data.type}: {examples:,} training examples; {chosen}")
    forecast = Forecast(_held_by_each(experiment, splits, precision))
    for size in sizes:
        if (ended := forecast.forbids(size, memory_left(device))) is not None:
            break
        watcher.trying(size)
        try:
            found, before = trial.measure(size)
        except out_of_memory() as error:
            ended = Ended("memory", f"memory: {size} did not fit")
            if size == sizes[0]:
                raise TrainingError(memory_advice(error)) from None
            break
        gc.collect()
        forecast.learn(found, before)
        watcher.tried(found)
    else:
        return _end(examples, last)
    if size == sizes[0]:
        raise TrainingError(f"not even a batch of {size} fits; {ended.reason}; make the model smaller")
    return ended


def sizes_to_try(examples: int, current: int, first: int | None, last: int | None, replicas: int = 1) -> Iterator[int]:
    """Yield the sizes to try, rising: each twice the one before it, and the spec's own among them.

    Args:
        examples: Training examples; no batch is larger.
        current: The spec's own size.
        first: The smallest size; None for a small one.
        last: The largest size; None for no further limit.
        replicas: Devices, each of which needs an example.

    Raises:
        UsageError: The smallest size is larger than the training split, or than the largest.
    """
    size = max(min(FIRST, examples) if first is None else first, replicas)
    most = examples if last is None else min(last, examples)
    if size > most:
        why = f"the training split has {examples:,} examples" if examples <= most else f"--to is {last:,}"
        raise UsageError(f"--from: a batch of {size:,} cannot be tried; {why}")
    doubled = [size << power for power in range(most.bit_length()) if size << power <= most]
    yield from sorted({*doubled, *([current] if size <= current <= most else [])})


@dataclass
class Forecast:
    """What a size needs, judged by smaller ones before it is tried, so that no step exhausts the machine.

    Attributes:
        each: Bytes of all layers' outputs for an example, the least that a step holds of each.
        known: Sizes that were tried, each with the bytes by which memory grew at its peak.
        step: Seconds of a step of the last of them.
    """

    each: int
    known: list[tuple[int, int]] = field(default_factory=list)
    step: float = 0.0

    def learn(self, size: SizeTried, before: int) -> None:
        """Take note of a size that was tried, and of the bytes in use before it."""
        self.known.append((size.batch_size, max(size.memory - before, 0)))
        self.step = 1 / size.steps_per_second

    def growth(self, size: int) -> int:
        """Return the bytes that a size is expected to take."""
        if not self.known:
            return KEPT * self.each * size
        last, grown = self.known[-1]
        slope = float(KEPT * self.each)
        if len(self.known) > 1:
            smaller, less = self.known[-2]
            slope = SAFETY * max((grown - less) / (last - smaller), self.each)
        return int(grown + slope * (size - last))

    def forbids(self, size: int, left: int | None) -> Ended | None:
        """Return why a size should not be tried; None if nothing speaks against it.

        Args:
            size: The size.
            left: Bytes of memory that are left; None if a step that does not fit does no harm.
        """
        if left is not None and (needed := self.growth(size)) > MARGIN * left:
            return Ended("memory", f"memory: {size:,} would take about {size_of(needed)}, and {size_of(left)} are free")
        if self.known and (seconds := self.step * size / self.known[-1][0]) > LONGEST_STEP:
            return Ended("time", f"time: a step of {size:,} would take {seconds_of(seconds)}; larger ones may fit")
        return None


def _held_by_each(experiment: Experiment, splits: Splits, precision: str) -> int:
    """Return the bytes of an example, of texts the longest, and of all layers' outputs for it."""
    example = one_example(splits.train, np.max)
    model = build_model(experiment, precision)
    return forward_pass(model, example).outputs + example.nbytes


def _end(examples: int, last: int | None) -> Ended:
    """Return why nothing follows the last of all sizes."""
    if last is not None and last < examples:
        return Ended("option", f"--to {last}")
    return Ended("training split", f"the training split of {examples:,} examples")
