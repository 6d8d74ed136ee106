"""Divides time series by place: the end of each for test, what is before that for validation, the rest for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from deepcli.data.sources.tables.calendar_dates import to_days
from deepcli.errors import DataError
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Spec

Share = Annotated[float, Field(ge=0, lt=1)]
Held = Share | Annotated[int, Field(ge=0)] | str
"""A share of a series, a number of steps, or the date of the first step."""


class SeriesSplit(Spec):
    """How a time series is divided by place: first training, then validation, then test."""

    train: Positive | None = Field(
        None,
        description="Steps of training, from the first on; what is behind the test split is not used. null: the rest.",
    )
    validation: Held = Field(
        0.1, description="A share of each series, a number of steps, or the date of the first step, such as 2018-01-01."
    )
    test: Held = Field(0.2, description="The same for the test split, which follows.")


@dataclass(frozen=True)
class Borders:
    """Where the splits of a series begin and end, in steps: training begins at 0."""

    train: int
    validation: int
    test: int

    def of(self, split: int) -> tuple[int, int]:
        """Return where a split begins and ends, by its number."""
        ends = (0, self.train, self.validation, self.test)
        return ends[split], ends[split + 1]


def find_borders(times: Sequence[float], dated: bool, split: SeriesSplit, name: str) -> Borders:
    """Divide a series.

    Args:
        times: Its times, sorted.
        dated: Whether they are days since 1970 and not numbers.
        split: How to divide it.
        name: The series, for messages.

    Raises:
        DataError: It cannot be divided so.
    """
    count = len(times)
    test = _steps(times, dated, split.test, "test", name, count)
    validation = _steps(times, dated, split.validation, "validation", name, count - test)
    if split.train is None:
        borders = Borders(count - test - validation, count - test, count)
    else:
        for part in ("validation", "test"):
            if isinstance(getattr(split, part), str):
                raise DataError(
                    f"data.split.train: is a number of steps, and data.split.{part} is a date; use one of both"
                )
        borders = Borders(split.train, split.train + validation, split.train + validation + test)
    if borders.train <= 0 or borders.test > count:
        told = f"train {split.train or 'the rest'}, validation {validation:,}, test {test:,}"
        raise DataError(f"data.split: {told} do not fit into {name}, which has {count:,} steps")
    if not test:
        raise DataError(
            f"data.split.test: {split.test} of the {count:,} steps of {name} leaves nothing to test on; set a share, such as 0.2, "
            "or a number of steps"
        )
    return borders


def _steps(times: Sequence[float], dated: bool, held: Held, part: str, name: str, end: int) -> int:
    """Return the number of steps of a split that ends at a place."""
    if isinstance(held, float):
        return round(len(times) * held)
    if isinstance(held, int):
        return held
    if not dated:
        raise DataError(
            f"data.split.{part}: {held!r} is a date, but the times of {name} are numbers; give steps or a share"
        )
    try:
        first = to_days(held, "iso")
    except ValueError:
        raise DataError(f"data.split.{part}: {held!r} is not a date; write it as 2018-01-01") from None
    return sum(time >= first for time in times[:end])
