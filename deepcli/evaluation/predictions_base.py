"""What all kinds of predictions have in common: targets and outputs on a split, a file, and comparison in pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from deepcli.data.schema import Column, TargetKind
from deepcli.errors import DataError

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.evaluation.intervals import Interval
    from deepcli.evaluation.paired import PairedBase
    from deepcli.evaluation.saved_examples import SavedExamples


@dataclass(frozen=True)
class AnyPredictions(ABC):
    """A model's outputs on a split, with what is right.

    Attributes:
        KIND: The kind of target.
        ARRAYS: Names of the arrays in the file, in the order of the fields; they say which kind a file is of.
        CALLED: What such predictions are called in errors.
        MERIT: What `merit` is.
        ids: The examples' places in the official split, int (examples,).
    """

    KIND: ClassVar[TargetKind]
    ARRAYS: ClassVar[tuple[str, ...]]
    CALLED: ClassVar[str]
    MERIT: ClassVar[str]

    ids: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote; nothing in the file is executed.

        Raises:
            DataError: The file is missing, damaged or of another kind.
        """
        from deepcli.data.arrays.archive import read_npz

        arrays = read_npz(path, cls.ARRAYS)
        loaded = cls.of_arrays([arrays[name] for name in cls.ARRAYS])
        if why := loaded.misfit:
            raise DataError(f"{path}: is not a file of {cls.CALLED}: {why}")
        return loaded

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the arrays."""
        write: Callable[..., None] = np.savez_compressed
        write(path, **dict(zip(self.ARRAYS, self.to_arrays(), strict=True)))

    @classmethod
    def of_arrays(cls, arrays: list[np.ndarray]) -> Self:
        """Make predictions of the arrays of a file, in the order of `ARRAYS`."""
        return cls(*arrays)

    def to_arrays(self) -> list[np.ndarray]:
        """Return the arrays that are saved, in the order of `ARRAYS`."""
        return [getattr(self, one.name) for one in fields(self)]

    def reordered(self, order: np.ndarray) -> Self:
        """Return the same predictions with their examples in another order."""
        count = len(self.ids)
        arrays = {one.name: getattr(self, one.name) for one in fields(self) if one.name in self.by_example}
        assert all(len(array) == count for array in arrays.values())
        return replace(self, **{name: array[order] for name, array in arrays.items()})

    @property
    @abstractmethod
    def by_example(self) -> tuple[str, ...]:
        """The fields with an entry for each example."""

    @property
    @abstractmethod
    def misfit(self) -> str | None:
        """Why targets and outputs do not match; None if they do."""

    @property
    @abstractmethod
    def truth(self) -> np.ndarray:
        """What is right for each example (examples, ...)."""

    @property
    @abstractmethod
    def merit(self) -> float:
        """The figure by which specs are compared over seeds; more is better."""

    def own_figure(self, score: str) -> float | None:
        """Return a score that several kinds of predictions share and this kind computes by itself; None for others."""
        return None

    def own_interval(self, score: str) -> Interval | str | None:
        """Return the interval of such a score, or why there is none; None if all resamples agree."""
        return None

    @abstractmethod
    def too_few(self, every_class: bool = False) -> str | None:
        """Describe why there are too few predictions for an interval by resampling; None if there are enough.

        Args:
            every_class: Whether all classes have the same weight, so that each needs enough examples.
        """

    @abstractmethod
    def worst(self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()) -> SavedExamples:
        """Choose the worst predictions, to be saved for reports.

        Args:
            x: The examples, in the order of the predictions.
            lexicon: The words of token ids; None saves the ids instead of words.
            columns: The columns of `x` if it is a table.
        """

    @classmethod
    @abstractmethod
    def load_worst(cls, path: Path) -> SavedExamples:
        """Read what `worst` returned and `save` wrote; nothing in the file is executed.

        Raises:
            DataError: The file is damaged, or not such a file.
        """

    @abstractmethod
    def tables(self) -> dict[str, Any]:
        """Return the tables of an evaluation, by their name in `Scored`."""

    @abstractmethod
    def paired(self, second: Any) -> PairedBase:
        """Compare with a second model's predictions of the same examples, which are of the same kind.

        Raises:
            DataError: The examples differ.
        """
