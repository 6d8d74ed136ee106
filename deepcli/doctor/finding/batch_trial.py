"""Train for a moment with a batch size, and measure its speed and memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

import keras
import numpy as np

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.doctor.finding.batch_report import SizeTried
from deepcli.doctor.finding.trial_spec import trial_spec
from deepcli.experiment.schema import Experiment
from deepcli.system.signals import heed
from deepcli.training.backend import Backend, Batches
from deepcli.training.context import class_weights
from deepcli.training.device import Device
from deepcli.training.device_memory import begin_peak, peak_of
from deepcli.training.ready import ready_model
from deepcli.training.settings import make_settings
from deepcli.training.step_timing import WARM_UP, timed_calls

BLOCKS, SECONDS = 5, 0.25
"""Blocks of steps that are measured, and how long each is at least."""
ENOUGH = 8.0
"""Seconds after which no further block is begun; two are always measured."""


@dataclass(frozen=True)
class BatchTrial:
    """A spec and its data, to be trained with several batch sizes.

    Attributes:
        experiment: The spec.
        splits: The data.
        device: The device.
        backend: Takes the steps.
        sources: Where the model may look for files that it starts from.
    """

    experiment: Experiment
    splits: Splits
    device: Device
    backend: Backend
    sources: Sources

    def measure(self, batch_size: int) -> tuple[SizeTried, int]:
        """Build the model anew, take steps as a run would, and return what they take; also the bytes at the beginning.

        Raises:
            SpecError: An epoch has too few steps of this size for the spec.
            TrainingError: The model does not fit in memory.
            MemoryError: A step does not; on a GPU, the backend's own error.
        """
        before = begin_peak(self.device, self.backend)
        trial = trial_spec(self.experiment)
        data = trial.data.model_copy(update={"batch_size": batch_size})
        trial = trial.model_copy(update={"data": data})
        settings = make_settings(trial, self.splits, self.device)
        model = ready_model(trial, self.splits, settings, self.backend, sources=self.sources)
        weights = class_weights(trial, self.splits.train.y)
        batches = self.backend.batches(self.splits.train, settings.order, weights)
        steps = settings.order.steps
        warm_up = min(WARM_UP * model.steps_per_execution, steps)
        for start, stop in ((0, warm_up), (steps - 1, steps), _longest(batches)):  # traced anew where shapes differ
            timed_calls(model, self.backend, batches, heed, start, stop)
        began, found = time.monotonic(), list[float]()
        while len(found) < BLOCKS and (len(found) < 2 or time.monotonic() - began < ENOUGH):
            found.append(self._epoch(model, batches))
        size = SizeTried.of(batch_size, len(self.splits.train), steps, found, peak_of(self.device, self.backend))
        return size, before

    def _epoch(self, model: keras.Model, batches: Batches) -> float:
        """Return the seconds of an epoch, from a block of steps: as many from its beginning as fit into the time, again and again."""
        elapsed = share = 0.0
        while elapsed < SECONDS:
            steps = batches.order.steps
            done, took = timed_calls(model, self.backend, batches, heed, 0, steps, SECONDS - elapsed)
            elapsed, share = elapsed + took, share + _share(batches, done)
        return elapsed / share


def _lengths(batches: Batches) -> np.ndarray | None:
    """Return for each step of the first epoch the length of its longest sequence; None if inputs have one size."""
    order = batches.order
    if order.lengths is None:
        return None
    lengths = order.lengths[order.epoch(0)]
    starts = range(0, order.examples, order.batch_size)
    return np.array([max(1, lengths[start : start + order.batch_size].max()) for start in starts])


def _longest(batches: Batches) -> tuple[int, int]:
    """Return the step with the longest sequences, which needs the most memory, as its beginning and end."""
    lengths = _lengths(batches)
    step = 0 if lengths is None else int(lengths.argmax())
    return step, step + 1


def _share(batches: Batches, steps: int) -> float:
    """Return the share of an epoch's work that its first steps do: of the tokens with padding, or of the examples."""
    order, lengths = batches.order, _lengths(batches)
    sizes = np.minimum(order.batch_size, order.examples - np.arange(0, order.examples, order.batch_size))
    work = sizes if lengths is None else sizes * lengths
    return float(work[:steps].sum() / work.sum())
