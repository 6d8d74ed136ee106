"""The JSON objects that `--json` prints and `metrics.json` stores; their keys are a stable interface for scripts."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal[1] = 1
OPTIONAL = (
    "ended", "rollbacks", "intervals", "interval_notes", "classes", "confusion_matrix", "labels", "numbers", "steps", "quantiles",
    "baselines", "headline", "data", "threshold", "calibration", "spread", "seeds",
)  # fmt: skip


Ended = Literal["completed", "early_stopping", "max_steps", "time", "callback", "pruned", "signal", "failed"]


class Answer(BaseModel):
    """The keys of every object that `--json` prints."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", title="deepcli answer", json_schema_serialization_defaults_required=True
    )

    # In the JSON this key is `schema`, a name that pydantic already uses for a method.
    schema_version: Literal[1] = Field(SCHEMA, alias="schema", description="Version of this object's format.")
    command: str | None = Field(description="The command, such as `sweep run`; null if the command line names none.")
    status: str = Field(
        description="How the command ended: failed, interrupted, or another value if it did what was asked."
    )
    error: str | None = Field(None, description="What went wrong; null if nothing did.")

    def to_json(self) -> str:
        """Return the object as one line of JSON."""
        return json.dumps(finite(self.model_dump(by_alias=True, mode="json")), ensure_ascii=False)


class Failure(Answer):
    """The keys of every failed command's object; the keys of the command's own object may be added."""

    model_config = ConfigDict(frozen=True, extra="allow", title="deepcli failure")

    status: Literal["failed", "interrupted", "unfinished"] = Field(description="How the command ended.")
    error: str = Field(min_length=1, description="What went wrong, in words.")


class ClassFigures(BaseModel):
    """A classifier's scores for one class of a split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: int = Field(alias="class", description="The class's number.")
    precision: float | None = Field(description="Share of the examples predicted as this class that belong to it.")
    recall: float | None = Field(description="Share of this class's examples that are predicted as it.")
    f1: float | None = Field(
        description="Harmonic mean of precision and recall; all three are null for a class without examples."
    )
    support: int = Field(description="Examples of this class in the split.")


class LabelFigures(BaseModel):
    """Scores for one label of a split whose examples have any number of labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: int = Field(description="The label's number.")
    precision: float | None = Field(description="Share of the examples that are given this label that have it.")
    recall: float | None = Field(description="Share of the examples with this label that are given it.")
    f1: float | None = Field(description="Harmonic mean of precision and recall.")
    average_precision: float | None = Field(
        description="Area under the precision-recall curve; all four are null for a label without examples."
    )
    threshold: float = Field(description="The probability from which the label is given.")
    support: int = Field(description="Examples with this label in the split.")


class NumberFigures(BaseModel):
    """Errors of one predicted number on a split, in the unit of that number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="The number's name.")
    mae: float | None = Field(description="Mean absolute error.")
    rmse: float | None = Field(description="Root of the mean squared error.")
    median_absolute_error: float | None = Field(description="Median of the absolute errors.")
    r2: float | None = Field(description="Share of the variance that is explained; null if the number does not vary.")
    spearman: float | None = Field(description="Rank correlation; null if the number does not vary.")
    bias: float | None = Field(description="Mean of prediction minus truth.")
    standard_deviation: float | None = Field(description="Standard deviation of the truth: the error of its mean.")


class StepFigures(BaseModel):
    """Errors of forecasts at one step of the horizon, in the unit of `mae` and `rmse`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = Field(description="The step, counted from 1.")
    mae: float | None = Field(description="Mean absolute error.")
    rmse: float | None = Field(description="Root of the mean squared error.")
    mase: float | None = Field(description="Mean absolute error over that of the seasonal naive forecast in training.")
    smape: float | None = Field(description="Twice the absolute error over the sum of the sizes of forecast and truth.")


class QuantileFigures(BaseModel):
    """How good a forecast quantile is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(description="Its level, such as 0.9.")
    coverage: float = Field(description="Share of what came that is at or below it: its level, if it is calibrated.")
    pinball: float | None = Field(description="Pinball loss of standardized numbers.")


class Rollback(BaseModel):
    """A rollback after a divergence: to the last good checkpoint, with every later learning rate halved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(description="What was not a finite number.")
    step: int = Field(description="Steps of the run before the rollback.")
    back_to: int = Field(description="Steps of the run at the checkpoint.")


class DataRead(BaseModel):
    """The data that a checkpoint was evaluated on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="Where the data are.")
    sha256: str | None = Field(description="SHA-256 of everything that was read.")
    as_trained: bool | None = Field(description="Whether the model was trained on the same data; null if unknown.")


class ThresholdUsed(BaseModel):
    """The probability from which a class or label was answered, and how it was chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Literal["given", "best-f1"] = Field(description="A number that was given, or the best F1 on validation.")
    value: float | None = Field(description="The threshold; null if each label has its own, which `labels` shows.")
    name: str | None = Field(description="The class that is answered from it, the second of two; null for labels.")
    calibrated: bool = Field(description="Whether it is one of calibrated probabilities (--calibrate).")
    validation_examples: int | None = Field(description="Validation examples that it was chosen on; null if given.")
    validation_f1: float | None = Field(description="F1 of the class on them, or mean F1 of the labels.")
    caveat: str | None = Field(description="Why the scores are not to be relied on; null if nothing is known.")


