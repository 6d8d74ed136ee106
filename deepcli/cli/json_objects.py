"""The objects of the commands that neither train nor sweep: their keys are a promise to scripts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepcli.result import Answer

Status = Literal["completed", "failed", "interrupted"]


class Nested(BaseModel):
    """Something inside an object; keys may be added to it without a new version of the promise."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_serialization_defaults_required=True)


class Pair(Nested):
    """How a run compares with the first on the test split."""

    run: str = Field(description="The run's name.")
    error: str | None = Field(None, description="Why the two cannot be paired; null if they are.")
    verdict: str | None = Field(None, description="In words, of this run; null if the two cannot be paired.")


class SeedComparison(Nested):
    """How a spec compares with the first run's, seed by seed."""

    against: list[str] = Field(description="The runs of the first spec.")
    runs: list[str] = Field(description="The runs of the other spec.")
    seeds: list[int] = Field(description="The seeds that both were trained with.")
    verdict: str = Field(description="In words, of the other spec.")


class Compared(Answer):
    """Runs beside the first of them."""

    model_config = ConfigDict(title="deepcli compare")

    command: Literal["compare"] = Field(description="The command that ran.")
    status: Status = Field(description="How it ended.")
    runs: list[str] = Field([], description="The runs' names, in the order given.")
    changed: dict[str, list[Any]] = Field(
        {}, description="By dotted key, where the specs differ: a value for each run."
    )
    metrics: dict[str, list[float | None]] = Field(
        {}, description="By name: a figure for each run; null if it has none."
    )
    against: str | None = Field(None, description="The run that the others are compared with.")
    alpha: float | None = Field(None, description="Below it a p-value, adjusted for all comparisons, decides.")
    pairs: list[Pair] = Field([], description="How each run but the first compares with it.")
    over_seeds: list[SeedComparison] = Field([], description="How specs compare that were trained with the same seeds.")


class Verified(Nested):
    """What came of running an exported model on real examples."""

    examples: int = Field(description="How many.")
    difference: float = Field(description="The largest between its outputs and the model's own.")
    ok: bool = Field(description="Whether --tolerance lets that pass.")


class Exported(Answer):
    """A model written for other programs."""

    model_config = ConfigDict(title="deepcli export")

    command: Literal["export"] = Field(description="The command that ran.")
    status: Status = Field(description="How it ended.")
    format: str | None = Field(None, description="The format.")
    export: str | None = Field(None, description="The directory that was written.")
    file: str | None = Field(None, description="The model in it.")
    verified: Verified | None = Field(None, description="With --verify.")


class ListedRun(Nested):
    """One run."""

    run: str = Field(description="Its directory.")
    status: str = Field(description="completed, failed, running, unfinished or damaged.")
    epochs: int | None = Field(description="Epochs trained so far.")
    best_epoch: int | None = Field(description="The epoch of the best weights, counted from 1.")
    seconds: float | None = Field(description="Wall time of the command that ended it.")
    metrics: dict[str, float | None] = Field(description="As val_loss or test_accuracy.")
    changed: dict[str, Any] = Field(description="By dotted key: the fields in which the listed runs differ.")


class Runs(Answer):
    """The runs below some folders."""

    model_config = ConfigDict(title="deepcli runs")

    command: Literal["runs"] = Field(description="The command that ran.")
    status: Status = Field(description="How it ended.")
    runs: list[ListedRun] = Field([], description="The runs, in the order asked for.")


class ListedComponent(Nested):
    """Something that a spec can name, or a score."""

    type: str = Field(description="Its name.")
    doc: str = Field(description="What it is.")
    example: str = Field(description="A section, or a command, to paste.")
    fields: list[dict[str, Any]] = Field(description="Its fields: name, type, default, description, depth and absent.")


class Listing(Answer):
    """What a spec can name: every kind with its names, or the entries of one kind."""

    model_config = ConfigDict(title="deepcli list")

    command: Literal["list"] = Field(description="The command that ran.")
    status: Status = Field(description="How it ended.")
    kinds: dict[str, list[str]] | None = Field(
        None, description="By kind, the names; null where one kind is asked for."
    )
    kind: str | None = Field(None, description="The kind that is asked for.")
    entries: list[ListedComponent] | None = Field(None, description="Its entries, or the one asked for.")


class CheckedFile(Nested):
    """What is wrong with one spec file."""

    file: str = Field(description="The file, as given.")
    valid: bool = Field(description="Whether it can be run.")
    problems: list[dict[str, str]] = Field(description="Each with `where` (file:line:column), `path` and `message`.")
    notices: list[str] = Field(description="What is worth knowing although it is valid.")


class Validated(Answer):
    """Spec files, each checked by itself."""

    model_config = ConfigDict(title="deepcli validate")

    command: Literal["validate"] = Field(description="The command that ran.")
    status: Status = Field(description="completed if every file is valid.")
    files: list[CheckedFile] = Field([], description="The files, in the order given.")


class Examined(Answer):
    """This machine, and whether it trains."""

    model_config = ConfigDict(title="deepcli doctor")

    command: Literal["doctor"] = Field(description="The command that ran.")
    status: Status = Field(description="failed if something is broken.")
    versions: dict[str, str | None] = Field({}, description="By package; null if it is missing.")
    extras: dict[str, str | None] = Field({}, description="By optional dependency; null if it is missing.")
    machine: dict[str, Any] = Field({}, description="System, processor, memory and free disk.")
    data: dict[str, dict[str, Any]] = Field({}, description="By data set: whether it is here, and where.")
    tensorflow: dict[str, Any] | None = Field(None, description="Whether it can be imported (`ok`), or why not.")
    device: dict[str, Any] | None = Field(None, description="What is used, and why.")
    precision: dict[str, Any] | None = Field(None, description="Which precisions are fast, and why.")
    check: dict[str, Any] | None = Field(
        None, description="Whether a small network trains (`ok`); null with --no-check."
    )


class Likely(Nested):
    """A class with the model's output for it."""

    label: int = Field(alias="class", description="The class's number.")
    name: str = Field(description="The class's name.")
    probability: float | None = Field(None, description="Its probability.")
    output: float | None = Field(None, description="Instead of a probability, where the loss wants none.")


class Prediction(Likely):
    """A line of `predict`: one input, and its likeliest class."""

    model_config = ConfigDict(title="deepcli predict")

    input: str = Field(description="The file, and the place in it; or the beginning of a text.")
    classes: list[Likely] = Field([], description="With --top-k, the likeliest first; with --probabilities, in order.")
