"""Tables and lines on stdout."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from json import dumps as json_text
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepcli.registry import Registry

if TYPE_CHECKING:
    from deepcli.catalog import Entry
    from deepcli.engine.summary import Summary
    from deepcli.result import Result

PLAIN_WIDTH = 120


def _console() -> Console:
    """Make a console for stdout; elsewhere than on a terminal it has a fixed width and no colours."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def _table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def result(result: Result, json: bool) -> None:
    """Print what a command did: the object for a script, or a few lines for a person."""
    if json:
        print(result.to_json())
        return
    if result.error:
        print(f"{result.status}: {result.error}")
    for split, metrics in result.metrics.items():
        for name, value in metrics.items():
            figure = "nan" if value is None else f"{value:.4f}"
            low_high = (result.intervals or {}).get(split, {}).get(name)
            interval = f"  [{low_high[0]:.4f}, {low_high[1]:.4f}]" if low_high else ""
            print(f"{split + ' ' + name:<22} {figure}{interval}")
    facts = []
    if result.best_epoch is not None and result.command == "train":
        facts.append(f"best epoch {result.best_epoch} of {result.epochs}")
    facts += [f"{result.seconds:.1f} s" if result.seconds else "", str(result.run or result.checkpoint or "")]
    print("  ".join(fact for fact in facts if fact))


def kinds(registries: Mapping[str, Registry[Any]], json: bool) -> None:
    """Print every kind with its names."""
    if json:
        _json({kind: list(registry) for kind, registry in registries.items()})
        return
    table = _table("kind", "names")
    for kind, registry in registries.items():
        table.add_row(kind, ", ".join(registry))
    _console().print(table)


def entries(entries: Sequence[Entry], json: bool) -> None:
    """Print components: what each is, its fields, and an example to paste."""
    if json:
        _json([dataclasses.asdict(entry) for entry in entries])
        return
    console = _console()
    for entry in entries:
        console.print(f"[bold]{entry.type}[/bold]  {escape(entry.doc.splitlines()[0])}")
        if entry.fields:
            table = _table("  field", "type", "default", "")
            for row in entry.fields:
                table.add_row(*map(escape, ("  " * (row.depth + 1) + row.name, row.type, row.default, row.description)))
            console.print(table)
        # Not through the console, which would break long lines.
        print(textwrap.indent(f"\n{entry.example}\n", "  "))


def _json(value: object) -> None:
    print(json_text(value, ensure_ascii=False))


def layers(summary: Summary) -> None:
    """Print a model's layers with shapes and parameters."""
    table = _table("layer", "type", "output shape", "parameters", numbers=("parameters",))
    for row in summary.layers:
        shape = " x ".join("?" if size is None else str(size) for size in row.shape[1:])
        table.add_row(row.name, row.kind, shape, f"{row.parameters:,}")
    console = _console()
    console.print(table)
    console.print(f"{summary.total:,} parameters, {summary.trainable:,} of them trainable")
