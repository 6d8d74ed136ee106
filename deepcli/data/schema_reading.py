"""Reads schemas as input from a stranger: bounded before they are parsed, and checked for contradictions afterwards."""

from __future__ import annotations

import math
from collections.abc import Iterator

from deepcli.data.schema import MAX_BYTES, PAIR_RESERVED, RESERVED, UNKNOWN_TOKEN, Schema
from deepcli.data.signature import Signature
from deepcli.errors import DataError

MAX_VALUES = 2_000_000
"""Values in a schema: the words of the largest vocabulary, and the names and categories of the largest tables."""
MAX_IMAGE = 1 << 27
"""Values of an image; a model of more could not compute anything in the memory of a machine."""
MAX_LENGTH = 1 << 24
"""Token ids of a text."""
MAX_WORD = 200
"""Characters of a value in a layout."""
BYTES = tuple(map(chr, range(256)))
"""The vocabulary of a running text of bytes, and the first entries of one of byte pairs."""
LONGEST_PAIR = 32
"""Bytes of a token of byte pairs: longer ones would be whole lines that a text repeats."""
MOST_PAIRS = 1 << 17
"""Tokens of byte pairs."""
OPTIONS = {"format": str, "packed": str, "encoding": str, "delimiter": str, "quoting": str, "header": bool}
"""Types of the entries of a layout that decide how a table is read."""
FEATURE_TYPES = ("number", "category", "date")


