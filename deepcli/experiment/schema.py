"""The complete spec of a run, and the checks that involve several sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from deepcli.callbacks import CALLBACKS, Callback
from deepcli.data import DATASETS, BaseDataset, Signature
from deepcli.data.augmentation import ImageAugmentation
from deepcli.data.schema import Schema
from deepcli.models import MODELS, Head, Model
from deepcli.optim import LOSSES, METRICS, OPTIMIZERS, SCHEDULES, Loss, Metric, Optimizer, Schedule
from deepcli.optim.losses import Auto as AutoLoss
from deepcli.optim.optimizers import Adam
from deepcli.optim.schedules import Constant, ReduceOnPlateau, count
from deepcli.spec.durations import OptionalDuration
from deepcli.spec.fields import Auto, NonNegative, Positive, PositiveFloat, as_tuple, matching
from deepcli.spec.registry import Issue, Spec, validate, validation_error
from deepcli.spec.spelling import did_you_mean
from deepcli.tasks import TASKS, Task
from deepcli.tasks.auto import AutoTask
from deepcli.trackers import TRACKERS, Tracker

FORMAT: Literal[1] = 1
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class EarlyStopping(Spec):
    """Stop when a metric no longer improves."""

    monitor: str = Field("val_loss", description="Metric to watch; it also decides which epoch is best.")
    patience: Positive = Field(5, description="Epochs without improvement after which to stop.")
    min_delta: NonNegative = Field(0.0, description="Smaller changes do not count.")


class Checkpoint(Spec):
    """When to write `last.keras`, besides the end of training. `best.keras` is written at every improvement."""

    every_epochs: Positive | None = Field(1, description="Epochs between checkpoints.")
    every_steps: Positive | None = Field(None, description="Steps between checkpoints.")
    every_minutes: PositiveFloat | None = Field(None, description="Minutes between checkpoints.")
    keep: Positive = Field(
        1, description="Number of checkpoints to keep: `last.keras` and, above 1, those of earlier steps."
    )


class Training(Spec):
    """Length of training, hardware, precision and checkpoints."""

    path_fields: ClassVar[tuple[str, ...]] = ("initial_weights",)

    epochs: Positive = Field(10, description="Passes over the training split.")
    max_steps: Positive | None = Field(None, description="Stop after this many steps (batches), whatever the epoch.")
    max_time: OptionalDuration = Field(
        None,
        description="Time after which training has stopped and the best weights are evaluated: seconds, or a string like "
        "90s, 10m or 2h. It counts over all resumptions of a run; each trial of a sweep has its own.",
    )
    early_stopping: EarlyStopping | None = Field(None, description="Stop when a metric no longer improves.")
    class_weight: Literal["balanced"] | dict[int, PositiveFloat] | None = Field(
        None, description="Weight of each class in the loss; `balanced` compensates for unequal counts."
    )
    checkpoint: Checkpoint = Field(Checkpoint(), description="When to write `last.keras`.")
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        "auto", description="Keras's dtype policy; auto uses mixed_bfloat16 where it is faster."
    )
    device: Annotated[str, matching(r"auto|cpu|gpu|gpu:\d+", "auto, cpu, gpu or gpu:N")] = Field(
        "auto", description="auto, cpu, gpu, or gpu:1; auto uses all GPUs, if there are any."
    )
    backend: Literal["auto", "tensorflow", "jax"] = Field(
        "auto",
        description="Keras's backend; auto takes that of the environment variable KERAS_BACKEND, else TensorFlow if it is "
        "installed, else JAX.",
    )
    model_parallel: Positive = Field(
        1,
        description="Experimental: how many devices share the weights of each copy of a transformer, on JAX with several "
        "devices in each process; batches are divided between the copies.",
    )
    jit_compile: Auto | bool = Field("auto", description="Compile with XLA; auto does so where it is faster.")
    steps_per_execution: Auto | Positive = Field("auto", description="Training steps per call into the backend.")
    threads: Auto | Positive = Field("auto", description="CPU threads; auto leaves it to the backend.")
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="What to do when the loss becomes NaN or infinite: stop, or return to the last good checkpoint with half "
        "the learning rate, at most three times.",
    )
    initial_weights: str | None = Field(
        None,
        description="Run or checkpoint whose weights a new run starts from, without its optimizer state and epochs. Runs "
        "store the absolute path.",
    )
    trackers: Annotated[tuple[Annotated[Tracker, TRACKERS], ...], BeforeValidator(as_tuple)] = Field(
        (), description="Trackers that record the metrics, besides the run's own files."
    )
    callbacks: Annotated[tuple[Annotated[Callback, CALLBACKS], ...], BeforeValidator(as_tuple)] = Field(
        (), description="Further callbacks, called after deepcli's own."
    )
    deterministic: bool = Field(False, description="Bit-identical results on GPUs too, at the cost of speed.")


def _task_and_signature(sections: dict[str, Any]) -> tuple[Task, Signature] | None:
    """Return the task, never `auto`, and the data's signature; None if one of these sections is not valid."""
    if "task" not in sections or "data" not in sections:
        return None
    signature = sections["data"].signature
    task = sections["task"].resolve(signature)
    return task, task.posed(signature)


