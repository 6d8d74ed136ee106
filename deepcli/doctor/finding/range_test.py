"""One range test: training from fresh weights while the learning rate rises from update to update."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.doctor.finding.rate_curve import DivergenceWatch
from deepcli.doctor.finding.trial_spec import trial_spec
from deepcli.experiment.schema import Experiment
from deepcli.nn.inner_optimizer import inner_optimizer
from deepcli.nn.learning_rate import LearningRate
from deepcli.system.signals import heed
from deepcli.training.backend import Backend, Batches
from deepcli.training.compiled import CompiledModels
from deepcli.training.context import class_weights
from deepcli.training.device import Device
from deepcli.training.evaluate import number
from deepcli.training.ready import ready_model
from deepcli.training.settings import RunSettings, make_settings


@dataclass
class RangeTest:
    """A spec and its data, to be trained with rising rates.

    Attributes:
        experiment: The spec.
        splits: The data.
        device: The device.
        backend: Takes the steps.
        sources: Where the model may look for files that it starts from.
        models: Compiled models, so that later seeds trace nothing anew.
    """

    experiment: Experiment
    splits: Splits
    device: Device
    backend: Backend
    sources: Sources
    models: CompiledModels = field(default_factory=CompiledModels)

    def settings(self, trial: Experiment) -> RunSettings:
        """Return the settings of a trial.

        Raises:
            SpecError: An epoch of the data is too short for the spec.
        """
        return make_settings(trial, self.splits, self.device)

    def losses(self, rates: np.ndarray, seed: int, tried: Callable[[int], object] = lambda updates: None) -> np.ndarray:
        """Train from fresh weights, one update with each rate, until the loss diverges.

        Args:
            rates: The rate of each update, rising.
            seed: The seed of weights, order, dropout and augmentation.
            tried: Called with the number of updates so far.

        Returns:
            The loss before the first update, and after each one: always that of batches which are trained on next. It has
            fewer values if training diverged, and the last may be infinite or NaN then.
        """
        group = self.experiment.optimizer.gradient_accumulation_steps or 1
        trial = trial_spec(self.experiment, group * (len(rates) + 1), steps_per_execution=1)
        trial = trial.model_copy(update={"seed": seed})
        settings = self.settings(trial)

        def build(forget: bool) -> keras.Model:
            return ready_model(trial, self.splits, settings, self.backend, forget=forget, sources=self.sources)

        model = self.models.ready(trial, settings, build)
        with self.backend.scope():
            _set_rates(model, np.repeat(rates, group), group * (len(rates) + 1))
        weights = class_weights(trial, self.splits.train.y)
        steps = self._steps(model, self.backend.batches(self.splits.train, settings.order, weights))
        watch, found = DivergenceWatch(), list[float]()
        while len(found) <= len(rates):
            found.append(float(np.mean(list(itertools.islice(steps, group)))))
            tried(len(found) - 1)
            if watch.has_diverged(found[-1]):
                break
        return np.array(found)

    def _steps(self, model: keras.Model, batches: Batches) -> Iterator[float]:
        """Take steps, epoch after epoch; yield the loss of each one's batch, before its update."""
        for epoch in itertools.count():
            these = batches.epoch(epoch, 0, batches.order.steps)
            for _ in range(batches.order.steps):
                heed()
                model.reset_metrics()
                yield number(self.backend.take_steps(model, these)["loss"])


def _set_rates(model: keras.Model, rates: np.ndarray, steps: int) -> None:
    """Replace the learning rate of a compiled model before its first step by a rate for each batch."""
    known = ops.convert_to_tensor(np.asarray(rates, np.float32))
    last = len(rates) - 1
    rising = LearningRate(
        float(rates[-1]), after=lambda step: ops.take(known, ops.minimum(ops.cast(step, "int32"), last)), steps=steps
    )
    optimizer = inner_optimizer(model)
    if optimizer._learning_rate.steps == steps:
        optimizer._learning_rate.become(rising)  # the graph of a model that was traced for another seed stays
    else:
        optimizer._learning_rate = rising  # a stage of a run is shorter than the test
