"""What a model needs to know about its data, before any of them is read."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from deepcli.data.augmentation import Augmentation
from deepcli.data.schema import Column, Kind, SeriesFacts, Target
from deepcli.errors import DataError
from deepcli.spec.registry import show


@dataclass(frozen=True)
class Signature:
    """What a model needs to know about its data.

    Attributes:
        kind: `image` (uint8 pixels), `tokens` (int32 ids, 0 for padding, right-padded), `features` (float32 columns),
            `text` (int32 ids of a window of a running text), `series` (float32 steps of one or several columns; steps
            of NaN are behind the end) or `pairs` (int32 ids of an input and a target, as `encoded_pairs` joins them).
        shape: (height, width, channels), (maximum length,) with None for no limit, (columns,), (window,), (steps, columns),
            or (maximum length of inputs, of targets).
        classes: Number of classes, levels, labels or different tokens; 0 if numbers are predicted. Where inputs are
            predicted, the number of classes that examples have besides, or 0.
        examples: Number of examples in the official training split, before the validation split is held out.
        vocabulary: Token ids, of pairs those of inputs, are below this number; None for other inputs.
        augmentation: How a model varies its inputs during training; None for no augmentation.
        target: What is predicted; None for one of `classes` classes.
        columns: The columns of `features`, in order.
        unscored: The id of a target that no model can predict, as training lacks it; None if there is none.
        series: What is known about time series that are forecast; None for other data.
        shared: Whether inputs and targets of pairs have the same vocabulary.
    """

    kind: Kind
    shape: tuple[int | None, ...]
    classes: int
    examples: int
    vocabulary: int | None = None
    augmentation: Augmentation | None = None
    target: Target | None = None
    columns: tuple[Column, ...] = ()
    unscored: int | None = None
    series: SeriesFacts | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        """Check that the fields are consistent.

        Raises:
            DataError: They are not, which is an error in a plugin's data set.
        """
        sizes = self.shape if isinstance(self.shape, tuple) else ()
        if self.kind == "image":
            _demand(len(sizes) == 3 and all(map(_is_count, sizes)), "shape", self.shape, "(height, width, channels)")
        elif self.kind == "tokens":
            fits = len(sizes) == 1 and (sizes[0] is None or _is_count(sizes[0]))
            _demand(fits, "shape", self.shape, "(maximum length,), or (None,) for no limit")
            _demand(_is_count(self.vocabulary), "vocabulary", self.vocabulary, "a number greater than every token id")
        elif self.kind == "features":
            _demand(len(sizes) == 1 and _is_count(sizes[0]), "shape", self.shape, "(columns,)")
            _demand(len(self.columns) == sizes[0], "columns", len(self.columns), "one for each feature")
        elif self.kind == "text":
            _demand(len(sizes) == 1 and _is_count(sizes[0]), "shape", self.shape, "(window,)")
            _demand(_is_count(self.vocabulary), "vocabulary", self.vocabulary, "a number greater than every token id")
        elif self.kind == "series":
            _demand(len(sizes) == 2 and all(map(_is_count, sizes)), "shape", self.shape, "(steps, columns)")
            _demand(len(self.columns) == sizes[1], "columns", len(self.columns), "one for each column of the series")
        elif self.kind == "pairs":
            _demand(
                len(sizes) == 2 and all(map(_is_count, sizes)), "shape", self.shape, "(longest input, longest target)"
            )
            _demand(_is_count(self.vocabulary), "vocabulary", self.vocabulary, "a number greater than every token id")
        else:
            _demand(False, "kind", self.kind, "'image', 'tokens', 'features', 'text', 'series' or 'pairs'")
        if self.predicted.kind == "series":
            _demand(self.series is not None, "series", self.series, "what is known about the series")
        if self.predicted.kind in ("numbers", "series"):
            _demand(bool(self.predicted.names), "target", self.predicted.names, "one name for each number")
        elif self.predicted.kind != "inputs":
            _demand(_is_count(self.classes) and self.classes > 1, "classes", self.classes, "an integer of at least 2")
        _demand(_is_count(self.examples), "examples", self.examples, "the number of training examples")

    @property
    def predicted(self) -> Target:
        """What is predicted; classes if nothing else is said."""
        return self.target or Target()


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and operator.index(value) > 0


def _demand(fits: bool, field: str, found: object, wanted: str) -> None:
    if not fits:
        raise DataError(f"the data set's signature: {field} is {show(found)}; it should be {wanted}")
