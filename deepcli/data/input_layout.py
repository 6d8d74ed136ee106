"""Inputs as targets: which value of a model's output stands for which pixel, number or category."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deepcli.data.schema import Column
from deepcli.data.signature import Signature


@dataclass(frozen=True)
class InputLayout:
    """The values that a model must output to give back an input.

    Pixels are from 0 to 1. A number of a table is standardized by the training split, a category has a value of 0 or 1 for
    each of its names. What is missing in a row, or a category that training lacks, has no values to compare. Steps of series
    are standardized, too; those behind the end of a series have no values to compare.

    Attributes:
        shape: Shape of the values of one example.
        places: The column of each value of a row; empty for images and series, which have a value for each pixel or step.
        codes: The code that each value stands for; 0 for a number.
        sizes: Values of the column of each value: 1 for a number.
        means: Mean of each number over the training split; 0 for categories. Of series, one for each column.
        scales: Scale of each number; 1 for categories. Of series, one for each column.
    """

    shape: tuple[int, ...]
    places: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()

    @classmethod
    def of(cls, signature: Signature) -> InputLayout:
        """Return the layout of some data."""
        if signature.kind == "features":
            return cls.of_columns(signature.columns)
        shape = tuple(size or 1 for size in signature.shape)
        return cls.of_steps(shape, signature.columns) if signature.kind == "series" else cls(shape)

    @classmethod
    def of_steps(cls, shape: tuple[int, ...], columns: Sequence[Column]) -> InputLayout:
        """Return the layout of series.

        Args:
            shape: (steps, columns).
            columns: The columns.
        """
        means, scales = (tuple(getattr(column, name) for column in columns) for name in ("mean", "scale"))
        return cls(shape, means=means, scales=scales)

    @classmethod
    def of_columns(cls, columns: Sequence[Column]) -> InputLayout:
        """Return the layout of a table."""
        rows = [
            (place, code, size or 1, 0.0 if size else column.mean, 1.0 if size else column.scale)
            for place, column in enumerate(columns)
            for size in (len(column.categories) if column.type == "category" else 0,)
            for code in (range(1, size + 1) if column.type == "category" else (0,))
        ]
        places, codes, sizes, means, scales = zip(*rows, strict=True) if rows else ((),) * 5
        return cls((len(rows),), places, codes, sizes, means, scales)

    @property
    def is_image(self) -> bool:
        """Whether the values are pixels."""
        return len(self.shape) == 3

    @property
    def is_series(self) -> bool:
        """Whether the values are steps of series."""
        return len(self.shape) == 2

    @property
    def width(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def plain(self) -> dict[str, Any]:
        """Return the fields as lists."""
        return {name: list(value) for name, value in asdict(self).items()}

    @classmethod
    def of_plain(cls, fields: dict[str, Any]) -> InputLayout:
        """Return the layout that `plain` wrote."""
        return cls(**{name: tuple(value) for name, value in fields.items()})
