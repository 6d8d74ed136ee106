"""Base class of tasks: what a model is trained for. A task says what is predicted, and what the figures mean."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from deepcli.data.schema import TargetKind
from deepcli.data.signature import Signature
from deepcli.errors import UsageError
from deepcli.models.heads import Head
from deepcli.optim.losses import LOSSES, Loss
from deepcli.optim.metrics import METRICS, Metric
from deepcli.spec.registry import Component, Issue, Registry
from deepcli.spec.spelling import did_you_mean
from deepcli.tasks.interpreting import Interpreter
from deepcli.tasks.usage_code import NUMBERS, UsageCode, written

if TYPE_CHECKING:
    import keras
    import numpy as np

    from deepcli.data.arrays.splits import Split
    from deepcli.evaluation.assumed_outputs import Assumption
    from deepcli.evaluation.predictions_base import AnyPredictions


Predict = Callable[["keras.Model", "np.ndarray"], "np.ndarray"]
"""Takes a Keras model and inputs, returns the model's outputs, float32 (examples, ...)."""


class Task(Component):
    """What a model is trained for.

    Attributes:
        takes: The kinds of target it takes; the first is the one for which `task: auto` chooses it.
        reads: How a target is read where data can be read in several ways; None where the data decide.
        source: The type of data set that a path without a type stands for; empty if the path's name says it.
        losses: The losses that make sense, the default first.
        metrics: The metrics that make sense, the default first.
        headline: The score by which a model and a baseline are named.
        scores: The task whose scores are computed; empty for its own.
        weighs_classes: Whether `training.class_weight` has a meaning.
        difference_unit: What `difference` counts in, as words behind a number; empty for the outputs themselves.
        free_when_right: Whether a loss of right answers is about 0, as of probabilities; losses of numbers may not be.
    """

    takes: ClassVar[tuple[TargetKind, ...]]
    reads: ClassVar[TargetKind | None] = None
    source: ClassVar[str] = ""
    losses: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[str, ...]]
    scores: ClassVar[str] = ""
    headline: ClassVar[str] = "accuracy"
    weighs_classes: ClassVar[bool] = False
    difference_unit: ClassVar[str] = ""
    free_when_right: ClassVar[bool] = True

    @property
    def scored_as(self) -> str:
        """The task whose scores are computed."""
        return self.scores or self.type

    def source_of(self, section: Mapping[str, Any]) -> str:
        """Return the type of data set that a section with a path and no type stands for; empty if the path's name says it.

        Args:
            section: The data section, not validated.
        """
        return self.source

    def resolve(self, signature: Signature) -> Task:
        """Return the task that it stands for: itself, unless it is `auto`."""
        return self

    def posed(self, signature: Signature) -> Signature:
        """Return what a model needs to know about data for this task: as the data are, unless inputs are predicted."""
        return signature

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield why the task does not fit the data."""
        kind = signature.predicted.kind
        if kind not in self.takes:
            yield (), f"{self.type} predicts {self.takes[0]}, but these data have {kind}; {_fitting(kind)}"

    def check_loss(self, loss: Loss, signature: Signature) -> Iterator[Issue]:
        """Yield why a loss does not fit the task or the data."""
        if loss.type != "auto" and loss.type not in self.losses and self.type not in loss.tasks:
            names = [name for name in LOSSES if name in self.losses or self.type in LOSSES[name].tasks]
            yield (), self._unfit("loss", loss.type, names)

    def check_metric(self, metric: Metric, signature: Signature) -> Iterator[Issue]:
        """Yield why a metric does not fit the task or the data."""
        if metric.type not in self.metrics and self.type not in metric.tasks:
            names = [name for name in METRICS if name in self.metrics or self.type in METRICS[name].tasks]
            yield (), self._unfit("metric", metric.type, names)

    def _unfit(self, what: str, name: str, known: Sequence[str]) -> str:
        return f"{name} is not a {what} for {self.type}; {did_you_mean(name, known)}known: {', '.join(known)}"

    def choose_loss(self, loss: Loss, signature: Signature) -> Loss:
        """Return the loss that a spec means, which may be `auto`."""
        return loss if loss.type != "auto" else LOSSES.select(self.losses[0])

    def default_metrics(self) -> tuple[Metric, ...]:
        """Return the metrics of a spec that names none."""
        return (METRICS.select(self.metrics[0]),)

    def target_form(self, signature: Signature) -> tuple[tuple[int, ...], str]:
        """Return the shape and the dtype of the target of one example."""
        return (), "int32"

    @abstractmethod
    def head(self, loss: Loss, signature: Signature) -> Head:
        """Return the output layer."""

    @abstractmethod
    def build_loss(self, loss: Loss, signature: Signature) -> keras.losses.Loss:
        """Build the Keras loss of targets and predictions as they are in memory."""

    @abstractmethod
    def predictions(
        self, signature: Signature, ids: np.ndarray, targets: np.ndarray, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        """Put targets and a model's outputs together, so that they can be scored and saved.

        Args:
            signature: The data.
            ids: The examples' places in their split, int (examples,).
            targets: What is right.
            outputs: The model's outputs, float32 (examples, outputs).
            model: The model.
        """

    def predicted(
        self, signature: Signature, split: Split, outputs: np.ndarray, model: keras.Model | None
    ) -> AnyPredictions:
        """Put a split and a model's outputs for it together; see `predictions`."""
        return self.predictions(signature, split.ids, split.y, outputs, model)

    def kept(self, signature: Signature) -> Callable[[Any, Any], Any] | None:
        """Return what takes targets and outputs, tensors both, and returns what is kept of them; None keeps the outputs.

        A task keeps less where outputs are large, such as a probability for each word of a vocabulary at each place of a
        text. `predictions` then gets what is kept, and `measured` gives the values of the loss and the metrics.
        """
        return None

    def kept_with(self, loss: Loss, signature: Signature) -> Callable[[Any, Any], Any] | None:
        """Return what `kept` returns, for a task whose loss must be kept, too, as it does not follow from the rest."""
        return self.kept(signature)

    def examined(
        self, predictions: AnyPredictions, signature: Signature, split: Split, model: keras.Model, predict: Predict
    ) -> AnyPredictions:
        """Return predictions with what only an evaluation needs, and not each epoch; by default the same.

        Args:
            predictions: What `predicted` returned.
            signature: The data.
            split: The examples.
            model: The model.
            predict: Takes a model, which may be a part of the model, and inputs; returns its outputs.
        """
        return predictions

    def measured(self, predictions: AnyPredictions, metrics: Sequence[str]) -> dict[str, float]:
        """Return the loss and the metrics of predictions of which a part was kept; for tasks with `kept`.

        Args:
            predictions: What `predictions` returned.
            metrics: The names of the metrics.
        """
        raise NotImplementedError

    def trivial(self, signature: Signature, train: np.ndarray, split: Split) -> dict[str, np.ndarray]:
        """Return what can be predicted without the inputs, by name, in the form that `predictions` takes.

        Args:
            signature: The data.
            train: The targets of the training split.
            split: What to predict.
        """
        from deepcli.evaluation.trivial import trivial

        units = signature.classes or len(signature.predicted.names)
        return trivial(self.takes[0], train, units, len(split))

    def assumed(self, signature: Signature, head: Head, targets: np.ndarray, assumption: Assumption) -> np.ndarray:
        """Return outputs that a model could have, from guessing to right answers, float32 (examples, outputs).

        `deepcli sanity` compares a model's loss with theirs.

        Args:
            signature: The data.
            head: The output layer.
            targets: What is right.
            assumption: How sure the outputs are of it.
        """
        from deepcli.evaluation.assumed_outputs import assumed_outputs

        return assumed_outputs(self.takes[0], targets, head.outputs, assumption, head.activation == "linear")

    def tuned(self, predictions: AnyPredictions, validation: AnyPredictions) -> AnyPredictions:
        """Return predictions with what is chosen on the validation split, for models without a place for it."""
        return predictions

    def threshold_issue(self, signature: Signature) -> str | None:
        """Return why answers have no threshold that could be chosen; None if they have one."""
        return f"is for two classes or for labels; {self.type} answers without a threshold"

    def decide(
        self, predictions: AnyPredictions, threshold: float | None, validation: AnyPredictions | None
    ) -> AnyPredictions:
        """Return predictions that are answered by a threshold.

        Args:
            predictions: What to answer; as `predictions` returned it.
            threshold: The probability; None for the one with the best F1 on the validation split.
            validation: Predictions of the validation split; needed without a threshold.

        Raises:
            DataError: The outputs are not probabilities, or the validation split cannot say which threshold is best.
        """
        raise NotImplementedError

    def calibration_issue(self, signature: Signature) -> str | None:
        """Return why outputs have no temperature; None if they are the probabilities of classes."""
        return f"is for classification; {self.type} has no probabilities of classes"

    def adapt(self, model: keras.Model, train: np.ndarray) -> None:
        """Set weights of the output layers from the targets of the training split, before a new run's first step."""

    def tune(self, model: keras.Model, predictions: AnyPredictions) -> None:
        """Set weights of the model that are chosen on the validation split, after each epoch.

        Keep them in non-trainable weights, so that checkpoints store them.
        """

    @abstractmethod
    def interpreter(self, signature: Signature, names: list[str], head: Head, top_k: int | None) -> Interpreter:
        """Return what says in words what the model's outputs mean.

        Args:
            signature: The data.
            names: The names of classes, labels or numbers.
            head: The output layer.
            top_k: How many of the likeliest answers to give; None for all, in order.
        """

    def encoder_answers(self, size: int | None) -> Interpreter:
        """Return what says the codes of inputs.

        Args:
            size: Numbers in a code; None for a model without codes.

        Raises:
            UsageError: The task has no codes.
        """
        raise UsageError(f"--encode: is for autoencoders (task: reconstruction); {self.type} has no codes")

    def usage_code(self, names: list[str], model: keras.Model) -> UsageCode:
        """Return what the script beside an exported model needs to say what outputs mean; by default their names.

        Args:
            names: The names of classes, labels or numbers.
            model: The exported model.
        """
        return UsageCode("the outputs", f"NUMBERS = {written(names)}", NUMBERS, {"outputs": names})

    def difference(self, signature: Signature, outputs: np.ndarray, expected: np.ndarray) -> float:
        """Return the largest difference between what an exported model and the model itself say; NaN if one is NaN.

        Args:
            signature: The data.
            outputs: The outputs of the exported model, float32 (examples, outputs).
            expected: Those of the model.
        """
        import numpy as np

        return float(np.abs(outputs.astype(np.float64) - expected).max())

    def accuracy(self, outputs: np.ndarray, targets: np.ndarray) -> float | None:
        """Return the share of examples whose answer is right; None for a task whose answers are not right or wrong."""
        return None


TASKS: Registry[Task] = Registry("tasks", default="auto")


def _fitting(kind: str) -> str:
    known = [name for name in TASKS if name != "auto" and kind in TASKS[name].takes]
    return f"tasks for these data: {', '.join(known)}"
