"""Fit the fields of a line into a width: whole fields, the most important ones, never a part of a number."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GAP = "  "
NEVER = 0
"""The rank of fields that stay even where the line is too narrow for them."""

SHORT = {
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "average_precision": "ap",
}
"""Names of metrics as the scores of `evaluate` have them, for lines that are too narrow for the long ones."""


@dataclass(frozen=True)
class Field:
    """A part of a line.

    Attributes:
        text: The text.
        rank: Fields with the highest rank are left out first; those of rank `NEVER` stay.
        short: A shorter text, for lines that are too narrow for the long one; empty: the same text.
        room: The least width to reserve, so that a field that comes and goes does not move others in and out.
    """

    text: str
    rank: int = NEVER
    short: str = ""
    room: int = 0


def fit(fields: Sequence[Field], width: int) -> str:
    """Join as many fields as fit into a width, in their order.

    If they are too wide, long names are shortened first. Then the fields of the highest rank are left out, the last one
    first, until the rest fits. A single field is never broken; only one that alone is wider than the line is cut.
    """
    if _width(fields) > width:
        fields = [Field(field.short or field.text, field.rank, "", field.room) for field in fields]
    kept = list(fields)
    while _width(kept) > width and any(field.rank != NEVER for field in kept):
        worst = max(range(len(kept)), key=lambda index: (kept[index].rank, index))
        del kept[worst]
    return cut(GAP.join(field.text for field in kept if field.text), width)


def _width(fields: Sequence[Field]) -> int:
    """Return the width of a line of fields, with the room that they reserve."""
    widths = [max(cells(field.text), field.room) for field in fields]
    return sum(widths) + len(GAP) * (sum(width > 0 for width in widths) - 1)


def cells(text: str) -> int:
    """Count the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def cut(text: str, width: int) -> str:
    """Cut a text that is wider than a line after its last whole word that fits."""
    if cells(text) <= width:
        return text
    words = text.split(" ")
    while words and cells(" ".join(words)) > width:
        words.pop()
    return " ".join(words).rstrip()


def epoch_fields(row: Mapping[str, float], epochs: int, monitor: str, best: bool) -> list[Field]:
    """Return the fields of an epoch's line: epoch, metrics, learning rate, seconds and whether it is the best so far.

    Left out first: the seconds, the learning rate, further metrics of the training split, further ones of the validation
    split, the loss, the metric that decides which epoch is best.
    """
    number = f"{row['epoch']:.0f}".rjust(len(str(epochs)))
    metrics = [
        _metric(name, value, _rank(name, monitor)) for name, value in row.items() if name not in ("epoch", "seconds")
    ]
    seconds = Field(f"{row['seconds']:.1f}s", rank=6)
    return [Field(f"epoch {number}/{epochs}"), *metrics, seconds, Field("best" if best else "", room=len("best"))]


def _rank(name: str, monitor: str) -> int:
    """Return how dispensable a metric is on an epoch's line."""
    if name == monitor:
        return 1
    if name == "loss":
        return 2
    if name == "learning_rate":
        return 5
    return 3 if name.startswith("val_") else 4


def _metric(name: str, value: float, rank: int) -> Field:
    """Return the field of a metric, with four decimals, or of the learning rate."""
    prefix = "val_" if name.startswith("val_") else ""
    short = SHORT.get(name.removeprefix("val_"))
    number = f"{value:.2e}" if name == "learning_rate" else figure(value)
    shown = "lr" if name == "learning_rate" else name
    return Field(f"{shown} {number}", rank, f"{prefix}{short} {number}" if short else "")


def live_fields(logs: Mapping[str, float], monitor: str) -> list[Field]:
    """Return the fields of the metrics so far, for the live line: the loss stays longest."""
    plain = monitor.removeprefix("val_")
    ranks = {"loss": 2, plain: 3, "learning_rate": 6}
    return [_metric(name, value, ranks.get(name, 5)) for name, value in logs.items()]


def figure(value: float) -> str:
    """Write a number with four decimals; very small ones and large ones with as many significant digits."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 5e-4:
        return f"{value:.3e}"
    return f"{value:.4f}" if size < 1000 else f"{value:.1f}" if size >= 1e5 else f"{value:.2f}"