def _chosen_metrics(value: Any, info: ValidationInfo) -> Any:
    """Replace `auto` with the metrics of the task."""
    if value != "auto":
        return as_tuple(value)
    known = _task_and_signature(info.data)
    return known[0].default_metrics() if known else ()


class Experiment(Spec):
    """A training run, from its data to its last checkpoint."""

    name: Annotated[str, matching(r"\w[\w.+=@ -]{0,99}", "a short name without slashes")] = Field(
        "experiment", description="Name of the run; default: the file's name without its extension."
    )
    seed: Seed = Field(0, description="Seed for initial weights, data order, dropout and augmentation.")
    task: Annotated[Task, TASKS] = Field(
        AutoTask(), description="What the model is trained for; auto follows the data."
    )
    data: Annotated[BaseDataset, DATASETS] = Field(description="The data set, or the path of your own data.")
    model: Annotated[Model, MODELS] = Field(description="The model family.")
    loss: Annotated[Loss, LOSSES] = Field(AutoLoss(), description="Loss function that training minimizes.")
    metrics: Annotated[tuple[Annotated[Metric, METRICS], ...], BeforeValidator(_chosen_metrics)] = Field(
        cast("Any", "auto"), description="Metrics measured in addition to the loss; auto chooses by the task."
    )
    optimizer: Annotated[Optimizer, OPTIMIZERS] = Field(Adam(), description="Optimizer that updates the weights.")
    schedule: Annotated[Schedule, SCHEDULES] = Field(Constant(), description="Schedule of the learning rate.")
    training: Training = Field(Training(), description="Length of training, hardware, precision and checkpoints.")
    format: Literal[1] = Field(FORMAT, description="Version of the spec format.")

    @property
    def signature(self) -> Signature:
        """Properties of the data that the model needs."""
        return self.task.posed(self.data.signature)

    def carrying(self, schema: Schema | None) -> Experiment:
        """Return the spec with its data as the run or checkpoint that a schema comes from knows them."""
        return self.model_copy(update={"data": self.data.carrying(schema)})

    @property
    def resolved_task(self) -> Task:
        """The task, which is never `auto`."""
        return self.task.resolve(self.signature)

    @property
    def resolved_loss(self) -> Loss:
        """The loss, which is never `auto`."""
        return self.resolved_task.choose_loss(self.loss, self.signature)

    @property
    def target_names(self) -> list[str]:
        """Names of classes, labels, levels or numbers."""
        signature = self.signature
        return list(signature.predicted.names) or self.data.names_of(signature.classes)

    @property
    def head(self) -> Head:
        """The output layer that task and loss require."""
        return self.resolved_task.head(self.resolved_loss, self.signature)

    @property
    def monitor(self) -> str:
        """The metric that decides which epoch is best."""
        if self.training.early_stopping:
            return self.training.early_stopping.monitor
        return "val_loss" if self.data.has_validation else "loss"

    def mode(self, monitor: str) -> Literal["max", "min"]:
        """Return whether a higher (`max`) or a lower (`min`) value of a metric is better."""
        better = {metric.type: metric.better for metric in self.metrics}
        return better.get(monitor.removeprefix("val_"), "min")

    @property
    def measured(self) -> list[str]:
        """Names of the loss and the metrics, in the order of the spec."""
        return ["loss", *(metric.type for metric in self.metrics)]

    def notices(self) -> list[str]:
        """Return notices about settings that are allowed but rarely intended."""
        optimizer, schedule = self.optimizer, self.schedule
        return [
            *(f"optimizer.{notice}" for notice in optimizer.notices()),
            *(f"schedule.{notice}" for notice in schedule.notices(optimizer.learning_rate)),
        ]

    def total_steps(self, steps_per_epoch: int) -> int:
        """Training steps of the whole run, if nothing stops it early."""
        steps = self.training.epochs * steps_per_epoch
        return min(steps, self.training.max_steps or steps)

    def stage_steps(self, steps_per_epoch: int) -> tuple[int, ...]:
        """Training steps of each of the model's stages; one that `max_steps` cuts off has none."""
        total = self.total_steps(steps_per_epoch)
        begins = [min(stage.begins * steps_per_epoch, total) for stage in self.model.stages]
        return tuple(end - begin for begin, end in zip(begins, [*begins[1:], total], strict=True))

    def total_updates(self, steps_per_epoch: int) -> int:
        """Weight updates of the whole run; each epoch ends with one, even if its last group of batches is incomplete."""
        group = self.optimizer.gradient_accumulation_steps or 1
        epochs, rest = divmod(self.total_steps(steps_per_epoch), steps_per_epoch)
        return epochs * -(-steps_per_epoch // group) + -(-rest // group)

    # Each section is checked against those above it; `info.data` lacks the sections that are themselves invalid.

    @field_validator("data")
    @classmethod
    def _suits_the_task(cls, data: BaseDataset, info: ValidationInfo) -> BaseDataset:
        task = info.data.get("task")
        if task is None:
            return data
        data = validate(data.bound(task.reads), lambda d: d.issues())
        return validate(data, lambda d: task.check(task.posed(d.signature)))

    @field_validator("model")
    @classmethod
    def _fits_data(cls, model: Model, info: ValidationInfo) -> Model:
        known = _task_and_signature(info.data)
        return validate(model, lambda m: m.issues(known[1])) if known else model

    @field_validator("loss")
    @classmethod
    def _fits_task_and_data(cls, loss: Loss, info: ValidationInfo) -> Loss:
        if (known := _task_and_signature(info.data)) is None:
            return loss
        task, signature = known
        return validate(loss, lambda one: [*task.check_loss(one, signature), *one.check(signature)])

    @field_validator("metrics")
    @classmethod
    def _fit_task_and_data(cls, metrics: tuple[Metric, ...], info: ValidationInfo) -> tuple[Metric, ...]:
        known = _task_and_signature(info.data)
        names = [metric.type for metric in metrics]
        first = {name: index for index, name in reversed(list(enumerate(names)))}
        problems: list[Issue] = [
            ((index,), f"duplicate metric {name!r}") for index, name in enumerate(names) if index != first[name]
        ]
        if known is not None:
            task, signature = known
            for index, metric in enumerate(metrics):
                found = [*task.check_metric(metric, signature), *metric.check(signature)]
                problems += [((index, *path), why) for path, why in found]
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
        problems = [
            *_class_weight_problems(training, info.data),
            *_jit_problems(training, info.data),
            *_parallel_problems(training, info.data),
        ]
        if model := info.data.get("model"):
            problems += model.check_training(training.epochs, training.initial_weights is not None)
        if training.early_stopping is not None:
            watched = training.early_stopping.monitor
            problems += monitor_problems(watched, ("early_stopping", "monitor"), info.data)
        for number, callback in enumerate(training.callbacks):
            for name, metric in callback.watched().items():
                problems += monitor_problems(metric, ("callbacks", number, name), info.data)
        if problems:
            raise validation_error(problems, training)
        return training

    @model_validator(mode="after")
    def _is_long_enough(self) -> Experiment:
        if self.data.length_is_known and (problems := list(self.check_length(self.data.steps_per_epoch))):
            raise validation_error(problems, self.name)
        return self

    def check_length(self, steps_per_epoch: int) -> Iterator[Issue]:
        """Yield what the run is too short for. With a `data.path`, its length is known only after reading the data."""
        total = self.total_steps(steps_per_epoch)
        stages = self.stage_steps(steps_per_epoch)
        shortest = min(stages)
        if self.schedule.warmup and shortest and count(self.schedule.warmup, shortest) >= shortest:
            whole = "run" if len(stages) == 1 else "stage"
            yield (
                ("schedule", "warmup"),
                f"a warm-up of {self.schedule.warmup:g} steps takes the whole {whole} of {shortest}",
            )
        if not shortest and self.training.max_steps:
            yield (
                ("training", "max_steps"),
                f"the run ends after {self.training.max_steps} steps, before the last of its {len(stages)} stages begins",
            )
        optimizer, longest = self.optimizer, min(steps_per_epoch, total)
        group = optimizer.gradient_accumulation_steps or 1
        if group > longest:
            why = f"{group} batches per update are more than the {longest} steps of an epoch; use at most {longest}"
            yield ("optimizer", "gradient_accumulation_steps"), why
        for path, why in optimizer.check_length(self.total_updates(steps_per_epoch)):
            yield ("optimizer", *path), why


def monitor_problems(monitor: str, path: tuple[str | int, ...], sections: dict[str, Any]) -> Iterator[Issue]:
    """Yield why a metric cannot be watched, if `data` and `metrics` are valid."""
    if "data" not in sections or "metrics" not in sections:
        return
    names = ["loss", *(metric.type for metric in sections["metrics"])]
    if sections["data"].has_validation:
        names += [f"val_{name}" for name in names]
    if monitor not in names:
        why = "there is no validation split; " if monitor.removeprefix("val_") in names else ""
        yield (
            path,
            f"unknown metric {monitor!r}; {why or did_you_mean(monitor, names)}known: {', '.join(names)}",
        )


def _class_weight_problems(training: Training, sections: dict[str, Any]) -> Iterator[Issue]:
    if training.class_weight is None or (known := _task_and_signature(sections)) is None:
        return
    task, signature = known
    if not task.weighs_classes:
        yield ("class_weight",), f"weighs classes, which {task.type} does not have; leave it out"
    elif isinstance(training.class_weight, dict):
        for label in training.class_weight:
            if not 0 <= label < signature.classes:
                why = f"class {label} does not exist; these data have classes 0 to {signature.classes - 1}"
                yield ("class_weight", label), why


def _parallel_problems(training: Training, sections: dict[str, Any]) -> Iterator[Issue]:
    model, parts = sections.get("model"), training.model_parallel
    if parts == 1 or model is None:
        return
    if training.backend == "tensorflow":
        yield ("model_parallel",), "weights are divided on JAX only; use backend: jax, or leave it out"
    if not model.divided_axes:
        yield ("model_parallel",), f"the weights of {model.type} cannot be divided; those of transformer can"
    for name, size in model.divided_sizes().items():
        if size % parts:
            yield ("model_parallel",), f"is {parts}, which does not divide model.{name}, {size}"


def _jit_problems(training: Training, sections: dict[str, Any]) -> Iterator[Issue]:
    augmentation = sections["data"].signature.augmentation if "data" in sections else None
    if training.jit_compile is True and "data" in sections and sections["data"].signature.kind == "pairs":
        yield ("jit_compile",), "XLA needs fixed lengths, and batches of pairs differ in theirs; use auto or false"
    if training.backend == "jax" and training.jit_compile is False:
        yield ("jit_compile",), "JAX compiles every step; use auto or true, or backend: tensorflow"
    if training.jit_compile is True and isinstance(augmentation, ImageAugmentation) and augmentation.moves:
        yield (
            ("jit_compile",),
            "XLA cannot compile data.augmentation's rotation, translation, zoom and flip; use auto or false",
        )
