"""How runs look in Python and in a notebook: lines and HTML, in which everything is escaped."""

from __future__ import annotations

import base64
import contextlib
import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.run.directory import RunDir

PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG file."""


def data_frame(data: Any) -> Any:
    """Return columns or rows as a DataFrame if pandas is installed, else as they are."""
    if importlib.util.find_spec("pandas") is None:
        return data
    return importlib.import_module("pandas").DataFrame(data)


def summary(run: RunDir | None) -> str:
    """Say how a run ended, with its best epoch and test metrics; None stands for a checkpoint without a run."""
    if run is None:
        return "a checkpoint"
    result = run.result()
    if result is None:
        return "running" if run.is_owned() else "unfinished"
    parts: list[str] = [result.status]
    if result.best_epoch is not None:
        parts.append(f"best epoch {result.best_epoch} of {result.epochs}")
    figures = result.metrics.get("test", {}).items()
    return ", ".join([*parts, *(f"test {name} {value:.4f}" for name, value in figures if value is not None)])


def html_lines(*lines: str) -> str:
    """Write lines of plain text in HTML."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table in HTML."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(_shown(value))}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def html_pictures(files: Iterable[Path]) -> str:
    """Write PNG files in HTML, their bytes included; those that do not exist or cannot be read are left out."""
    pictures = []
    for file in files:
        with contextlib.suppress(OSError):
            content = file.read_bytes()
            if content.startswith(PNG):
                source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
                pictures.append(f'<img alt="{escape(file.stem)}" style="max-width: 100%" src="{source}">')
    return f"<div>{''.join(pictures)}</div>" if pictures else ""


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
