"""A spec for own data, ready to train, with what was found about the data as comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from deepcli.data.own import OwnDataset
from deepcli.data.schema import Schema
from deepcli.experiment.schema import Experiment
from deepcli.spec import yaml12

WIDTH = 100
NAMES: dict[Any, str] = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", " ": "space"}
MOST_SHOWN = 40
"""Columns and classes that are listed; of more, only their number is said."""


def own_starter(spec: Mapping[str, Any], experiment: Experiment, command: str) -> str:
    """Write a spec.

    Args:
        spec: Its sections, as plain values.
        experiment: The same, validated.
        command: The command that trains it.
    """
    data = experiment.data
    assert isinstance(data, OwnDataset)
    lines = [f"# Train it:  {command}", "#", *(f"# {line}".rstrip() for line in found_lines(data.data_schema))]
    sections = {**spec, "data": {**spec["data"], **_target(data)}}
    task = experiment.resolved_task.type
    return "\n".join([*lines, "", yaml12.dump({"task": task, **sections})])


def _target(data: OwnDataset) -> dict[str, Any]:
    """Write the target out, so that the spec says what is predicted."""
    columns = data.data_schema.target.columns
    return {"target": columns[0] if len(columns) == 1 else list(columns)} if columns else {}


def found_lines(schema: Schema) -> Iterator[str]:
    """Describe what was found about data, a line at a time."""
    target = schema.target
    yield f"{schema.source} of {_inputs(schema)}; target: {target.kind}"
    if target.columns:
        yield from textwrap.wrap(f"  {', '.join(target.columns)}: {target.reason}", WIDTH, subsequent_indent="    ")
    yield "splits: " + ", ".join(f"{count:,} {name}" for name, count in schema.counts.items() if count)
    if schema.layout:
        shown = {name: value for name, value in schema.layout.items() if value not in (None, "") and name != "format"}
        told = ", ".join(f"{name} {NAMES.get(value, str(value).lower())}" for name, value in shown.items())
        yield from textwrap.wrap(f"read with {told}", WIDTH, subsequent_indent="    ")
    if target.kind not in ("numbers", "tokens", "series", "sequence") and target.names:
        yield from _classes(schema)
    if schema.kind in ("features", "series") and len(schema.columns) <= MOST_SHOWN:
        width = max(len(column.name) for column in schema.columns)
        yield "columns:"
        for column in schema.columns:
            yield f"  {column.name:<{width}}  {column.type:<8}  {column.reason}"[:WIDTH]


def _inputs(schema: Schema) -> str:
    if schema.kind == "image":
        return f"images, {'x'.join(map(str, schema.shape))} (height, width, channels)"
    if schema.kind == "tokens":
        longest = f"at most {schema.shape[0]}" if schema.shape[0] else "any number of"
        return f"texts, {longest} tokens of {len(schema.vocabulary):,} different ones"
    if schema.kind == "text":
        return f"a running text, windows of {schema.shape[0]} tokens of {len(schema.vocabulary):,} different ones"
    if schema.kind == "series" and schema.series is not None:
        facts = schema.series
        count = len(schema.columns)
        columns = f"{count} column{'s' * (count > 1)}"
        windows = f"windows of {schema.shape[0]} steps of {columns}"
        return f"{windows}, {facts.horizon} steps ahead, a season of {facts.season}" if facts.horizon else windows
    if schema.kind == "series":
        return f"series of {schema.shape[1]} columns and at most {schema.shape[0]} steps"
    if schema.kind == "pairs":
        sizes = len(schema.vocabulary), len(schema.target.names or schema.vocabulary)
        sides = zip(("inputs", "targets"), schema.shape, sizes, strict=True)
        return ", ".join(
            f"{side} of at most {(most or 1) - 1} tokens of {size:,} different ones" for side, most, size in sides
        )
    return f"{len(schema.columns)} columns"


def _classes(schema: Schema) -> Iterator[str]:
    names, counts = schema.target.names, schema.class_counts.get("train", ())
    if len(names) > MOST_SHOWN:
        yield f"{len(names)} {schema.target.kind}"
        return
    told = ", ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=False))
    yield from textwrap.wrap(f"in training: {told}", WIDTH, subsequent_indent="    ")
