"""Learning curves drawn with characters, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.run.loaded import LoadedRun

WIDTH, HEIGHT, COLUMNS_AN_EPOCH = 60, 12, 6
TRAINING, VALIDATION = "*", "o"


def show(run: LoadedRun) -> None:
    """Print a chart of each metric (training and validation together) and of the learning rate."""
    columns, epochs = run.curves, len(run.history)
    for name in run.curve_names:
        lines = {TRAINING: columns[name], VALIDATION: columns.get(f"val_{name}", [])}
        told = [
            f"{mark} {split} {values[0]:.4g} to {values[-1]:.4g}"
            for (mark, values), split in zip(lines.items(), ("training", "validation"), strict=True)
            if values
        ]
        print(f"{name} in {epochs} epoch{'s' * (epochs > 1)}: {', '.join(told)}")
        print("\n".join(chart(lines)) + "\n")


def chart(lines: Mapping[str, Sequence[float]]) -> list[str]:
    """Draw several lines in one chart; later lines cover earlier ones, and values that are not finite leave gaps."""
    finite = [value for values in lines.values() for value in values if abs(value) < float("inf")]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    longest = max(map(len, lines.values()))
    columns = min(WIDTH, COLUMNS_AN_EPOCH * (longest - 1) + 1)
    cells = [[" "] * columns for _ in range(HEIGHT)]
    for mark, values in lines.items():
        for column in range(columns if values else 0):
            value = _between(values, column * (len(values) - 1) / max(columns - 1, 1))
            if abs(value) < float("inf"):
                cells[round((value - low) / (high - low or 1.0) * (HEIGHT - 1))][column] = mark
    labels = {HEIGHT - 1: f"{high:.4g}", 0: f"{low:.4g}"}
    return [f"{labels.get(level, ''):>10} | {''.join(cells[level]).rstrip()}" for level in range(HEIGHT - 1, -1, -1)]


def _between(values: Sequence[float], place: float) -> float:
    """Interpolate linearly between the values of two epochs."""
    before = int(place)
    if before == place:
        return values[before]
    after = min(before + 1, len(values) - 1)
    return values[before] + (values[after] - values[before]) * (place - before)
