"""Base classes of data sets: a signature known before anything is read, and splits that are read on demand."""

from __future__ import annotations

import dataclasses
import functools
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, runtime_checkable

from pydantic import Field, PrivateAttr

from deepcli.data.augmentation import ImageAugmentation, TokenAugmentation
from deepcli.data.encoding import encode_row, look_up, split_words
from deepcli.data.files import DataFile, Sources
from deepcli.data.schema import Schema, Target, TargetKind
from deepcli.data.signature import Signature
from deepcli.data.sources.kinds import kind_at, looks_like_path
from deepcli.errors import DataError, DeepcliError
from deepcli.spec.fields import Positive
from deepcli.spec.paths import failure, with_absolute_paths
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import numpy as np
    from pydantic.json_schema import JsonSchemaValue

    from deepcli.data.arrays.splits import Raw, Splits, Tokens
    from deepcli.data.lexicon import Lexicon

SPLITS = ("train", "validation", "test")


class BaseDataset(Component):
    """Examples with targets, divided into training, validation and test splits.

    Attributes:
        files: The published files that it reads; empty if the data come with a package or are the user's own.
    """

    files: ClassVar[tuple[DataFile, ...]] = ()
    path_fields: ClassVar[tuple[str, ...]] = ("path",)

    path: str | None = Field(
        None, description="Folder or file to read instead of the usual places; runs store an absolute path."
    )
    batch_size: Positive = Field(64, description="Examples per training step.")
    limit: Positive | None = Field(None, description="Maximum number of examples per split, for quick trials.")

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """What a model needs to know about the data."""

    @property
    @abstractmethod
    def data_schema(self) -> Schema:
        """What the data hold, to be written into runs and checkpoints."""

    @property
    @abstractmethod
    def length_is_known(self) -> bool:
        """Whether the number of examples is known before the data are read."""

    @property
    @abstractmethod
    def train_examples(self) -> int:
        """Number of examples in a training epoch."""

    @property
    @abstractmethod
    def has_validation(self) -> bool:
        """Whether there is a validation split."""

    @abstractmethod
    def load(self, sources: Sources) -> Splits:
        """Read and split the data; the same spec gives the same examples in every split.

        Raises:
            DataError: A file is missing, damaged or has unexpected content, or a split would be empty.
        """

    @abstractmethod
    def names_of(self, classes: int) -> list[str]:
        """Return the names of the first `classes` classes; a class without a name is named by its number."""

    def carrying(self, schema: Schema | None) -> BaseDataset:
        """Return the data set as the run or checkpoint that a schema comes from knows it."""
        return self

    def bound(self, reads: TargetKind | None) -> BaseDataset:
        """Return the data set with its target read as a task wants it; itself if it can be read in one way only."""
        return self

    def issues(self) -> Iterator[Issue]:
        """Yield fields that have no meaning as a task reads the data; asked after `bound`."""
        yield from ()

    def same_splits(self, other: BaseDataset) -> bool:
        """Return whether another section divides the same data into the same splits."""
        return True

    def lexicon(self, sources: Sources) -> Lexicon | None:
        """Return the words of token ids; None for data without words.

        Raises:
            DataError: The words are not available.
        """
        return None

    @property
    def steps_per_epoch(self) -> int:
        """Training steps per epoch; the last batch may be smaller."""
        return -(-self.train_examples // self.batch_size)


class Dataset(BaseDataset):
    """Labelled examples with official splits. The validation split is always held out of the training split.

    Attributes:
        class_names: Names of the classes, in the order of their numbers; empty if the numbers are the names.
    """

    class_names: ClassVar[tuple[str, ...]] = ()

    validation_split: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.1, description="Fraction of the training split held out for validation, stratified."
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the validation split; separate from `seed`, so that all seeds share one split."
    )

    _reads: TargetKind | None = PrivateAttr(None)

    def bound(self, reads: TargetKind | None) -> BaseDataset:
        if (reads == "inputs") == (self._reads == "inputs"):
            return self
        copy = self.model_copy()
        copy._reads = reads
        return copy

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """What a model needs to know about the data; reads no files."""

    @abstractmethod
    def read(self, sources: Sources) -> Raw:
        """Find, verify and read the official splits.

        Raises:
            DataError: A file is missing, damaged or has unexpected content.
        """

    def load(self, sources: Sources) -> Splits:
        from deepcli.data.arrays import contract
        from deepcli.data.arrays.splits import content_of, divide

        placed = with_absolute_paths(self)
        try:
            read, signature = placed.read(sources), placed.signature
        except DeepcliError:
            raise
        except Exception as error:  # a plugin's code may raise anything
            raise DataError(failure(self.type, error, {"data": self.model_dump()})) from error
        raw = contract.check(read, signature, self.type)
        splits = divide(raw, self.validation_split, self.split_seed, self.limit)
        known = dataclasses.replace(raw.provenance, content=raw.provenance.content or content_of(raw))
        # Splits may be pickled: `functools.cache` cannot be, and the progress callback belongs to this process.
        offline = dataclasses.replace(sources, offline=True, progress=None)
        found = dataclasses.replace(splits, provenance=known, lexicon=LocalLexicon(self, offline))
        return found.of_inputs(signature.predicted.kind == "classes") if self._reads == "inputs" else found

    def names_of(self, classes: int) -> list[str]:
        return [self.class_names[k] if k < len(self.class_names) else str(k) for k in range(classes)]

    @property
    def data_schema(self) -> Schema:
        signature = self.signature
        target = signature.target or Target(names=tuple(self.names_of(signature.classes)))
        return Schema(
            source=self.type,
            kind=signature.kind,
            shape=signature.shape,
            target=target,
            columns=signature.columns,
            counts={"train": signature.examples},
        )

    @property
    def length_is_known(self) -> bool:
        return self.path is None

    @property
    def has_validation(self) -> bool:
        return self.validation_split > 0

    def same_splits(self, other: BaseDataset) -> bool:
        return isinstance(other, Dataset) and (self.validation_split, self.split_seed) == (
            other.validation_split,
            other.split_seed,
        )

    @property
    def train_examples(self) -> int:
        total = self.signature.examples
        rest = total - round(total * self.validation_split)
        return rest if self.limit is None else min(rest, self.limit)


