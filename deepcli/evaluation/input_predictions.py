"""How well a model gave back each input of a split, and the codes from which it did."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from deepcli.data.arrays.splits import Tokens
from deepcli.data.schema import TargetKind
from deepcli.evaluation.input_values import KINDS
from deepcli.evaluation.predictions_base import AnyPredictions

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs
    from deepcli.data.lexicon import Lexicon
    from deepcli.data.schema import Column
    from deepcli.evaluation.paired_inputs import PairedInputs
    from deepcli.evaluation.shown_inputs import InputExamples, Shown
    from deepcli.evaluation.shown_windows import WindowExamples

FEWEST = 50
"""The fewest examples for the interval of a mean error; errors have heavy tails."""
UNLABELLED = -1
"""The class of an example that has none."""


@dataclass(frozen=True)
class InputPredictions(AnyPredictions):
    """The reconstruction errors of a split.

    Attributes:
        ids: The examples' places in the official split, int (examples,).
        errors: Errors of each example in the order of `KINDS`, float32 (examples, 4); NaN for those without a meaning.
        codes: The code of each example, float32 (examples, latent); no columns if they are not known.
        labels: The class of each example, int (examples,); -1 for none.
        marks: A mark of the content of each input, int (examples,); empty to be found from `inputs`.
        inputs: The inputs, where they are in memory.
        shown: Some inputs with what the model makes of them, where they are in memory.
    """

    KIND: ClassVar[TargetKind] = "inputs"
    ARRAYS: ClassVar[tuple[str, ...]] = ("ids", "errors", "codes", "labels", "marks")
    CALLED: ClassVar[str] = "reconstruction errors"
    MERIT: ClassVar[str] = "minus the mean squared error"

    errors: np.ndarray
    codes: np.ndarray
    labels: np.ndarray
    marks: np.ndarray
    inputs: np.ndarray | None = None
    shown: Shown | None = None

    @classmethod
    def of(cls, ids: np.ndarray, inputs: np.ndarray, errors: np.ndarray) -> Self:
        """Make predictions of errors alone."""
        count = len(ids)
        unlabelled = np.full(count, UNLABELLED, np.int32)
        return cls(ids, errors, np.zeros((count, 0), np.float32), unlabelled, np.zeros(0, np.int64), inputs)

    def labelled(self, labels: np.ndarray | None) -> Self:
        """Return the same with the classes of the examples, if they have any."""
        return self if labels is None else replace(self, labels=labels)

    def to_arrays(self) -> list[np.ndarray]:
        return [self.ids, self.errors, self.codes, self.labels, self.truth]

    @property
    def by_example(self) -> tuple[str, ...]:
        known = ("marks",) if len(self.marks) else ()
        return ("ids", "errors", "codes", "labels", *known, *(("inputs",) if self.inputs is not None else ()))

    @property
    def misfit(self) -> str | None:
        arrays = (self.ids, self.errors, self.codes, self.labels, self.marks)
        if "".join(array.dtype.kind for array in arrays).replace("u", "i") != "iffii":
            return "ids, labels and marks should be integers, errors and codes floats"
        count = len(self.ids)
        marked = self.marks.shape == (count,) or (self.inputs is not None and len(self.inputs) == count)
        fits = self.ids.ndim == self.labels.ndim == 1 and self.codes.ndim == 2 and self.errors.ndim == 2
        if not fits or not marked or {len(self.errors), len(self.codes), len(self.labels)} != {count} or not count:
            return f"the shapes are {', '.join(str(array.shape) for array in arrays)}"
        if self.errors.shape[1] != len(KINDS):
            return f"the errors are {self.errors.shape[1]} for each example instead of {len(KINDS)}"
        return None

    @cached_property
    def truth(self) -> np.ndarray:
        if len(self.marks) or self.inputs is None:
            return self.marks
        return np.array([zlib.crc32(np.ascontiguousarray(row).data) for row in self.inputs], np.int64)

    @property
    def merit(self) -> float:
        return -self.mean("mean_squared_error")

    def of_kind(self, kind: str) -> np.ndarray:
        """Return the errors of each example by one of `KINDS`, float64 (examples,)."""
        return self.errors[:, KINDS.index(kind)].astype(np.float64)

    def mean(self, kind: str) -> float:
        """Return the mean error by one of `KINDS`."""
        return float(self.of_kind(kind).mean())

    @property
    def classes(self) -> int:
        """Number of different classes that examples have; those without a class are left out."""
        return len(np.unique(self.labels[self.labels >= 0]))

    @cached_property
    def rand_index(self) -> float | None:
        """The adjusted Rand index of k-means on the codes against the classes; None without codes or two classes."""
        if not self.codes.shape[1] or self.classes < 2 or not np.isfinite(self.codes).all():
            return None
        from deepcli.evaluation.code_clusters import rand_index

        return rand_index(self.codes, self.labels)

    def too_few(self, every_class: bool = False) -> str | None:
        count = len(self.ids)
        return f"{count} example{'s' * (count != 1)}, {FEWEST} needed" if count < FEWEST else None

    def worst(
        self, x: Inputs, lexicon: Lexicon | None, columns: Sequence[Column] = ()
    ) -> InputExamples | WindowExamples:
        from deepcli.evaluation.shown_inputs import examples_of

        assert not isinstance(x, Tokens)
        return examples_of(self, x, columns)

    @classmethod
    def load_worst(cls, path: Path) -> InputExamples | WindowExamples:
        from deepcli.data.arrays.archive import names_in
        from deepcli.evaluation.shown_inputs import InputExamples
        from deepcli.evaluation.shown_windows import WindowExamples

        return WindowExamples.load(path) if "times" in names_in(path) else InputExamples.load(path)

    def tables(self) -> dict[str, Any]:
        return {}

    def paired(self, second: InputPredictions) -> PairedInputs:
        from deepcli.evaluation.paired_inputs import paired_inputs

        return paired_inputs(self, second)
