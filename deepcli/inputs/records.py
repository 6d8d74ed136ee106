"""Reads texts from JSON files: one per line, or a list of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from deepcli.errors import DataError
from deepcli.inputs.texts import MAX_TEXT, Lines, Row, read_lines, read_text

LINES, WHOLE = (".jsonl", ".ndjson"), (".json",)


def begins(lines: Lines) -> bool:
    """Return whether the first line is a JSON object; the line is given back to be read again."""
    line = lines.readline(MAX_TEXT)
    lines.give_back([line] if line else [])
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def read_json_lines(stream: IO[str] | Lines, name: str, field: str | None, usual: str | None = None) -> Iterator[Row]:
    """Read a text, or a list of ids, from each line: the line's value, or a field of the object in it.

    Args:
        stream: The lines.
        name: Their name in messages.
        field: The name of the field; None means the only one.
        usual: The field of an object that has several fields, if `field` is None.

    Raises:
        DataError: The first line has several fields, and `field` is None.
    """
    for place, row in enumerate(read_lines(stream)):
        if row.problem:
            yield row
            continue
        try:
            value = json.loads(str(row.content))
        except (ValueError, RecursionError) as error:
            yield Row(row.number, problem=f"cannot be read as JSON: {error}")
            continue
        if not place:
            _demand(value, name, field, usual)
        yield _row(row.number, value, field, usual)


def read_json(path: Path, field: str | None, usual: str | None = None) -> Iterator[Row]:
    """Read the texts, or lists of ids, in a list; or a single one. Arguments are those of `read_json_lines`.

    Raises:
        DataError: It is not JSON, or its first object has several fields and `field` is None.
    """
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from None
    alone = not isinstance(value, list) or (bool(value) and all(isinstance(one, int | float) for one in value))
    values = [value] if alone else value
    for number, one in enumerate(values, 1):
        if number == 1:
            _demand(one, str(path), field, usual)
        yield _row(number, one, field, usual)


def _demand(value: Any, name: str, field: str | None, usual: str | None) -> None:
    if isinstance(value, dict) and field is None and len(value) != 1 and usual not in value:
        raise DataError(
            f"{name}: has several fields; choose the text field with --column: {', '.join(value) or 'none'}"
        )


def _row(number: int, value: Any, field: str | None, usual: str | None) -> Row:
    if isinstance(value, dict):
        field = usual if field is None and len(value) != 1 and usual in value else field
        if (name := field if field is not None else next(iter(value), None)) not in value:
            return Row(number, problem=f"has no field {name!r}; its fields: {', '.join(value) or 'none'}")
        if field is None and len(value) != 1:
            return Row(number, problem="has several fields; choose the text field with --column")
        value = value[name]
    elif field is not None:
        return Row(number, problem=f"is not an object with a field {field!r}")
    if isinstance(value, str | list):
        return Row(number, value)
    return Row(number, problem=f"is {json.dumps(value)[:40]}, not a text")
