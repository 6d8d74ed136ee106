"""Base class of own data: files as people bring them, looked at once, described by a schema, and divided by content."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, PrivateAttr

from deepcli.data.base import SPLITS, BaseDataset
from deepcli.data.files import Sources, offline_is_set
from deepcli.data.lexicon import Lexicon
from deepcli.data.schema import MAX_BYTES, Kind, Schema, TargetKind
from deepcli.data.signature import Signature
from deepcli.data.sources.assignment import hashed, packed, seen_in_training, unpacked
from deepcli.data.sources.gathered import Gathered, class_counts, measured_target
from deepcli.data.sources.known_schemas import carried, found_schema
from deepcli.data.sources.splitting import SplitSection, divide_examples
from deepcli.errors import DataError
from deepcli.spec.paths import with_absolute_paths
from deepcli.system.reach import reach

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Inputs, Splits
    from deepcli.data.sources.tables.table_options import TableOptions

UNSEEN = ("batch_size", "augmentation", "limit")
"""Fields of a data section that its schema does not depend on."""


class OwnDataset(BaseDataset):
    """Data of the user's own.

    Attributes:
        path_fields: The fields that are paths.
        kinds: The kinds of input that such data may hold.
        of_one_column: Those of them that are read from one column of a table.
    """

    path_fields: ClassVar[tuple[str, ...]] = ("path",)
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "tokens", "features")
    of_one_column: ClassVar[tuple[Kind, ...]] = ()

    path: str = Field(description="The file or folder; runs store an absolute path.")
    split: SplitSection = Field(SplitSection(), description="How examples are divided into splits.")

    _reads: TargetKind | None = PrivateAttr(None)
    _carried: Schema | None = PrivateAttr(None)
    _looked: Schema | None = PrivateAttr(None)
    _copy: str | None = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        """Take the schema of the run or checkpoint that this section comes from, if it comes from one."""
        self._carried = carried()

    def bound(self, reads: TargetKind | None) -> OwnDataset:
        if reads == self._reads:
            return self
        copy = self.model_copy()
        copy._reads, copy._looked = reads, None
        return copy

    @property
    def place(self) -> str:
        """Where the data are on this machine; what is at an address is copied into the cache first.

        Raises:
            DataError: It cannot be copied.
        """
        from deepcli.data.sources.remote import fetched, is_remote

        if not is_remote(self.path):
            return self.path
        if self._copy is None:
            allowed = reach()
            offline = offline_is_set() if allowed.offline is None else allowed.offline
            sources = Sources(offline=offline, progress=allowed.downloading)
            self._copy = str(fetched(self.path, sources))
        return self._copy

    def carrying(self, schema: Schema | None) -> OwnDataset:
        copy = self.model_copy()
        copy._carried = schema
        return copy

    @classmethod
    def example(cls) -> Self:
        return cls.model_validate({"path": "path/to/data"})

    @abstractmethod
    def stamp(self) -> object:
        """Return names, sizes and times of all files, as JSON values; nothing is opened.

        Raises:
            DataError: There is nothing at the path.
        """

    @abstractmethod
    def gather(self, known: Schema | None) -> Gathered:
        """List the examples with their targets.

        Args:
            known: The schema of the model that will read the data; its rules and names are used. None: find them.

        Raises:
            DataError: The data cannot be used.
        """

    @abstractmethod
    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        """Return the fields `kind`, `shape`, `columns` and `vocabulary` of a schema.

        Args:
            gathered: The data.
            train: The places of the training examples; nothing may be learned from others.
        """

    @abstractmethod
    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        """Return the inputs of all examples as models take them."""

    @property
    def reading_options(self) -> TableOptions:
        """How a table for a model of these data is read, as far as the section says it."""
        from deepcli.data.sources.tables.table_options import TableOptions

        return TableOptions()

    @property
    def data_schema(self) -> Schema:
        """What the data hold: from the run or checkpoint, from the cache, or found by looking.

        Raises:
            DataError: The data cannot be used.
        """
        if self._carried is not None:
            return self._carried
        if self._looked is None:
            placed = with_absolute_paths(self)
            self._looked = placed._kept_schema(lambda: placed.described(placed.gather(None)))
        return self._looked

    def schema_of(self, gathered: Gathered) -> Schema:
        """Return the schema of examples that were just gathered, from the cache if it has them.

        Raises:
            DataError: They cannot be divided, or nothing can be learned from them.
        """
        found = with_absolute_paths(self)._kept_schema(lambda: self.described(gathered))
        # The files may have changed since they were gathered.
        return found if found.fingerprint == gathered.fingerprint else self.described(gathered)

    def _kept_schema(self, find: Callable[[], Schema]) -> Schema:
        section = {**self.model_dump(mode="json", exclude=set(UNSEEN)), "reads": self._reads}
        return found_schema(section, self.stamp(), find)

    def described(self, gathered: Gathered) -> Schema:
        """Divide the examples, and describe them by those for training.

        Raises:
            DataError: They cannot be divided, or nothing can be learned from them.
        """
        splits = divide_examples(gathered.divisible, self.split)
        train = [place for place, split in enumerate(splits) if split == "train"]
        schema = Schema(
            source=self.type,
            target=measured_target(gathered, train),
            counts={name: splits.count(name) for name in SPLITS},
            class_counts=class_counts(gathered, splits),
            layout=gathered.layout,
            fingerprint=gathered.fingerprint,
            assignment=packed(splits),
            trained_on=hashed(gathered.divisible.keys[place] for place in train),
            **self.describe(gathered, train),
        )
        if len(schema.model_dump_json()) > MAX_BYTES:
            raise DataError(
                f"{gathered.source}: its columns, categories and words take more than {MAX_BYTES >> 20} MiB to describe; choose "
                "fewer columns with data.input, or set a smaller data.num_words"
            )
        return schema

    @property
    def signature(self) -> Signature:
        schema = self.data_schema
        classes = 0 if schema.target.kind == "numbers" else len(schema.target.names)
        return Signature(
            schema.kind,
            schema.shape,
            classes,
            max(schema.counts.get("train", 0), 1),
            len(schema.vocabulary) or None,
            getattr(self, "augmentation", None),
            schema.target,
            schema.columns,
        )

    @property
    def length_is_known(self) -> bool:
        return True

    @property
    def train_examples(self) -> int:
        total = self.data_schema.counts["train"]
        return total if self.limit is None else min(total, self.limit)

    @property
    def has_validation(self) -> bool:
        return self.data_schema.counts.get("validation", 0) > 0

    def names_of(self, classes: int) -> list[str]:
        names = self.data_schema.target.names
        return [names[k] if k < len(names) else str(k) for k in range(classes)]

    def same_splits(self, other: BaseDataset) -> bool:
        return isinstance(other, OwnDataset) and self.split == other.split

    def lexicon(self, sources: Sources) -> Lexicon | None:
        words = self.data_schema.vocabulary
        return Lexicon(words) if words else None

    def load(self, sources: Sources) -> Splits:
        placed = with_absolute_paths(self)
        gathered, schema, same = placed.gather_again()
        if same:
            splits = unpacked(schema.assignment, len(gathered.values))
        else:
            # Other data than the model was trained on: all of them are to be tested, unless they say otherwise.
            splits = [split or "test" for split in gathered.divisible.given] or ["test"] * len(gathered.values)
            gathered = replace(gathered, findings=(*gathered.findings, *seen_in_training(gathered, schema)))
        return placed.made_splits(gathered, schema, splits)

    def gather_again(self) -> tuple[Gathered, Schema, bool]:
        """Read the data for training or evaluation; return them, the schema, and whether they are those it was made of.

        Raises:
            DataError: They cannot be used, or changed since the schema was made of them.
        """
        gathered, schema = self.gather(self._carried), self.data_schema
        same = gathered.fingerprint == schema.fingerprint
        if not same and self._carried is None:
            raise DataError(f"data.path: {gathered.source} changed while it was read; try again")
        return gathered, schema, same

    def made_splits(self, gathered: Gathered, schema: Schema, splits: Sequence[str]) -> Splits:
        """Put the examples into their splits, inputs and targets as models take them.

        Args:
            gathered: The examples.
            schema: What they hold.
            splits: The split of each example.
        """
        from deepcli.data.arrays.own_splits import make_splits

        made = make_splits(gathered, schema, splits, self.encode(gathered, schema), self.limit)
        return made.of_inputs(bool(schema.target.names)) if schema.target.kind == "inputs" else made