def read_schema(content: bytes) -> Schema:
    """Read the JSON of a schema.

    Raises:
        ValueError: It is too long, is not a schema, or contradicts itself.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
    # A parser makes an object of each value, so they are counted first; a comma inside a text counts too.
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_VALUES or content.count(b'"') > 2 * MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES:,} values")
    schema = Schema.model_validate_json(content)
    for problem in _problems(schema):
        raise ValueError(problem)
    return schema


def _problems(schema: Schema) -> Iterator[str]:
    """Yield contradictions in a schema."""
    yield from _target_problems(schema)
    yield from _input_problems(schema)
    try:
        names = schema.vocabulary if schema.target.kind == "tokens" else schema.target.names
        if schema.kind == "pairs":
            names = names or schema.vocabulary
        classes = 0 if schema.target.kind in ("numbers", "series") else len(names)
        vocabulary = len(schema.vocabulary) or None
        if schema.kind != "tokens" or vocabulary:  # a textbook set's vocabulary is in its spec
            Signature(
                schema.kind,
                schema.shape,
                classes,
                1,
                vocabulary,
                None,
                schema.target,
                schema.columns,
                None,
                schema.series,
            )
    except DataError as error:
        yield str(error)
    yield from _layout_problems(schema)


def _target_problems(schema: Schema) -> Iterator[str]:
    target = schema.target
    for name, values in (("means", target.means), ("scales", target.scales)):
        if values and len(values) != len(target.names):
            yield f"target: has {len(values)} {name} for {len(target.names)} names"
    if len(set(target.names)) < len(target.names):
        yield "target: has a name twice"
    for split, counts in schema.class_counts.items():
        if len(counts) != len(target.names):
            yield f"class_counts: has {len(counts)} counts of {split} for {len(target.names)} names"


def _input_problems(schema: Schema) -> Iterator[str]:
    sizes = [size or 1 for size in schema.shape]
    if schema.kind == "image" and math.prod(sizes) > MAX_IMAGE:
        yield f"shape: an image of more than {MAX_IMAGE:,} values"
    if schema.kind in ("tokens", "text", "pairs") and sizes and max(sizes) > MAX_LENGTH:
        yield f"shape: texts of more than {MAX_LENGTH:,} tokens"
    if schema.kind == "series":
        yield from _series_problems(schema)
    elif schema.series is not None or schema.target.kind == "series":
        yield "series: are forecast from series, and nothing else is"
    if (schema.kind == "text") != (schema.target.kind == "tokens"):
        yield "target: tokens are predicted from a running text, and nothing else is"
    if (schema.kind == "pairs") != (schema.target.kind == "sequence"):
        yield "target: sequences are predicted from the inputs of pairs, and nothing else is"
    words = schema.vocabulary
    if schema.kind == "pairs":
        yield from _pair_problems(schema)
    elif schema.kind == "text":
        yield from _running_text_problems(words)
    elif any(words) and words[: len(RESERVED)] != RESERVED:
        yield f"vocabulary: does not begin with {', '.join(map(repr, RESERVED))}"
    names = [column.name for column in schema.columns]
    if len(set(names)) < len(names):
        yield "columns: has a name twice"
    for column in schema.columns:
        if column.frequencies and len(column.frequencies) != len(column.categories):
            frequencies, categories = len(column.frequencies), len(column.categories)
            yield f"columns: {column.name!r} has {frequencies} frequencies for {categories} categories"
    if schema.kind == "features" and any(column.type not in FEATURE_TYPES for column in schema.columns):
        yield "columns: a model of features takes numbers, categories and dates"


def _series_problems(schema: Schema) -> Iterator[str]:
    facts, names = schema.series, schema.target.names
    if math.prod(size or 1 for size in schema.shape) > MAX_IMAGE:
        yield f"shape: windows of more than {MAX_IMAGE:,} values"
    if facts is None:
        if schema.target.kind == "series":
            yield "series: steps are forecast where the target is series"
        return
    if (facts.horizon > 0) != (schema.target.kind == "series") or schema.target.kind not in ("series", "inputs"):
        yield "series: steps are forecast where the target is series, and windows given back where it is inputs"
    if facts.horizon > MAX_LENGTH or facts.horizon * max(len(names), 1) > MAX_IMAGE:
        yield "series: a horizon of too many steps"
    if [column.name for column in schema.columns[: len(names)]] != list(names):
        yield "target: is not the first of the columns"
    known = [column.name for column in schema.columns[len(schema.columns) - len(facts.known) :]]
    if len(facts.known) >= len(schema.columns) or known != list(facts.known):
        yield "series: what is known ahead are not the last of the columns"
    if any(column.type != "number" for column in schema.columns):
        yield "columns: those of series are numbers"
    if len(set(facts.series)) < len(facts.series) or len(facts.seasonal_errors) != len(facts.series):
        yield "series: has a name twice, or not one seasonal error for each"
    if any(len(errors) != len(names) or any(error < 0 for error in errors) for errors in facts.seasonal_errors):
        yield "series: has seasonal errors that are not one for each target, or below 0"


def _running_text_problems(words: tuple[str, ...]) -> Iterator[str]:
    if words[: len(BYTES)] == BYTES:
        yield from _byte_pair_problems(words)
    elif words[:1] != (UNKNOWN_TOKEN,):
        yield f"vocabulary: begins neither with the 256 bytes nor with {UNKNOWN_TOKEN!r}"
    if len(set(words)) < len(words) or "" in words:
        yield "vocabulary: has a token twice, or an empty one"


def _pair_problems(schema: Schema) -> Iterator[str]:
    for name, words in (("vocabulary", schema.vocabulary), ("target.names", schema.target.names or schema.vocabulary)):
        if words[: len(PAIR_RESERVED)] != PAIR_RESERVED:
            yield f"{name}: does not begin with {', '.join(map(repr, PAIR_RESERVED))}"
        if len(set(words)) < len(words):
            yield f"{name}: has a token twice"
        if words[len(PAIR_RESERVED) :][: len(BYTES)] == BYTES:
            yield from _byte_pair_problems(words[len(PAIR_RESERVED) :])


def _byte_pair_problems(words: tuple[str, ...]) -> Iterator[str]:
    if len(words) > MOST_PAIRS:
        yield f"vocabulary: has more than {MOST_PAIRS:,} byte pairs"
    if any(len(word) > LONGEST_PAIR or max(word, default="") > BYTES[-1] for word in words[len(BYTES) :]):
        yield f"vocabulary: has a token of byte pairs that is not 1 to {LONGEST_PAIR} bytes"


def _layout_problems(schema: Schema) -> Iterator[str]:
    for name, value in schema.layout.items():
        fits = isinstance(value, OPTIONS.get(name, str | int | bool | None))
        if not fits or len(str(value)) > MAX_WORD or len(name) > MAX_WORD:
            yield "layout: has an entry of another type or length"
