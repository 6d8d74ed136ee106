"""Predicted numbers, such as prices, with the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from deepcli.data.schema import TargetKind
from deepcli.evaluation.predictions_base import AnyPredictions

if TYPE_CHECKING:
    from pathlib import Path

    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.data.schema import Column
    from deepcli.evaluation.other_mistakes import NumberMistakes
    from deepcli.evaluation.paired_errors import PairedErrors

FEWEST = 50
"""The fewest examples for the interval of an error.

Errors have heavy tails: with 30 examples of Laplace's distribution, intervals of the RMSE held the true one in 87 % of
cases instead of 95 %, with 60 in 90 %, with 200 in 93 % (the percentile bootstrap in 80, 88 and 92 %).
"""


@dataclass(frozen=True)
class NumberPredictions(AnyPredictions):
    """One or several predicted numbers for each example of a split, in the units of the data.

    Attributes:
        ids: The examples' places in the official split, int (examples,).
        targets: The true numbers, float (examples, targets).
        values: The predicted numbers, float32 (examples, targets).
        names: The names of the numbers.
    """

    KIND: ClassVar[TargetKind] = "numbers"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "targets", "values", "names")
    CALLED: ClassVar[str] = "predicted numbers"
    MERIT: ClassVar[str] = "minus the mean absolute error in standard deviations"

    targets: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of_arrays(cls, arrays: list[np.ndarray]) -> Self:
        *first, names = arrays
        texts = names.tolist() if names.dtype.kind == "U" and names.ndim == 1 else ()
        return cls(first[0], first[1], first[2], tuple(texts))

    def to_arrays(self) -> list[np.ndarray]:
        return [self.ids, self.targets, self.values, np.array(self.names, dtype=np.str_)]

    @property
    def by_example(self) -> tuple[str, ...]:
        return "ids", "targets", "values"

    @property
    def misfit(self) -> str | None:
        kinds = self.ids.dtype.kind + self.targets.dtype.kind + self.values.dtype.kind
        if kinds.replace("u", "i") != "iff":
            return "ids should be integers, targets and values floats"
        shapes = [array.shape for array in (self.ids, self.targets, self.values)]
        columns = (len(self.names),)
        if self.targets.ndim != 2 or shapes[1] != shapes[2] or shapes[0] + columns != shapes[1] or 0 in shapes[1]:
            return f"the shapes are {', '.join(map(str, shapes))}, with {len(self.names)} names"
        if not np.isfinite(self.targets).all():
            return "some targets are not finite numbers"
        return None

    @property
    def merit(self) -> float:
        return -float(self.relative.mean())

    @property
    def truth(self) -> np.ndarray:
        return self.targets

    @cached_property
    def truths(self) -> np.ndarray:
        """The true numbers, float64 (examples, targets)."""
        return self.targets.astype(np.float64)

    @cached_property
    def outputs(self) -> np.ndarray:
        """The predicted numbers, float64 (examples, targets)."""
        return self.values.astype(np.float64)

    @cached_property
    def errors(self) -> np.ndarray:
        """The absolute errors, float64 (examples, targets)."""
        errors: np.ndarray = np.abs(self.outputs - self.truths)
        return errors

    @cached_property
    def spreads(self) -> np.ndarray:
        """Standard deviation of each target on the split, float64 (targets,); 1 if it does not vary."""
        spreads = np.where(np.ptp(self.truths, axis=0) > 0, self.truths.std(axis=0), 0)
        return np.where(spreads > 0, spreads, 1.0)

    @cached_property
    def relative(self) -> np.ndarray:
        """Mean over the targets of the absolute errors in standard deviations of the target, float64 (examples,)."""
        relative: np.ndarray = (self.errors / self.spreads).mean(axis=1)
        return relative

    @property
    def constant(self) -> list[str]:
        """The names of targets that do not vary on the split."""
        varying = (np.ptp(self.truths, axis=0) > 0).tolist()
        return [name for name, varies in zip(self.names, varying, strict=True) if not varies]

    def of(self, target: int) -> NumberPredictions:
        """Return the predictions of one of the targets alone."""
        column = slice(target, target + 1)
        return NumberPredictions(self.ids, self.targets[:, column], self.values[:, column], self.names[column])

    def too_few(self, every_class: bool = False) -> str | None:
        count = len(self.ids)
        return f"{count} example{'s' * (count != 1)}, {FEWEST} needed" if count < FEWEST else None

    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> NumberMistakes:
        from deepcli.evaluation.other_mistakes import worst_numbers

        return worst_numbers(self, x, lexicon, columns)

    @classmethod
    def load_worst(cls, path: Path) -> NumberMistakes:
        from deepcli.evaluation.other_mistakes import NumberMistakes

        return NumberMistakes.load(path)

    def tables(self) -> dict[str, Any]:
        from deepcli.evaluation.tables import per_number

        return {"numbers": per_number(self)}

    def paired(self, second: NumberPredictions) -> PairedErrors:
        from deepcli.evaluation.paired_errors import paired_numbers

        return paired_numbers(self, second)
