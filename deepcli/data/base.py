"""What a data set is: a signature known from the spec alone, and splits that are read when they are needed."""

from __future__ import annotations

import dataclasses
import functools
import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.augmentation import Augmentation, ImageAugmentation, TokenAugmentation
from deepcli.data.encoding import encode_row
from deepcli.data.files import DataFile, Sources
from deepcli.errors import DataError, DeepcliError
from deepcli.spec.fields import Positive
from deepcli.spec.paths import failure, with_absolute_paths
from deepcli.spec.registry import Component, Registry, show

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Raw, Splits, Tokens
    from deepcli.data.lexicon import Lexicon

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Signature:
    """What a model must know of its data.

    Attributes:
        kind: `image` (uint8 pixels) or `tokens` (int32 ids, 0 for padding, right-padded).
        shape: (height, width, channels), or (longest length,) with None for no limit.
        classes: Number of classes.
        examples: Examples in the official training split, before validation is taken from it.
        vocabulary: Token ids are below it; None for images.
        augmentation: How a model varies its inputs while training; None for not at all.
    """

    kind: Literal["image", "tokens"]
    shape: tuple[int | None, ...]
    classes: int
    examples: int
    vocabulary: int | None = None
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        """Check that the fields fit each other.

        Raises:
            DataError: They do not; a plugin's data set is to blame.
        """
        sizes = self.shape if isinstance(self.shape, tuple) else ()
        if self.kind == "image":
            _demand(len(sizes) == 3 and all(map(_is_count, sizes)), "shape", self.shape, "(height, width, channels)")
        elif self.kind == "tokens":
            fits = len(sizes) == 1 and (sizes[0] is None or _is_count(sizes[0]))
            _demand(fits, "shape", self.shape, "(longest length,), or (None,) for no limit")
            _demand(_is_count(self.vocabulary), "vocabulary", self.vocabulary, "the number that all ids are below")
        else:
            _demand(False, "kind", self.kind, "'image' or 'tokens'")
        _demand(_is_count(self.classes) and self.classes > 1, "classes", self.classes, "an integer of at least 2")
        _demand(_is_count(self.examples), "examples", self.examples, "the number of training examples")


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and operator.index(value) > 0


def _demand(fits: bool, field: str, found: object, wanted: str) -> None:
    if not fits:
        raise DataError(f"the data set's signature: {field} is {show(found)}; it should be {wanted}")