class LocalLexicon:
    """Words of a data set's token ids, read at the first call; None if they are not on this machine.

    Args:
        dataset: The data set.
        sources: Where to look, without downloads.
    """

    def __init__(self, dataset: BaseDataset, sources: Sources) -> None:
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
    """How the images of a data set were made from drawings: cropped, resized, and placed on a bitmap.

    Attributes:
        field: (height, width) of the bitmap: the image's own size, or a multiple of it if each pixel of an image counts
            the inked pixels in a block of the bitmap.
        box: Maximum (height, width) of a drawing on the bitmap.
        stretched: Whether a drawing fills the box in both directions, unless it is narrow; otherwise it keeps its aspect
            ratio.
        by_mass: Whether the drawing's centre of mass is in the middle of the bitmap; otherwise the middle of its box is.
    """

    field: tuple[int, int]
    box: tuple[int, int]
    stretched: bool
    by_mass: bool


class ImageDataset(Dataset):
    """Labelled images.

    Attributes:
        bright_on_dark: Whether images show bright objects on a dark background; None if neither is the rule, as in photos.
        preparation: How the images were made, if they are drawings; `predict` prepares pictures of other sizes in the same
            way. None if pictures are only resized.
    """

    bright_on_dark: ClassVar[bool | None] = None
    preparation: ClassVar[Preparation | None] = None

    augmentation: ImageAugmentation | None = Field(None, description="How images are varied during training.")


class TakesIds:
    """What a data set of token ids does with inputs that are new: it takes ids, and texts if a subclass can."""

    if TYPE_CHECKING:
        type: str

        @property
        def signature(self) -> Signature: ...

    def tokenize(self, texts: Sequence[str], lexicon: Lexicon) -> Tokens:
        """Turn raw texts into the token ids that a model of this data set takes.

        Raises:
            DataError: The data set does not support raw text.
        """
        raise DataError(f"data sets of type {self.type!r} cannot turn raw text into token ids; give ids as an array")

    def knows_a_word(self, text: str, lexicon: Lexicon) -> bool:
        """Return whether a model of this data set knows any word of a text."""
        return any(look_up(word, lexicon.ids) is not None for word in split_words(text))

    @property
    def first(self) -> int | None:
        """The id that starts every text and appears nowhere else; None if there is no such id."""
        return None

    def take(self, row: Any) -> np.ndarray:
        """Turn a row of ids, padded on either side or not at all, into the ids that a model of this data set takes.

        Returns:
            int32 (length,).

        Raises:
            ValueError: The row does not consist of valid ids.
        """
        (longest,) = self.signature.shape
        ids: np.ndarray = encode_row(row, self.signature.vocabulary or 0, 0, 0, longest)
        return ids


class TokenDataset(TakesIds, Dataset):
    """Labelled texts as word ids."""

    augmentation: TokenAugmentation | None = Field(None, description="How texts are varied during training.")


@runtime_checkable
class ReadsTexts(Protocol):
    """Data whose models take texts as token ids."""

    @property
    def type(self) -> str: ...

    @property
    def signature(self) -> Signature: ...

    @property
    def first(self) -> int | None: ...

    def tokenize(self, texts: Sequence[str], lexicon: Lexicon) -> Tokens: ...

    def knows_a_word(self, text: str, lexicon: Lexicon) -> bool: ...

    def take(self, row: Any) -> np.ndarray: ...


class DatasetRegistry(Registry[BaseDataset]):
    """Data sets by name; a path instead of a name stands for the kind of own data that is found there.

    Some tasks read each path as the same kind of data: a file whose next tokens are predicted is a text, whatever its name.
    """

    def type_of(self, value: object) -> object:
        if isinstance(value, Mapping) and "type" not in value and isinstance(path := value.get("path"), str):
            return kind_at(path)
        if isinstance(value, str) and value not in self and looks_like_path(value):
            return kind_at(value)
        return super().type_of(value)

    def written_out(self, value: object) -> object:
        if isinstance(value, str) and value not in self and looks_like_path(value):
            return {"path": value}
        return super().written_out(value)

    def beside(self, value: object, sections: Mapping[str, Any]) -> object:
        task, written = sections.get("task"), self.written_out(value)
        if task is None or not isinstance(written, Mapping) or "type" in written:
            return value
        source = task.source_of(written) if isinstance(written.get("path"), str) else ""
        return {"type": source, **written} if source else value

    def other_words(self) -> list[JsonSchemaValue]:
        return [{"type": "string", "pattern": r"[/\\.]", "description": "The path of your own data."}]

    def known_without_type(self, name: str) -> bool:
        """Whether it is data at a path, by which they are known."""
        return "path" in self[name].model_fields and self[name].model_fields["path"].is_required()


DATASETS = DatasetRegistry("data sets")
"""Data sets: their sections in a spec, and the code that reads them (it imports NumPy only when it is called)."""
