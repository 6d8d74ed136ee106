"""JSON schemas of what `--json` prints; `python -m deepcli.cli.schemas` writes them into the package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepcli.cli.answers import shape_of
from deepcli.cli.app import command
from deepcli.result import Answer, Failure

PACKAGE = Path(__file__).parent.parent
OLDER = {"result": "result.schema.json", "sweep": "sweeps/outcome.schema.json"}
"""Schema files that keep their old locations, because scripts may read them there."""


def commands(node: Any = None, names: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """List every command and subcommand, each with the words that call it."""
    node = node or command()
    for name, inner in getattr(node, "commands", {}).items():
        yield from commands(inner, (*names, name))
    if not hasattr(node, "commands"):
        yield " ".join(names), node


def with_json() -> dict[str, Any]:
    """Return the class of the JSON objects of each command that has `--json`."""
    return {
        name: shape_of(node.callback.shape)
        for name, node in commands()
        if any("--json" in option.opts for option in node.params)
    }


def file_of(shape: Any) -> str:
    """Return the schema file of a class, relative to the package."""
    title = str(shape.model_config["title"]).removeprefix("deepcli ")
    return OLDER.get(title, f"schemas/{title}.schema.json")


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every object, by file."""
    return {file_of(shape): _schema(shape) for shape in (Failure, *with_json().values())}


def _schema(shape: Any) -> dict[str, Any]:
    # Results and lines of predictions leave out keys without values; every other object has all its keys.
    whole = issubclass(shape, Answer) and file_of(shape) not in OLDER.values()
    schema: dict[str, Any] = shape.model_json_schema(by_alias=True, mode="serialization" if whole else "validation")
    return schema


if __name__ == "__main__":
    for name, schema in schemas().items():
        target = PACKAGE / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