class Calibration(BaseModel):
    """The temperature that calibrates a classifier, fitted on validation, and what it changes on the evaluated split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(description="What logits are divided by; above 1 if the model was too confident.")
    interval: tuple[float, float] | None = Field(description="Its 95 % interval over validation examples.")
    validation_examples: int = Field(description="Validation examples that it was fitted on.")
    before: dict[str, float | None] = Field(description="log_loss, brier and ece of the model's own probabilities.")
    after: dict[str, float | None] = Field(description="The same of calibrated probabilities.")
    caveat: str | None = Field(description="Why it is not to be relied on; null if nothing is known.")


class SeedRun(BaseModel):
    """One of the runs of `train --seeds`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(description="The seed.")
    run: str = Field(description="The run directory.")
    status: Literal["completed", "failed"] = Field(description="How the run ended.")
    error: str | None = Field(None, description="What went wrong; null if nothing did.")
    epochs: int | None = Field(None, description="Epochs trained.")
    best_epoch: int | None = Field(None, description="The epoch of the best weights, counted from 1.")
    seconds: float | None = Field(None, description="Wall time of the run, in seconds.")
    metrics: dict[str, dict[str, float | None]] = Field(
        default_factory=dict, description="By split, then by metric; NaN is null."
    )


class Result(Answer):
    """The result of a command that trains or evaluates."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="deepcli result")

    command: Literal["train", "evaluate", "sweep trial"] = Field(description="The command that ran.")
    status: Literal["completed", "skipped", "failed", "interrupted"] = Field(description="How the command ended.")
    name: str | None = Field(None, description="The experiment's name.")
    run: str | None = Field(None, description="The run directory, as given; null for a checkpoint outside a run.")
    checkpoint: str | None = Field(None, description="The checkpoint with the best weights.")
    epochs: int | None = Field(None, description="Epochs trained.")
    ended: Ended | None = Field(
        None,
        description="Why training ended. completed: all epochs are done; early_stopping: training.early_stopping; max_steps: "
        "training.max_steps; time: a time limit; callback: another callback; pruned: the sweep; signal: an interrupt or "
        "SIGTERM; failed: an error. `train` and `sweep trial` only; results of earlier versions lack it.",
    )
    best_epoch: int | None = Field(None, description="The epoch of the best weights, counted from 1.")
    seconds: float | None = Field(None, description="Wall time of the whole command, in seconds.")
    device: str | None = Field(None, description="cpu, gpu or gpu:N.")
    precision: str | None = Field(None, description="Keras's dtype policy.")
    metrics: dict[str, dict[str, float | None]] = Field(
        default_factory=dict, description="By split, then by metric; NaN is null."
    )
    rollbacks: list[Rollback] | None = Field(
        None, description="Rollbacks after divergences, with training.on_divergence: rollback."
    )
    intervals: dict[str, dict[str, tuple[float, float] | None]] | None = Field(
        None,
        description="By split, then by metric: a 95 % interval over examples; null if it cannot be computed reliably. "
        "`evaluate` only.",
    )
    interval_notes: dict[str, dict[str, str]] | None = Field(
        None,
        description="By split, then by metric: how the interval was computed, or `none: ` and the reason. `evaluate` only.",
    )
    classes: dict[str, list[ClassFigures]] | None = Field(
        None, description="By split: precision, recall and F1 of each class. `evaluate` only."
    )
    confusion_matrix: dict[str, list[list[int]]] | None = Field(
        None, description="By split: examples by label (row) and predicted class (column). `evaluate` only."
    )
    labels: dict[str, list[LabelFigures]] | None = Field(
        None,
        description="By split: precision, recall, F1 and threshold of each label. `evaluate` only, for multilabel.",
    )
    numbers: dict[str, list[NumberFigures]] | None = Field(
        None, description="By split: the errors of each predicted number, in its unit. `evaluate` only, for regression."
    )
    steps: dict[str, list[StepFigures]] | None = Field(
        None, description="By split: the errors at each step of the horizon. `evaluate` only, for forecasting."
    )
    quantiles: dict[str, list[QuantileFigures]] | None = Field(
        None, description="By split: coverage and loss of each quantile. `evaluate` only, for forecasts of quantiles."
    )
    baselines: dict[str, dict[str, float | None]] | None = Field(
        None,
        description="By baseline, then by score, on the same split: `trivial` is the best that needs no inputs, such as the "
        "most frequent class or the mean; others learn in seconds.",
    )
    headline: str | None = Field(
        None, description="The score of `baselines` that names the result of the task, such as `accuracy`."
    )
    threshold: ThresholdUsed | None = Field(None, description="The threshold of `evaluate --threshold`.")
    calibration: Calibration | None = Field(None, description="What `evaluate --calibrate` found.")
    data: DataRead | None = Field(None, description="The data that were read. `evaluate` only.")
    spread: dict[str, dict[str, float | None]] | None = Field(
        None,
        description="By split, then by metric: the standard deviation over seeds, while `metrics` has the means and `run` is "
        "the folder; null for fewer than two. `train --seeds` only.",
    )
    seeds: list[SeedRun] | None = Field(None, description="The run of each seed. `train --seeds` only.")

    @property
    def beside(self) -> dict[str, float | None]:
        """The headline of each baseline but the trivial one, named as a column, such as `bag_of_words_accuracy`."""
        if self.headline is None:
            return {}
        learned = {name: values for name, values in (self.baselines or {}).items() if name != "trivial"}
        return {re.sub(r"\W+", "_", f"{name}_{self.headline}"): one.get(self.headline) for name, one in learned.items()}

    def to_json(self) -> str:
        """Return the result as one line of JSON, without optional keys that have no value."""
        fields = self.model_dump(by_alias=True, mode="python")
        kept = {key: value for key, value in fields.items() if value is not None or key not in OPTIONAL}
        return json.dumps(finite(kept), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Parse what `to_json` wrote.

        Raises:
            ValueError: The text is not a result.
        """
        return cls.model_validate_json(text)


def finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON lacks, with null at any depth."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
