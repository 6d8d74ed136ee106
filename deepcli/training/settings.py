"""The settings of a run that are chosen before the first step, each with a reason to show."""

from __future__ import annotations

from dataclasses import dataclass

from deepcli.data.arrays.splits import Splits, Tokens
from deepcli.errors import Problem, SpecError
from deepcli.experiment.schema import Experiment
from deepcli.optim.schedules import count
from deepcli.training.device import Choice, Device, choose_jit, choose_precision, choose_steps_per_execution
from deepcli.training.memory_check import human
from deepcli.training.order import Order
from deepcli.training.same_figures import demand_same_figures


@dataclass(frozen=True)
class RunSettings:
    """A run's device, precision, compilation and data order, chosen before the first step."""

    device: Device
    precision: Choice
    jit: Choice
    steps_per_execution: Choice
    order: Order
    stored: str = ""

    def notes(self, experiment: Experiment) -> list[str]:
        """Describe the settings in three lines, and add a notice if the schedule is longer than the run."""
        threads = f", {self.device.threads} thread{'s' * (self.device.threads > 1)}" * (not self.device.is_gpu)
        backend = f"; backend: {self.device.backend}" * (self.device.backend.value != "tensorflow")
        number = self.order.steps
        steps = f"{self.order.examples} examples in {number} step{'s' * (number != 1)} per epoch"
        total = experiment.total_steps(self.order.steps)
        unreached = experiment.schedule.unreached(total - count(experiment.schedule.warmup, total))
        return [
            f"{experiment.name}: {experiment.model.type} on {experiment.data.type}, {steps}",
            f"device: {self.device.choice}{threads}; precision: {self.precision}{backend}",
            f"jit_compile: {self.jit}; steps_per_execution: {self.steps_per_execution}",
            *([self.stored] if self.stored else []),
            *([f"notice: {unreached}"] if unreached else []),
        ]


def make_settings(experiment: Experiment, splits: Splits, chosen: Device, precision: str | None = None) -> RunSettings:
    """Choose the settings for training on a device; a resumed run keeps its precision.

    Raises:
        SpecError: The data have too few steps for the spec, for example for its warm-up.
        UsageError: The spec requests something that is not possible on several devices.
    """
    demand_same_figures(experiment, chosen.replicas)
    training, data = experiment.training, experiment.data
    x = splits.train.x
    lengths = x.sizes if isinstance(x, Tokens) else None
    order = Order(len(splits.train), data.batch_size, experiment.seed, lengths)
    if problems := [Problem("", ".".join(map(str, path)), why) for path, why in experiment.check_length(order.steps)]:
        raise SpecError(problems)
    policy = Choice(precision, "as before") if precision else choose_precision(training, experiment.model, chosen)
    return RunSettings(
        chosen,
        policy,
        choose_jit(training, experiment.model, experiment.signature, chosen, policy.value),
        choose_steps_per_execution(training, order.steps, chosen),
        order,
        stored_line(splits),
    )


def stored_line(splits: Splits) -> str:
    """Describe which inputs stay in their files during training, and why; empty if none do."""
    parts = [split.stored for split in (splits.train, splits.validation, splits.test) if split is not None]
    stored = {part.number: part for part in parts if part is not None}
    if not stored:
        return ""
    size, free = human(sum(part.size for part in stored.values())), human(next(iter(stored.values())).free)
    return f"data: {size} are read from disk batch by batch (more than a quarter of the free memory, {free})"
