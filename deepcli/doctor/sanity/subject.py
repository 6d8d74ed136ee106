"""What the checks look at: the model of a spec at its start and after some steps, and a subset of its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import keras
import numpy as np

from deepcli.data.arrays.splits import Split, Splits, generator, in_memory, limited, select
from deepcli.data.files import OFFLINE, Sources
from deepcli.experiment.schema import Experiment
from deepcli.models.base import Start
from deepcli.optim.schedules import Constant
from deepcli.system.signals import heed
from deepcli.training.backend import Backend, make_backend
from deepcli.training.build import build_loss
from deepcli.training.device import choose
from deepcli.training.evaluate import number
from deepcli.training.order import Order
from deepcli.training.ready import ready_model
from deepcli.training.settings import RunSettings, make_settings

MOST_EXAMPLES, MOST_IN_BATCH = 512, 32
"""Examples of each split that the checks use, and of a training step: enough for each figure, few enough for a minute."""
STEPS, PER_CALL, WARMUP = 60, 10, 20
"""Training steps on true and on shuffled targets; steps per call into the backend; steps of a warm-up, if the spec has one."""
DRAW = 0x5A41


@dataclass
class Subject:
    """A spec under examination; everything follows from its seed.

    Attributes:
        experiment: The spec, its run changed to a short one at the peak of its learning rate.
        splits: A subset of its training and validation splits.
        settings: Device, precision, compilation and order.
        backend: Takes steps and predicts.
        folder: A temporary directory.
        plugins: The plugins that were imported.
        sources: Where a model may look for files that it starts from.
    """

    experiment: Experiment
    splits: Splits
    settings: RunSettings
    backend: Backend
    folder: Path
    plugins: tuple[str, ...] = ()
    sources: Sources = OFFLINE

    @classmethod
    def of(
        cls, experiment: Experiment, splits: Splits, folder: Path, plugins: tuple[str, ...], sources: Sources
    ) -> Subject:
        """Make the subject of a spec and its data.

        Raises:
            DeviceError: The device is not available.
        """
        trial = short_run(experiment)
        device = choose(trial.training)
        few = subset(splits, trial.seed)
        return cls(trial, few, make_settings(trial, few, device), make_backend(device), folder, plugins, sources)

    @cached_property
    def model(self) -> keras.Model:
        """The compiled model; `start` and `train_a_little` set its weights."""
        return self.build(self.experiment)

    def build(self, experiment: Experiment) -> keras.Model:
        """Build a spec's model, ready for its first step."""
        return ready_model(experiment, self.splits, self.settings, self.backend, forget=False, sources=self.sources)

    @cached_property
    def _first_values(self) -> list[np.ndarray]:
        return [self.backend.read(variable) for variable in _variables(self.model)]

    @cached_property
    def _later_values(self) -> list[np.ndarray]:
        self.train(self.start(), self.splits.train, self.order(self.splits.train))
        return [self.backend.read(variable) for variable in _variables(self.model)]

    def start(self) -> keras.Model:
        """Return the model as a run begins with it."""
        return self._with(self._first_values)

    def train_a_little(self) -> keras.Model:
        """Return the model after some steps on the training split."""
        self.start()
        return self._with(self._later_values)

    def train_on(self, splits: Splits) -> keras.Model:
        """Return the model after some steps on another training split, from which it also begins."""
        model = self.start()
        self.experiment.model.begin(model, Start(self.experiment.signature, splits, self.sources))
        self.experiment.resolved_task.adapt(model, splits.train.y)
        self.train(model, splits.train, self.order(splits.train))
        return model

    def _with(self, values: list[np.ndarray]) -> keras.Model:
        for variable, value in zip(_variables(self.model), values, strict=True):
            self.backend.write(variable, value)
        return self.model

    def order(self, split: Split, batch_size: int | None = None) -> Order:
        """Return the order in which a run would take the examples of a split."""
        lengths = getattr(split.x, "lengths", None)
        return Order(len(split), batch_size or self.experiment.data.batch_size, self.experiment.seed, lengths)

    def train(self, model: keras.Model, split: Split, order: Order, steps: int = STEPS) -> dict[str, float]:
        """Take some steps on a split, over several epochs; return the metrics of all of them."""
        batches = self.backend.batches(split, order, None)
        model.reset_metrics()
        done, epoch, logs = 0, 0, {}
        while done < steps:
            here = min(order.steps, steps - done)
            these, taken = batches.epoch(epoch, 0, here), 0
            while taken < here:
                heed()
                logs = dict(self.backend.take_steps(model, these))
                taken += min(model.steps_per_execution, here - taken)
            done, epoch = done + here, epoch + 1
        return {name: number(logs[name]) for name in self.experiment.measured}

    def loss(self, targets: np.ndarray, outputs: np.ndarray) -> float:
        """Return the loss of the spec, without penalties."""
        return number(build_loss(self.experiment)(targets, outputs))

    def random(self, purpose: int) -> np.random.RandomState:
        """Return a generator for one purpose, seeded by the spec."""
        return generator(self.experiment.seed, DRAW, purpose)

    def __str__(self) -> str:
        train, validation = self.splits.train, self.splits.validation
        held = f" and {len(validation)} validation" if validation is not None else ""
        chosen = f"{self.settings.device.choice.value}, {self.settings.precision.value}"
        spec = self.experiment
        return f"{spec.model.type} on {spec.data.type}: {len(train)} training{held} examples; {chosen}"


def short_run(experiment: Experiment) -> Experiment:
    """Return a spec with the same model, loss and optimizer, for a few steps at the peak of its learning rate."""
    training = experiment.training.model_copy(
        update={
            "epochs": 1 << 20,
            "max_steps": None,
            "early_stopping": None,
            "trackers": (),
            "callbacks": (),
            "steps_per_execution": PER_CALL,
        }
    )
    schedule = Constant(warmup=WARMUP if experiment.schedule.warmup else 0)
    batch_size = min(experiment.data.batch_size, MOST_IN_BATCH)
    return experiment.model_copy(
        update={
            "training": training,
            "schedule": schedule,
            "data": experiment.data.model_copy(update={"batch_size": batch_size}),
            "optimizer": experiment.optimizer.model_copy(update={"gradient_accumulation_steps": None}),
        }
    )


def subset(splits: Splits, seed: int) -> Splits:
    """Return a few examples of the training and validation splits, every class in proportion."""
    train, held = (
        None if split is None else part(split, MOST_EXAMPLES, generator(seed, DRAW, number))
        for number, split in enumerate((splits.train, splits.validation))
    )
    assert train is not None
    return replace(splits, train=train, validation=held)


def part(split: Split, size: int, rng: np.random.RandomState) -> Split:
    """Return at most some examples of a split, every class in proportion."""
    places = limited(split.y, np.arange(len(split)), size, rng)
    chosen = select(split.x, split.y, places)
    x = in_memory(chosen.x)
    return Split(x, cast(np.ndarray, x if chosen.predicts_inputs else in_memory(chosen.y)), split.ids[places])


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
