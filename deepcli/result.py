"""The objects that `--json` prints, of which `metrics.json` keeps that of a run: their keys are a promise to scripts."""

from __future__ import annotations

import json
import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal[1] = 1
OPTIONAL = ("rollbacks", "intervals", "interval_notes", "classes", "confusion_matrix", "data")


class Answer(BaseModel):
    """What every object that `--json` prints has, and all that one has where no more is known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", title="deepcli answer", json_schema_serialization_defaults_required=True
    )

    # Named as in the JSON, where the key `schema` says which version of this promise holds.
    schema_version: Literal[1] = Field(SCHEMA, alias="schema", description="Version of this object's shape.")
    command: str | None = Field(description="The command, as in `sweep run`; null if the command line names none.")
    status: str = Field(description="How it ended: failed or interrupted, or something else if it did what was asked.")
    error: str | None = Field(None, description="What went wrong; null if nothing did.")

    def to_json(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(finite(self.model_dump(by_alias=True, mode="json")), ensure_ascii=False)


class Failure(Answer):
    """What the object of every command that fails has; the keys of the command's own object may come with it."""

    model_config = ConfigDict(frozen=True, extra="allow", title="deepcli failure")

    status: Literal["failed", "interrupted", "unfinished"] = Field(description="How it ended.")
    error: str = Field(min_length=1, description="What went wrong, in words.")


class ClassFigures(BaseModel):
    """How a classifier does on one class of a split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: int = Field(alias="class", description="The class's number.")
    precision: float | None = Field(description="Share of right ones among those predicted as it.")
    recall: float | None = Field(description="Share of it that is found.")
    f1: float | None = Field(description="Harmonic mean of the two; all three are null for a class without examples.")
    support: int = Field(description="Examples of it in the split.")


class Rollback(BaseModel):
    """What was done about a divergence: back to the last good checkpoint, and every later learning rate halved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(description="What was no longer a number.")
    step: int = Field(description="Steps of the run that had been taken.")
    back_to: int = Field(description="Steps of the run at the checkpoint.")


class DataRead(BaseModel):
    """The data that a checkpoint was evaluated on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="Where they are.")
    sha256: str | None = Field(description="Of everything that was read.")
    as_trained: bool | None = Field(description="Whether the model was trained on the same; null if nothing says.")


class Result(Answer):
    """What a command did, for a script to read."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="deepcli result")

    command: Literal["train", "evaluate", "sweep trial"] = Field(description="The command that ran.")
    status: Literal["completed", "skipped", "failed", "interrupted"] = Field(description="How it ended.")
    name: str | None = Field(None, description="The experiment's name.")
    run: str | None = Field(None, description="The run directory, as given; null for a checkpoint alone.")
    checkpoint: str | None = Field(None, description="The checkpoint with the best weights.")
    epochs: int | None = Field(None, description="Epochs trained.")
    best_epoch: int | None = Field(None, description="The epoch of the best weights, counted from 1.")
    seconds: float | None = Field(None, description="Wall time of the whole command, in seconds.")
    device: str | None = Field(None, description="cpu, gpu or gpu:N.")
    precision: str | None = Field(None, description="Keras's dtype policy.")
    metrics: dict[str, dict[str, float | None]] = Field(
        default_factory=dict, description="By split, then by metric; not-a-number is null."
    )
    rollbacks: list[Rollback] | None = Field(
        None, description="What was done about divergences, with training.on_divergence: rollback."
    )
    intervals: dict[str, dict[str, tuple[float, float] | None]] | None = Field(
        None,
        description="By split, then by metric: a 95 % interval over examples; null where none can be trusted. "
        "`evaluate` only.",
    )
    interval_notes: dict[str, dict[str, str]] | None = Field(
        None,
        description="By split, then by metric: how its interval was computed, or `none: ` and why. `evaluate` only.",
    )
    classes: dict[str, list[ClassFigures]] | None = Field(
        None, description="By split: precision, recall and F1 of each class. `evaluate` only."
    )
    confusion_matrix: dict[str, list[list[int]]] | None = Field(
        None, description="By split: examples by label (row) and predicted class (column). `evaluate` only."
    )
    data: DataRead | None = Field(None, description="What was read. `evaluate` only.")

    def to_json(self) -> str:
        """Write it as one line of JSON; what is not part of every result, only where it is there."""
        fields = self.model_dump(by_alias=True, mode="python")
        kept = {key: value for key, value in fields.items() if value is not None or key not in OPTIONAL}
        return json.dumps(finite(kept), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        return cls.model_validate_json(text)


def finite(value: Any) -> Any:
    """Replace what JSON has no number for by null, anywhere inside."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
