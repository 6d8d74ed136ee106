"""How runs look in Python and in a notebook: lines, and HTML from templates that escape everything."""

from __future__ import annotations

import base64
import contextlib
import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.run.directory import RunDir

PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG file."""


@dataclass(frozen=True)
class ProgressBar:
    """What is below the lines of a notebook's output.

    Attributes:
        text: What is done now.
        done: How much is done.
        most: How much there is to do; None for no bar before the text.
    """

    text: str
    done: int = 0
    most: int | None = None


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
    return _render("lines.html", lines=lines)


def html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], text: str = "", items: Iterable[str] = ()) -> str:
    """Write a table in HTML.

    Args:
        columns: The heads.
        rows: The cells.
        text: A line below the table.
        items: A list below that line.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    return _render("table.html", columns=columns, rows=cells, text=text, items=list(items))


def html_pictures(files: Iterable[Path]) -> str:
    """Write PNG files in HTML, their bytes included; those that do not exist or cannot be read are left out."""
    pictures = []
    for file in files:
        with contextlib.suppress(OSError):
            content = file.read_bytes()
            if content.startswith(PNG):
                pictures.append((file.stem, f"data:image/png;base64,{base64.b64encode(content).decode()}"))
    return _render("pictures.html", pictures=pictures)


def html_progress(text: str, bar: ProgressBar | None) -> str:
    """Write lines and a bar below them in HTML."""
    return _render("progress.html", text=text, bar=bar)


def _render(template: str, **values: Any) -> str:
    from deepcli.reports.templating import render

    return str(render(template, **values))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
