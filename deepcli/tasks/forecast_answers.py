"""What a forecast says in words: a row for each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deepcli.data.sources.naming import printable
from deepcli.tasks.interpreting import Interpretation, Interpreter

if TYPE_CHECKING:
    import numpy as np


class ForecastInterpreter(Interpreter):
    """Forecasts in the units of the data, step by step.

    Args:
        names: The names of the targets.
        levels: The levels of quantiles; empty for one number.
    """

    def __init__(self, names: list[str], levels: Sequence[float]) -> None:
        self._names = forecast_names(names, levels)

    @property
    def columns(self) -> list[str]:
        return ["time", *self._names]

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        """Yield the forecast for each window.

        Args:
            outputs: float32 (windows, horizon, targets) or (windows, horizon, targets, quantiles).
        """
        for window in outputs.reshape(*outputs.shape[:2], -1).tolist():
            steps = [[float(f"{value:.7g}") for value in step] for step in window]
            rows: list[dict[str, Any]] = [dict(zip(self._names, step, strict=True)) for step in steps]
            said = [printable("  ".join(f"{name} {value:.7g}" for name, value in row.items())) for row in rows]
            fields = {"forecast": [{"values": row} for row in rows]}
            yield Interpretation(
                "\n".join(said), fields, ["", *steps[0]], said[0], values=rows[0], steps=tuple(map(tuple, steps))
            )


def forecast_names(names: Sequence[str], levels: Sequence[float]) -> list[str]:
    """Name the numbers of a step: the targets, or with quantiles each of them for each target, such as `load_0.9`."""
    return [f"{name}_{level:g}" for name in names for level in levels] if levels else list(names)
