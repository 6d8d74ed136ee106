"""What data hold: found once by looking at them, then carried in the run and in every checkpoint.

A schema is all that is needed to predict, export and report without the data: the kind of input, the columns with their
types and the statistics of the training split, the names of the classes, the vocabulary. A schema in a checkpoint comes
from a stranger and is bounded and checked like its spec.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from deepcli.spec.registry import Spec

RULES = 1
"""Version of the rules by which types, sizes and splits are found; a schema of other rules is found again."""
MAX_BYTES = 32 << 20
MAX_CLASSES = 100_000
MAX_COLUMNS = 20_000

Kind = Literal["image", "tokens", "features"]
TargetKind = Literal["classes", "labels", "numbers", "levels"]
ColumnType = Literal["number", "category", "text", "date", "image"]
Text = Annotated[str, Field(max_length=10_000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Column(Spec):
    """A column of a table, as models read it.

    A number is standardized with the mean and the scale of the training split; a missing one counts as the mean and
    has an indicator of its own. A category is a code: 0 is missing or not in the training split, and `categories[i]` is
    i + 1. A date is the number of days since 1970.
    """

    name: Text
    type: ColumnType
    reason: Text = Field("", description="Why it has this type.")
    categories: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES)] = ()
    mean: Finite = 0.0
    scale: Annotated[float, Field(gt=0)] = 1.0
    missing: Annotated[int, Field(ge=0)] = Field(0, description="Values that are missing in the training split.")


class Target(Spec):
    """What is predicted: a class, several labels, numbers, or an ordered level.

    Attributes:
        kind: `classes` (int32 class numbers), `labels` (uint8 0 or 1 for each label), `numbers` (float32) or `levels`
            (int32, in order).
        columns: The columns of a table that hold it; empty where folders or arrays do.
        names: Names of classes, labels or levels, in the order of their numbers; names of the numbers.
        means: Mean of each number over the training split.
        scales: Standard deviation of each number over the training split; 1 if it does not vary.
        reason: Why it is of this kind.
    """

    kind: TargetKind = "classes"
    columns: Annotated[tuple[Text, ...], Field(max_length=MAX_COLUMNS)] = ()
    names: Annotated[tuple[Text, ...], Field(max_length=MAX_CLASSES)] = ()
    means: Annotated[tuple[Finite, ...], Field(max_length=MAX_COLUMNS)] = ()
    scales: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(max_length=MAX_COLUMNS)] = ()
    reason: Text = ""


class Schema(Spec):
    """What data hold.

    Attributes:
        rules: Version of the rules that found it.
        source: The type of the data set that found it.
        kind: The kind of input.
        shape: (height, width, channels), (maximum length,) with None for no limit, or (columns,).
        target: What is predicted.
        columns: The columns that are inputs, in the order in which models take them; empty where there is no table.
        vocabulary: Words or characters by id; the first entries are those of `RESERVED`. Empty if inputs are no tokens.
        counts: Number of examples of each split.
        class_counts: Number of examples of each class or label, by split.
        layout: How the files are laid out, as found: delimiter, encoding, header and the like.
        fingerprint: SHA-256 of everything that was read.
        assignment: Which split each example is in, in the order of reading: zlib-compressed bytes, base64.
    """

    rules: int = RULES
    source: Text
    kind: Kind
    shape: Annotated[tuple[Annotated[int, Field(gt=0)] | None, ...], Field(max_length=4)]
    target: Target
    columns: Annotated[tuple[Column, ...], Field(max_length=MAX_COLUMNS)] = ()
    vocabulary: Annotated[tuple[Text, ...], Field(max_length=1_000_000)] = ()
    counts: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    class_counts: dict[str, tuple[Annotated[int, Field(ge=0)], ...]] = Field(default_factory=dict)
    layout: dict[str, Any] = Field(default_factory=dict)
    fingerprint: Annotated[str, Field(max_length=128)] = ""
    assignment: Annotated[str, Field(max_length=MAX_BYTES)] = ""


RESERVED = ("", "<start>", "<unknown>", "")
"""First ids of a vocabulary of own texts, as in Keras: padding, start of a text, a word that is not in it, unused."""
