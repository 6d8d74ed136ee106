"""Pairs of texts of the user's own: sentences and their translations, questions and answers, words and their sounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.base import DATASETS
from deepcli.data.own import OwnDataset
from deepcli.data.own_texts import same_text
from deepcli.data.schema import PAIR_RESERVED, Kind, Schema, Target
from deepcli.data.signature import Signature
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.pair_vocabulary import (
    UNKNOWN,
    PairTokens,
    pair_decoder,
    pair_encoder,
    pair_vocabulary,
    token_names,
)
from deepcli.data.sources.parallel_files import PairedTexts
from deepcli.data.sources.splitting import Divisible
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError
from deepcli.spec.fields import Auto, Positive

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.encoded_pairs import EncodedPairs
    from deepcli.data.arrays.splits import Inputs, Splits

LONGEST_PAIR_SIDE = 512
"""Most tokens of a side, if none are said: the memory of attention grows with their square."""


@DATASETS.register
class PairsDataset(OwnDataset):
    """Pairs of texts: two columns of a table, or two parallel files, of which line 7 and line 7 belong together.

    Files that are named after their splits, such as `*.en` and `*.de` for `train.en`, `valid.en` and so on, are one set of
    data. Equal inputs are never in two splits that are drawn here.
    """

    path_fields: ClassVar[tuple[str, ...]] = ("path", "target_path")
    kinds: ClassVar[tuple[Kind, ...]] = ("pairs",)

    type: Literal["pairs"] = "pairs"
    target_path: str | None = Field(
        None, description="File, or pattern, of the targets, line by line; null: the path is a table with both sides."
    )
    input: str | Positive | None = Field(
        None, description="Column of a table that is translated, by name or number; null: the first of two."
    )
    target: str | Positive | None = Field(
        None, description="Column of a table with the targets, by name or number; null: the second of two."
    )
    tokens: PairTokens = Field(
        "words",
        description="What texts are split into; `bpe`: parts of words, learned from the training texts (byte-pair encoding).",
    )
    vocabulary_size: Annotated[int, Field(gt=4)] | None = Field(
        None,
        description="Maximum number of different words of a side, of which the most frequent are kept and the others are "
        "unknown; or of byte pairs, above 260. null: 20,000 words, 8,000 byte pairs.",
    )
    shared_vocabulary: bool = Field(False, description="Whether both sides have one vocabulary.")
    maxlen: Auto | Positive = Field(
        "auto", description=f"Maximum number of tokens of an input; auto: the longest, up to {LONGEST_PAIR_SIDE}."
    )
    target_maxlen: Auto | Positive = Field(
        "auto", description=f"Maximum number of tokens of a target; auto: the longest, up to {LONGEST_PAIR_SIDE}."
    )
    longer: Literal["error", "cut"] = Field("error", description="What to do with a side that has more tokens.")
    encoding: str = Field("auto", description="Encoding of the text, such as utf-8 or cp1252.")
    delimiter: str = Field(
        "auto", description="What separates values of a table: a character, or tab, comma, semicolon, pipe."
    )
    header: Literal["auto"] | bool = Field(
        "auto", description="Whether a table's first row holds the names of the columns."
    )
    quoting: Literal["auto", "minimal", "escaped", "none"] = Field(
        "auto",
        description="minimal: quotes enclose values, doubled inside them; escaped: behind a backslash; none: part of values.",
    )

    def stamp(self) -> object:
        from deepcli.data.sources.parallel_files import file_pairs
        from deepcli.data.sources.tables.split_files import table_files

        if self.target_path is not None:
            pairs = file_pairs(self.place, self.target_path)[0]
            return [[str(file), *stat_of(file)] for pair in pairs for file in (pair.source, pair.target)]
        return [[str(path), *stat_of(path)] for path, _ in table_files(self.place)]

    def gather(self, known: Schema | None) -> Gathered:
        self._check_section()
        texts = self._table(known) if self.target_path is None else self._parallel(self.target_path)
        if not texts.sources:
            raise DataError(f"{self.path}: has no pairs")
        both = [f"{source}\t{target}" for source, target in zip(texts.sources, texts.targets, strict=True)]
        return Gathered(
            self.path,
            Divisible([same_text(text) for text in texts.sources], None, texts.splits),
            Target(kind="sequence", reason="the other side of each pair"),
            both,
            texts,
            texts.findings,
            {**texts.layout, "tokens": self.tokens, "shared": self.shared_vocabulary},
            texts.places.__getitem__,
        )

    def _check_section(self) -> None:
        from deepcli.data.sources.remote import is_remote

        by = [name for name in ("by", "time") if getattr(self.split, name) is not None]
        if by:
            raise DataError(f"data.split.{by[0]}: pairs are divided by their inputs; leave it out")
        if self.target_path is not None:
            if is_remote(self.target_path):
                raise DataError("data.target_path: should be a file on this machine; copy it, and data.path, first")
            for name in ("input", "target", "delimiter", "header", "quoting"):
                if getattr(self, name) not in (None, "auto"):
                    raise DataError(f"data.{name}: is for a table; data.target_path says that these are parallel files")
            if self.split.column is not None:
                raise DataError(
                    "data.split.column: is for a table; data.target_path says that these are parallel files"
                )
        if self.vocabulary_size is not None and self.tokens == "characters":
            raise DataError(f"data.vocabulary_size: is for words and bpe; these tokens are {self.tokens}")
        if self.tokens == "bpe":
            self._check_byte_pairs()

    def _check_byte_pairs(self) -> None:
        from deepcli.data.schema_reading import BYTES, MOST_PAIRS
        from deepcli.data.sources.byte_pairs import demand_tokenizers

        demand_tokenizers()
        least, most = len(PAIR_RESERVED) + len(BYTES), MOST_PAIRS
        if self.vocabulary_size is not None and not least < self.vocabulary_size <= most:
            raise DataError(
                f"data.vocabulary_size: should be from {least + 1} to {most:,} for bpe, whose first tokens are the bytes, not "
                f"{self.vocabulary_size:,}"
            )

    def _parallel(self, target_path: str) -> PairedTexts:
        from deepcli.data.sources.parallel_files import read_parallel

        return read_parallel(self.place, str(Path(target_path).expanduser()), self.encoding)

    def _table(self, known: Schema | None) -> PairedTexts:
        from deepcli.data.sources.pair_table import read_pair_table
        from deepcli.data.sources.tables.table_options import TableOptions

        options = TableOptions(self.encoding, self.delimiter, self.header, self.quoting)
        return read_pair_table(self.place, options, (self.input, self.target), self.split.column, known)

    def described(self, gathered: Gathered) -> Schema:
        found = super().described(gathered)
        texts: PairedTexts = gathered.content
        train = [place for place, split in enumerate(self._splits_of(found, gathered)) if split == "train"]
        vocabularies = self._vocabularies(texts, train)
        lengths = [
            [len(encode(text)) + 1 for text in side]
            for side, encode in zip(
                (texts.sources, texts.targets),
                (pair_encoder(words, self.tokens) for words in vocabularies),
                strict=True,
            )
        ]
        shape = tuple(
            min(max(counts), LONGEST_PAIR_SIDE) if said == "auto" else said + 1
            for counts, said in zip(lengths, (self.maxlen, self.target_maxlen), strict=True)
        )
        self._demand_short(gathered, lengths, shape)
        own = () if self.shared_vocabulary else vocabularies[1]
        target = gathered.target.model_copy(update={"names": own})
        return found.model_copy(
            update={"vocabulary": vocabularies[0], "shape": shape, "target": target, "class_counts": {}}
        )

    @staticmethod
    def _splits_of(schema: Schema, gathered: Gathered) -> list[str]:
        from deepcli.data.sources.assignment import unpacked

        return unpacked(schema.assignment, len(gathered.values))

    def _vocabularies(self, texts: PairedTexts, train: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        sides = [[side[place] for place in train] for side in (texts.sources, texts.targets)]
        if self.shared_vocabulary:
            both = pair_vocabulary([*sides[0], *sides[1]], self.tokens, self.vocabulary_size)
            return both, both
        first, second = (pair_vocabulary(side, self.tokens, self.vocabulary_size) for side in sides)
        return first, second

    def _demand_short(self, gathered: Gathered, lengths: Sequence[Sequence[int]], shape: Sequence[int]) -> None:
        """Check that no side is longer than a model takes, unless longer ones are cut.

        Raises:
            DataError: One is.
        """
        names = (("input", "maxlen"), ("target", "target_maxlen"))
        for (side, field), counts, most in zip(names, lengths, shape, strict=True):
            long = [place for place, count in enumerate(counts) if count > most]
            if long and self.longer == "error":
                worst = max(counts) - 1
                raise DataError(
                    f"{gathered.where(long[0])}: its {side} has {counts[long[0]] - 1:,} {self.tokens}, more than {most - 1:,}"
                    + (f"; {len(long) - 1:,} more are too long" if len(long) > 1 else "")
                    + f"; set data.{field} to {worst}, or data.longer to cut"
                )

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return {"kind": "pairs", "shape": (1, 1)}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        found: Inputs = self._encoded(gathered, schema).rows
        return found

    def _encoded(self, gathered: Gathered, schema: Schema) -> EncodedPairs:
        from deepcli.data.arrays.encoded_pairs import encode_pairs

        self._demand_same(schema)
        texts: PairedTexts = gathered.content
        found = encode_pairs(texts.sources, texts.targets, schema, self.tokens)
        self._demand_short(gathered, found.lengths, [size or 1 for size in schema.shape])
        return found

    def _demand_same(self, schema: Schema) -> None:
        """Check that pairs for a model are read as in its training.

        Raises:
            DataError: They have other tokens.
        """
        if schema.layout.get("tokens") != self.tokens:
            raise DataError(f"data.tokens: the model was trained on {schema.layout.get('tokens')}, not {self.tokens}")

    def made_splits(self, gathered: Gathered, schema: Schema, splits: Sequence[str]) -> Splits:
        from deepcli.data.arrays.encoded_pairs import with_texts
        from deepcli.data.arrays.own_splits import make_splits

        encoded = self._encoded(gathered, schema)
        made = make_splits(gathered, schema, splits, encoded.rows, self.limit, encoded.targets)
        texts: PairedTexts = gathered.content
        found = with_texts(made, texts.sources, texts.targets)
        return replace(found, findings=(*found.findings, *self._findings(encoded, splits)))

    def _findings(self, encoded: EncodedPairs, splits: Sequence[str]) -> Iterator[Finding]:
        """Report sides that were cut, and tokens that training lacks."""
        for side, cut in zip(("inputs", "targets"), encoded.cut, strict=True):
            if cut:
                yield Finding(
                    "cut", "warning", self.path, f"{cut:,} {side} are longer than the limit; their ends are cut"
                )
        if self.tokens != "words":
            return
        for number, side in enumerate(("inputs", "targets")):
            unknown, total = (int(sum(counts)) for counts in zip(*encoded.unknown(number, splits), strict=True))
            if unknown:
                share = f"{100 * unknown / total:.1f} % of the words"
                text = f"{share} of validation and test {side} are not in the vocabulary; they count as one word, <unknown>"
                yield Finding("unknown-tokens", "note", self.path, text)

    @property
    def signature(self) -> Signature:
        schema = self.data_schema
        names = schema.target.names or schema.vocabulary
        return Signature(
            schema.kind,
            schema.shape,
            len(names),
            max(schema.counts.get("train", 0), 1),
            len(schema.vocabulary),
            target=schema.target,
            unscored=UNKNOWN if self.tokens == "characters" else None,
            shared=not schema.target.names,
        )

    @property
    def target_vocabulary(self) -> tuple[str, ...]:
        """The tokens of targets by id."""
        schema = self.data_schema
        return schema.target.names or schema.vocabulary

    def names_of(self, classes: int) -> list[str]:
        return list(token_names(self.target_vocabulary, self.tokens)[:classes])

    def encoded_input(self, text: str) -> np.ndarray:
        """Return the row of ids of an input for a model of these data, int32 (tokens,)."""
        return self._row(text, self.data_schema.vocabulary, 0)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of an input."""
        return len(pair_encoder(self.data_schema.vocabulary, self.tokens)(text))

    def encoded_target(self, text: str) -> np.ndarray:
        """Return the ids of a target with the end token, int32 (tokens,)."""
        return self._row(text, self.target_vocabulary, 1)

    def _row(self, text: str, vocabulary: tuple[str, ...], side: int) -> np.ndarray:
        import numpy as np

        from deepcli.data.arrays.encoded_pairs import source_row

        ids = pair_encoder(vocabulary, self.tokens)(text)
        return np.array(source_row(ids, self.data_schema.shape[side] or 1), np.int32)

    def decoder(self) -> Callable[[Iterable[int]], str]:
        """Return what turns the ids of a target into its text."""
        return pair_decoder(self.target_vocabulary, self.tokens)
