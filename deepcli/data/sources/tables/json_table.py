"""Reads tables of JSON: a list of objects, or an object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.tables.bad_rows import BadRows
from deepcli.data.sources.tables.table_bytes import unpacked
from deepcli.data.sources.tables.table_options import Table, TableOptions, check_names, quoted
from deepcli.data.sources.tables.table_text import TextLines, find_encoding
from deepcli.errors import DataError

Record = dict[str, str | None]
FLAT = "a table has one value or a list of plain values in each field; flatten the records first"


def read_json(path: Path, packed: str, options: TableOptions, ending: str) -> Table:
    """Read a list of objects, or an object a line; a field that an object lacks is missing.

    Numbers stay as they are written. A list of plain values, such as labels, becomes its JSON text.

    Raises:
        DataError: The file is neither, or a value is an object.
    """
    encoding, findings = options.encoding, list[Finding]()
    if encoding == "auto":
        with unpacked(path, packed) as stream:
            encoding, findings = find_encoding(stream, path)
    with unpacked(path, packed) as stream, closing(TextLines(stream, encoding, path)) as lines:
        first = next((line for line in lines if line.strip()), "")
        if not first:
            raise DataError(f"{path}: is empty")
        whole = first.lstrip("\ufeff \t\r\n").startswith("[")
        lines.put_back([first])
        records, numbers, notes = _whole(lines, path) if whole else _by_line(lines, path)
    names = tuple(dict.fromkeys(name for record in records for name in record))
    check_names(path, names)
    columns = tuple([record.get(name) for record in records] for name in names)
    layout = {"format": "json" if whole else "jsonl", "packed": packed, "encoding": encoding}
    return Table(path, names, columns, numbers, layout, [*findings, *notes])


def _whole(lines: TextLines, path: Path) -> tuple[list[Record], list[int], list[Finding]]:
    try:
        found = _DECODER.decode("".join(lines))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}:{error.colno}: is not valid JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{path}: is nested too deeply; {FLAT}") from None
    except _TwiceError as error:
        raise DataError(f"{path}: column named twice in one record: {quoted(error.args[0])}; rename one") from None
    if not found:
        raise DataError(f"{path}: is an empty list; a table is a list of objects")
    records = []
    for number, value in enumerate(found, 1):
        if not isinstance(value, dict):
            raise DataError(f"{path}: record {number} is not an object; a table is a list of objects with named fields")
        records.append(_record(value, f"{path}: record {number}"))
    return records, list(range(1, len(records) + 1)), []


def _by_line(lines: TextLines, path: Path) -> tuple[list[Record], list[int], list[Finding]]:
    bad = BadRows(path, "Each line should hold one JSON object")
    records, numbers = list[Record](), list[int]()
    for line in lines:
        lines.start()
        text = line.strip()
        if not text:
            continue
        try:
            value = _DECODER.decode(text)
        except json.JSONDecodeError as error:
            bad.add(lines.number, f"is not valid JSON ({error.msg} at column {error.colno})")
            continue
        except RecursionError:
            bad.add(lines.number, "is nested too deeply")
            continue
        except _TwiceError as error:
            where = f"{path}:{lines.number}"
            raise DataError(f"{where}: column named twice in one record: {quoted(error.args[0])}; rename one") from None
        if not isinstance(value, dict):
            bad.add(lines.number, "is not a JSON object")
            continue
        records.append(_record(value, f"{path}:{lines.number}"))
        numbers.append(lines.number)
    notes = bad.findings(len(records))
    if not records:
        raise DataError(f"{path}: has no rows")
    return records, numbers, notes


def _record(value: dict[str, Any], where: str) -> Record:
    return {name.strip(): plain_text(each, f"{where}: column {quoted(name)}") for name, each in value.items()}


def plain_text(value: object, where: str) -> str | None:
    """Return a value of a typed format as text: `true`, `1.5`, a list of plain values as JSON; None for a null.

    Raises:
        DataError: It is nested, or bytes.
    """
    if value is None or isinstance(value, str):
        return value if value is None else value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        if any(isinstance(each, dict | list | tuple | bytes) for each in value):
            raise DataError(f"{where}: holds a nested list; {FLAT}")
        return json.dumps([plain_text(each, where) for each in value], ensure_ascii=False)
    if isinstance(value, dict | bytes):
        raise DataError(f"{where}: holds {'an object' if isinstance(value, dict) else 'bytes'}; {FLAT}")
    moment = getattr(value, "isoformat", None)
    return str(value if moment is None else moment())


class _TwiceError(Exception):
    """A field occurs twice in one object."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=str, parse_int=str, parse_constant=str)