class Dataset(Component):
    """Labelled examples for classification. Validation is always taken from the training split.

    Attributes:
        class_names: What the classes are called, in their order; empty where their numbers say it all.
        files: What it reads; empty where it comes with a package.
    """

    class_names: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[DataFile, ...]] = ()
    path_fields: ClassVar[tuple[str, ...]] = ("path",)

    path: str | None = Field(
        None, description="A folder or file to read instead of the usual places; runs keep it absolute."
    )
    batch_size: Positive = Field(64, description="Examples in a training step.")
    validation_split: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="Share of the training split held out for validation, stratified."
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of that choice; apart from `seed`, so that seeds compare on one split."
    )
    limit: Positive | None = Field(None, description="So many examples of each split, for quick trials.")

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """What a model must know; no file is read for it."""

    @abstractmethod
    def read(self, sources: Sources) -> Raw:
        """Find, verify and read the official splits.

        Raises:
            DataError: A file is missing, damaged or not what it should be.
        """

    def load(self, sources: Sources) -> Splits:
        """Read the data and divide it: the same spec gives the same examples in every split.

        Raises:
            DataError: As `read` does, or what it returned does not fit the signature, or a split would be empty.
        """
        from deepcli.data.arrays import contract
        from deepcli.data.arrays.splits import content_of, divide

        placed = with_absolute_paths(self)
        try:
            read, signature = placed.read(sources), placed.signature
        except DeepcliError:
            raise
        except Exception as error:  # whatever a plugin's code raises over its files
            raise DataError(failure(self.type, error, {"data": self.model_dump()})) from error
        raw = contract.check(read, signature, self.type)
        splits = divide(raw, self.validation_split, self.split_seed, self.limit)
        known = dataclasses.replace(raw.provenance, content=raw.provenance.content or content_of(raw))
        # Not `functools.cache`, which cannot be pickled; nor its sources' progress, which belongs to this process.
        offline = dataclasses.replace(sources, offline=True, progress=None)
        return dataclasses.replace(splits, provenance=known, lexicon=LocalLexicon(self, offline))

    def lexicon(self, sources: Sources) -> Lexicon | None:
        """Find the words of token ids; None where there are none.

        Raises:
            DataError: They are nowhere to be had.
        """
        return None

    def names_of(self, classes: int) -> list[str]:
        """Name so many classes, by their numbers where they have no names."""
        return [self.class_names[k] if k < len(self.class_names) else str(k) for k in range(classes)]

    @property
    def train_examples(self) -> int:
        """Examples that a training epoch goes through."""
        total = self.signature.examples
        rest = total - round(total * self.validation_split)
        return rest if self.limit is None else min(rest, self.limit)

    @property
    def steps_per_epoch(self) -> int:
        """Training steps of one epoch; the last batch may be smaller."""
        return -(-self.train_examples // self.batch_size)


class LocalLexicon:
    """Looks for the words of a data set's token ids when it is first called; None where this machine has none.

    Args:
        dataset: Knows where they are.
        sources: Where to look, offline.
    """

    def __init__(self, dataset: Dataset, sources: Sources) -> None:
        self._dataset, self._sources = dataset, sources

    def __call__(self) -> Lexicon | None:
        """Return the words."""
        return self._found

    @functools.cached_property
    def _found(self) -> Lexicon | None:
        try:
            return self._dataset.lexicon(self._sources)
        except (DataError, OSError, RuntimeError):
            return None


@dataclass(frozen=True)
class Preparation:
    """How the images of a data set were made from drawings: cut out, brought to size, and placed on a bitmap.

    Attributes:
        field: (height, width) of the bitmap: an image's own, or a multiple of it where each pixel of an image counts the
            inked ones of a block of the bitmap.
        box: (height, width) that a drawing fills at most.
        stretched: Whether a drawing fills the box in both directions, unless it is narrow; else it keeps its proportions.
        by_mass: Whether its centre of mass is in the middle of the bitmap; else the middle of its box.
    """

    field: tuple[int, int]
    box: tuple[int, int]
    stretched: bool
    by_mass: bool


class ImageDataset(Dataset):
    """Labelled images.

    Attributes:
        bright_on_dark: Whether what is shown is bright on a dark ground; None where that is no question, as of photos.
        preparation: How its images were made, if they are drawings; `predict` does the same with a picture of another
            size. None where pictures are only resized.
    """

    bright_on_dark: ClassVar[bool | None] = None
    preparation: ClassVar[Preparation | None] = None

    augmentation: ImageAugmentation | None = Field(None, description="How images are varied while training.")


class TokenDataset(Dataset):
    """Labelled texts, as ids of words."""

    augmentation: TokenAugmentation | None = Field(None, description="How texts are varied while training.")

    def tokenize(self, texts: Sequence[str], lexicon: Lexicon) -> Tokens:
        """Turn raw texts into the ids that a model of this data is trained on.

        Raises:
            DataError: Nobody knows how.
        """
        raise DataError(f"data of the type {self.type!r} has no way from raw text to ids; give ids as an array")

    @property
    def first(self) -> int | None:
        """The id that a whole text begins with and that is nowhere else; None where there is none."""
        return None

    def take(self, row: Any) -> np.ndarray:
        """Make a row of ids, padded before or behind them or not at all, into what a model of this data is trained on.

        Returns:
            int32 (length,).

        Raises:
            ValueError: It is something else.
        """
        (longest,) = self.signature.shape
        ids: np.ndarray = encode_row(row, self.signature.vocabulary or 0, 0, 0, longest)
        return ids


DATASETS: Registry[Dataset] = Registry("data sets")
