"""What data hold: found once by looking at them, then carried in the run and in every checkpoint.

A schema is all that is needed to predict, export and report without the data: the kind of input, the columns with their
types and the statistics of the training split, the names of the classes, the vocabulary. A schema in a checkpoint comes
from a stranger and is bounded and checked like its spec.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FailFast, Field

from deepcli.spec.registry import Spec

RULES = 2
"""Version of the rules by which types, sizes and splits are found; a schema of other rules is found again."""
MAX_BYTES = 16 << 20
MAX_CLASSES = 100_000
MAX_COLUMNS = 20_000
MAX_ENTRIES = 20
"""Entries of a mapping: splits, and options of a layout."""

Kind = Literal["image", "tokens", "features", "text", "series", "pairs"]
TargetKind = Literal["classes", "labels", "numbers", "levels", "tokens", "series", "inputs", "sequence"]
StepUnit = Literal["number", "second", "weekday", "month"]
ColumnType = Literal["number", "category", "text", "date", "image"]
Text = Annotated[str, Field(max_length=10_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Size = Annotated[int, Field(gt=0, lt=1 << 31)]
Split = Annotated[str, Field(max_length=20)]


def _few(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > MAX_ENTRIES:
        raise ValueError(f"has more than {MAX_ENTRIES} entries")
    return value


# Lists end at their first fault, and mappings are counted first: a stranger's file may have millions of faults, and
# pydantic would keep an error for each.
Few = BeforeValidator(_few)


class Column(Spec):
    """A column of a table, as models read it.

    A number is standardized with the mean and the scale of the training split; a missing one counts as the mean and
    has an indicator of its own. A category is a code: 0 is missing or not in the training split, and `categories[i]` is
    i + 1. A date is the number of days since 1970.
    """

    name: Text
    type: ColumnType
    reason: Text = Field("", description="Why it has this type.")
    categories: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES), FailFast()] = ()
    frequencies: Annotated[
        tuple[Count, ...],
        Field(max_length=MAX_CLASSES, description="How often the training split has each category; none if unknown."),
        FailFast(),
    ] = ()
    mean: Finite = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    missing: Count = Field(0, description="Values that are missing in the training split.")
    written: Annotated[str, Field(max_length=20)] = Field("", description="How its numbers or dates are written.")
    identifier: bool = Field(False, description="Whether it only names its row.")


class Target(Spec):
    """What is predicted: a class, several labels, numbers, an ordered level, tokens, further steps, another text, or the inputs.

    Attributes:
        kind: `classes` (int32 class numbers), `labels` (uint8 0 or 1 for each label), `numbers` (float32), `levels`
            (int32, in order), `tokens` (ids of the token after each token of a window), `series` (float32, the steps
            after a window), `sequence` (ids of a text, the end token behind them, 0 for padding) or `inputs` (the inputs).
        columns: The columns of a table that hold it; empty where folders or arrays do.
        names: Names of classes, labels or levels, in the order of their numbers; names of the numbers. Of `inputs`, the names
            of the classes that examples have besides; empty if they have none. Of `sequence`, the tokens of the targets by
            id, unless both sides share the schema's vocabulary.
        means: Mean of each number over the training split.
        scales: Standard deviation of each number over the training split; 1 if it does not vary.
        reason: Why it is of this kind.
        written: How the values of each column are written: numbers as in `Column.written`, lists of labels by what is
            between labels, or `json`.
    """

    kind: TargetKind = "classes"
    columns: Annotated[tuple[Text, ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()
    names: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES), FailFast()] = ()
    means: Annotated[tuple[Finite, ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()
    scales: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()
    reason: Text = ""
    written: Annotated[tuple[Annotated[str, Field(max_length=20)], ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()


class SeriesFacts(Spec):
    """What is known about time series besides their columns.

    Attributes:
        horizon: Steps that are forecast; 0 where windows are given back.
        known: Names of the columns whose values over the horizon are inputs, too.
        season: Steps after which values come again, such as 24 for hours of a day.
        unit: What a step is counted in.
        size: How many units a step is.
        time: The column of times; empty if rows are in the order of time.
        written: How its times are written, as in `Column.written`; `number` for numbers.
        series: The names of the series; one empty name for a single one.
        seasonal_errors: Mean absolute difference of training values a season apart, for each series and in it for each
            target: what errors are divided by in MASE; 0 where nothing varies or training is too short.
    """

    horizon: Count
    known: Annotated[tuple[Text, ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()
    season: Size = 1
    unit: StepUnit = "number"
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    time: Text = ""
    written: Annotated[str, Field(max_length=20)] = ""
    series: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES), FailFast()] = ("",)
    seasonal_errors: Annotated[
        tuple[Annotated[tuple[Finite, ...], Field(max_length=MAX_COLUMNS), FailFast()], ...],
        Field(max_length=MAX_CLASSES),
        FailFast(),
    ] = ()


class Schema(Spec):
    """What data hold.

    Attributes:
        rules: Version of the rules that found it.
        source: The type of the data set that found it.
        kind: The kind of input.
        shape: (height, width, channels), (maximum length,) with None for no limit, (columns,), (window,), (steps, columns)
            of series, or (maximum length of inputs, of targets) of pairs.
        target: What is predicted.
        columns: The columns that are inputs, in the order in which models take them; empty where there is no table.
        vocabulary: Words or characters by id; the first entries are those of `RESERVED`, or `UNKNOWN_TOKEN` for a running
            text, or `PAIR_RESERVED` for pairs. Empty for other inputs.
        counts: Number of examples of each split.
        class_counts: Number of examples of each class or label, by split.
        layout: How the files are laid out, as found, such as delimiter, encoding and header.
        fingerprint: SHA-256 of everything that was read.
        trained_on: Hashes of the training inputs, 4 bytes each, sorted, base64: so that other data can be compared with them.
        assignment: Which split each example is in, in the order of reading: zlib-compressed bytes, base64.
        series: What is known about time series that are forecast; None for other data.
    """

    rules: int = RULES
    source: Text
    kind: Kind
    shape: Annotated[tuple[Size | None, ...], Field(max_length=4)]
    target: Target
    columns: Annotated[tuple[Column, ...], Field(max_length=MAX_COLUMNS), FailFast()] = ()
    vocabulary: Annotated[tuple[Text, ...], Field(max_length=1_000_000), FailFast()] = ()
    counts: Annotated[dict[Split, Count], Few] = Field(default_factory=dict)
    class_counts: Annotated[
        dict[Split, Annotated[tuple[Count, ...], Field(max_length=MAX_CLASSES), FailFast()]], Few
    ] = Field(default_factory=dict)
    layout: Annotated[dict[str, Any], Few] = Field(default_factory=dict)
    fingerprint: Annotated[str, Field(max_length=128)] = ""
    trained_on: Annotated[str, Field(max_length=MAX_BYTES)] = ""
    assignment: Annotated[str, Field(max_length=MAX_BYTES)] = ""
    series: SeriesFacts | None = None


RESERVED = ("", "<start>", "<unknown>", "")
"""First ids of a vocabulary of own texts, as in Keras: padding, start of a text, a word that is not in it, unused."""
UNKNOWN_TOKEN = "<unknown>"
"""First entry of the vocabulary of a running text, for what training lacks; a vocabulary of bytes has no such entry."""
PAIR_RESERVED = ("", "<start>", "<unknown>", "<end>")
"""First ids of both vocabularies of pairs: padding, start of a target, what is not in the vocabulary, end of a text."""
