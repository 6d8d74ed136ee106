"""The whole spec of a run, and the checks that cross its sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from deepcli.data import DATASETS, Dataset, Signature
from deepcli.data.augmentation import ImageAugmentation
from deepcli.models import MODELS, Head, Model
from deepcli.optim import LOSSES, METRICS, OPTIMIZERS, SCHEDULES, Loss, Metric, Optimizer, Schedule
from deepcli.optim.losses import Auto as AutoLoss
from deepcli.optim.metrics import Accuracy
from deepcli.optim.optimizers import Adam
from deepcli.optim.schedules import Constant, ReduceOnPlateau, count
from deepcli.spec.fields import Auto, NonNegative, Positive, PositiveFloat, as_tuple, matching
from deepcli.spec.registry import Issue, Spec, did_you_mean, validate, validation_error
from deepcli.trackers import TRACKERS, Tracker

FORMAT: Literal[1] = 1
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class EarlyStopping(Spec):
    """Stop when a metric no longer improves."""

    monitor: str = Field("val_loss", description="The metric; it also decides which epoch is best.")
    patience: Positive = Field(5, description="Epochs without improvement after which to stop.")
    min_delta: NonNegative = Field(0.0, description="Less than that is no improvement.")


class Checkpoint(Spec):
    """When `last.keras` is written, beside the end of training. `best.keras` follows every improvement."""

    every_epochs: Positive | None = Field(1, description="After so many epochs.")
    every_steps: Positive | None = Field(None, description="After so many steps.")
    every_minutes: PositiveFloat | None = Field(None, description="After so many minutes.")
    keep: Positive = Field(1, description="How many of them to keep: `last.keras` and, above 1, earlier steps.")


class Training(Spec):
    """How long to train, on what, and what to keep."""

    path_fields: ClassVar[tuple[str, ...]] = ("initial_weights",)

    epochs: Positive = Field(10, description="Passes over the training split.")
    max_steps: Positive | None = Field(None, description="Stop after this many steps (batches), whatever the epoch.")
    early_stopping: EarlyStopping | None = Field(None, description="Stop when a metric no longer improves.")
    class_weight: Literal["balanced"] | dict[int, PositiveFloat] | None = Field(
        None, description="Weight of each class in the loss; `balanced` makes up for unequal counts."
    )
    checkpoint: Checkpoint = Field(Checkpoint(), description="When to write `last.keras`.")
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "auto", description="Keras's dtype policy; auto takes mixed_bfloat16 where it pays."
    )
    device: Annotated[str, matching(r"auto|cpu|gpu|gpu:\d+", "auto, cpu, gpu or gpu:N")] = Field(
        "auto", description="auto, cpu, gpu, or gpu:1; auto takes every GPU there is."
    )
    jit_compile: Auto | bool = Field("auto", description="Compile with XLA; auto does on GPUs where it pays.")
    steps_per_execution: Auto | Positive = Field("auto", description="Training steps per call into the backend.")
    threads: Auto | Positive = Field("auto", description="CPU threads; auto leaves it to the backend.")
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="What to do when the loss is no longer a number: stop, or go back to the last good checkpoint with half "
        "the learning rate, at most three times.",
    )
    initial_weights: str | None = Field(
        None,
        description="A run or checkpoint whose weights a new run begins with; not its optimizer, nor its epochs. Runs keep "
        "it absolute.",
    )
    trackers: Annotated[tuple[Annotated[Tracker, TRACKERS], ...], BeforeValidator(as_tuple)] = Field(
        (), description="Where else the figures go, beside the run's own files."
    )
    deterministic: bool = Field(False, description="Bit-identical results on GPUs too, at a cost in speed.")


class Experiment(Spec):
    """One training run from its data to its last checkpoint."""

    name: Annotated[str, matching(r"\w[\w.+=@ -]{0,99}", "a short name without slashes")] = Field(
        "experiment", description="What the run is called; default: the file's stem."
    )
    seed: Seed = Field(0, description="Of initial weights, data order, dropout and augmentation.")
    data: Annotated[Dataset, DATASETS] = Field(description="The data set.")
    model: Annotated[Model, MODELS] = Field(description="The model family.")
    loss: Annotated[Loss, LOSSES] = Field(AutoLoss(), description="What training makes smaller.")
    metrics: Annotated[tuple[Annotated[Metric, METRICS], ...], BeforeValidator(as_tuple)] = Field(
        (Accuracy(),), description="What is measured beside the loss."
    )
    optimizer: Annotated[Optimizer, OPTIMIZERS] = Field(Adam(), description="How weights change.")
    schedule: Annotated[Schedule, SCHEDULES] = Field(Constant(), description="How the learning rate changes.")
    training: Training = Field(Training(), description="How long, on what, and what to keep.")
    format: Literal[1] = Field(FORMAT, description="Version of this format.")

    @property
    def signature(self) -> Signature:
        """What the model must know of the data."""
        return self.data.signature

    @property
    def head(self) -> Head:
        """The output layer that the loss calls for."""
        return self.loss.head(self.signature)

    @property
    def monitor(self) -> str:
        """The metric that decides which epoch is best."""
        if self.training.early_stopping:
            return self.training.early_stopping.monitor
        return "val_loss" if self.data.validation_split else "loss"

    def mode(self, monitor: str) -> Literal["max", "min"]:
        """Tell whether more or less of a metric is better."""
        better = {metric.type: metric.better for metric in self.metrics}
        return better.get(monitor.removeprefix("val_"), "min")

    @property
    def measured(self) -> list[str]:
        """What is measured on every split, in the order of the spec."""
        return ["loss", *(metric.type for metric in self.metrics)]

    def notices(self) -> list[str]:
        """Say what is allowed, and seldom meant."""
        optimizer, schedule = self.optimizer, self.schedule
        return [
            *(f"optimizer.{notice}" for notice in optimizer.notices()),
            *(f"schedule.{notice}" for notice in schedule.notices(optimizer.learning_rate)),
        ]

    def total_steps(self, steps_per_epoch: int) -> int:
        """Training steps of the whole run, if nothing stops it early."""
        steps = self.training.epochs * steps_per_epoch
        return min(steps, self.training.max_steps or steps)

    def total_updates(self, steps_per_epoch: int) -> int:
        """Changes of the weights in the whole run; each epoch ends with one, however few batches are left for it."""
        group = self.optimizer.gradient_accumulation_steps or 1
        epochs, rest = divmod(self.total_steps(steps_per_epoch), steps_per_epoch)
        return epochs * -(-steps_per_epoch // group) + -(-rest // group)

    # Each section is checked against those above it; pydantic leaves out of `info.data` what is wrong in itself.

    @field_validator("model", "loss")
    @classmethod
    def _fits_data(cls, section: Any, info: ValidationInfo) -> Any:
        data = info.data.get("data")
        return validate(section, lambda s: s.check(data.signature)) if data else section

    @field_validator("metrics")
    @classmethod
    def _fit_data(cls, metrics: tuple[Metric, ...], info: ValidationInfo) -> tuple[Metric, ...]:
        names = [metric.type for metric in metrics]
        first = {name: index for index, name in reversed(list(enumerate(names)))}
        problems: list[Issue] = [
            ((index,), f"{name} stands twice") for index, name in enumerate(names) if index != first[name]
        ]
        if data := info.data.get("data"):
            for index, metric in enumerate(metrics):
                problems += [((index, *path), why) for path, why in metric.check(data.signature)]
        if problems:
            raise validation_error(problems, names)
        return metrics

    @field_validator("schedule")
    @classmethod
    def _watches_a_metric(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        if isinstance(schedule, ReduceOnPlateau):
            return validate(schedule, lambda plateau: monitor_problems(plateau.monitor, ("monitor",), info.data))
        return schedule

    @field_validator("training")
    @classmethod
    def _can_be_watched(cls, training: Training, info: ValidationInfo) -> Training:
        problems = [*_class_weight_problems(training, info.data), *_jit_problems(training, info.data)]
        if training.early_stopping is not None:
            watched = training.early_stopping.monitor
            problems += monitor_problems(watched, ("early_stopping", "monitor"), info.data)
        if problems:
            raise validation_error(problems, training)
        return training

    @model_validator(mode="after")
    def _is_long_enough(self) -> Experiment:
        if self.data.path is None and (problems := list(self.check_length(self.data.steps_per_epoch))):
            raise validation_error(problems, self.name)
        return self

    def check_length(self, steps_per_epoch: int) -> Iterator[Issue]:
        """Yield what the run is too short for. With a `data.path` its length is known once the data are read."""
        total = self.total_steps(steps_per_epoch)
        if self.schedule.warmup and count(self.schedule.warmup, total) >= total:
            yield (
                ("schedule", "warmup"),
                f"a warm-up of {self.schedule.warmup:g} steps leaves nothing of the run's {total}",
            )
        optimizer, longest = self.optimizer, min(steps_per_epoch, total)
        group = optimizer.gradient_accumulation_steps or 1
        if group > longest:
            why = f"{group} batches for an update are more than the {longest} steps of an epoch; use at most {longest}"
            yield ("optimizer", "gradient_accumulation_steps"), why
        for path, why in optimizer.check_length(self.total_updates(steps_per_epoch)):
            yield ("optimizer", *path), why


def monitor_problems(monitor: str, path: tuple[str, ...], sections: dict[str, Any]) -> Iterator[Issue]:
    """Yield why a metric cannot be watched, where that can be told."""
    if "data" not in sections or "metrics" not in sections:
        return
    names = ["loss", *(metric.type for metric in sections["metrics"])]
    if sections["data"].validation_split:
        names += [f"val_{name}" for name in names]
    if monitor not in names:
        why = "nothing is held out for validation; " if monitor.removeprefix("val_") in names else ""
        yield (
            path,
            f"no metric is called {monitor!r}; {why or did_you_mean(monitor, names)}there are: {', '.join(names)}",
        )


def _class_weight_problems(training: Training, sections: dict[str, Any]) -> Iterator[Issue]:
    if not isinstance(training.class_weight, dict) or "data" not in sections:
        return
    classes = sections["data"].signature.classes
    for label in training.class_weight:
        if not 0 <= label < classes:
            yield ("class_weight", label), f"there is no class {label}; these data have 0 to {classes - 1}"


def _jit_problems(training: Training, sections: dict[str, Any]) -> Iterator[Issue]:
    augmentation = sections["data"].signature.augmentation if "data" in sections else None
    if training.jit_compile is True and isinstance(augmentation, ImageAugmentation) and augmentation.moves:
        yield (
            ("jit_compile",),
            "XLA cannot compile data.augmentation's rotation, translation, zoom and flip; use auto or false",
        )
