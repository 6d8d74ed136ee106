"""Running texts of the user's own: a book, a folder of notes, source code; models predict each next token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from deepcli.data.base import DATASETS, SPLITS
from deepcli.data.own import OwnDataset
from deepcli.data.schema import Kind, Schema, Target
from deepcli.data.schema_reading import BYTES, MOST_PAIRS
from deepcli.data.signature import Signature
from deepcli.data.sources.byte_pairs import BytePairs, demand_tokenizers
from deepcli.data.sources.findings import Finding, Severity
from deepcli.data.sources.gathered import Gathered
from deepcli.data.sources.splitting import Divisible
from deepcli.data.sources.text_vocabulary import LEARNED, TextTokens, most_tokens, text_vocabulary, token_counter
from deepcli.data.text_folder import stat_of
from deepcli.errors import DataError
from deepcli.spec.fields import Positive
from deepcli.spec.paths import with_absolute_paths

if TYPE_CHECKING:
    from deepcli.data.arrays.encoded_running_text import EncodedText
    from deepcli.data.arrays.splits import Inputs, Splits
    from deepcli.data.files import Sources
    from deepcli.data.sources.text_pieces import RunningText

SHOWN = 5
"""Unknown tokens that a notice names."""


@DATASETS.register
class TextDataset(OwnDataset):
    """A running text, such as a book: a file, the .txt and .md files of a folder one after another, or a column of a table.

    A model predicts each token from those before it. The text is divided by place: the end of it is for test, what is
    before that for validation, the rest for training; or as files say that are named train, validation and test. It is
    read in windows; none reaches from one split into another.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ("text",)

    type: Literal["text"] = "text"
    column: str | None = Field(
        None,
        description="Column of a table whose texts are read one after another, a row a line; null: the path is of text.",
    )
    lines: bool = Field(
        False,
        description="Whether each line is a text of its own, such as a name: lines are drawn for test and validation by "
        "their content, and equal lines stay in one split. Windows still reach over several lines of a split.",
    )
    tokens: TextTokens = Field(
        "characters",
        description="What the text is split into; `bpe`: parts of words, learned from the training text (byte-pair encoding).",
    )
    vocabulary_size: Annotated[int, Field(gt=1)] | None = Field(
        None,
        description="Maximum number of different words, of which the most frequent are kept and the others are unknown; or "
        "of byte pairs, above 256. null: 20,000 words, 8,000 byte pairs.",
    )
    window: Positive = Field(128, description="Tokens that a model sees at most (`max_step` in some books).")
    stride: Positive | None = Field(
        None,
        description="Tokens from one window of training to the next; null: window, so that no two of them overlap. Those "
        "of validation and test never overlap.",
    )

    def stamp(self) -> object:
        from deepcli.data.sources.tables.split_files import table_files
        from deepcli.data.sources.text_pieces import find_text_files

        if self.tokens == "bpe":
            demand_tokenizers()  # before a schema from the cache is used, as reading the text will need it
        if self.column is not None:
            return [[str(path), *stat_of(path)] for path, _ in table_files(self.place)]
        return [[str(path), *stat_of(path)] for path in find_text_files(Path(self.place).expanduser())]

    def gather(self, known: Schema | None) -> Gathered:
        from deepcli.data.sources.text_division import read_text
        from deepcli.data.sources.text_pieces import read_column

        self._check_section()
        if self.column is not None:
            text, findings = read_column(self.place, self.column)
        else:
            text, findings = read_text(Path(self.place).expanduser())
        target = Target(kind="tokens", reason="the token after each token")
        return Gathered(self.path, Divisible([text.digest]), target, [0], text, findings)

    def _check_section(self) -> None:
        by = [name for name in ("by", "column", "time") if getattr(self.split, name) is not None]
        if by:
            raise DataError(
                f"data.split.{by[0]}: is for tables; a running text is divided by place, its end for test, or by lines"
            )
        if self.split.test + self.split.validation >= 1:
            shares = f"test {self.split.test} and validation {self.split.validation}"
            raise DataError(f"data.split: {shares} leave nothing to train on")
        if self.vocabulary_size is not None and self.tokens not in LEARNED:
            raise DataError(f"data.vocabulary_size: is for words and bpe; these tokens are {self.tokens}")
        if self.tokens == "bpe":
            demand_tokenizers()
            if self.vocabulary_size is not None and not len(BYTES) < self.vocabulary_size <= MOST_PAIRS:
                raise DataError(
                    f"data.vocabulary_size: should be from {len(BYTES) + 1} to {MOST_PAIRS:,} for bpe, whose first "
                    f"{len(BYTES)} tokens are the bytes, not {self.vocabulary_size:,}"
                )

    def _parts(self, text: RunningText, whole: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the text in pieces with the numbers of their splits.

        Args:
            text: The text.
            whole: Whether it is for test, as it is not what the model was trained on.
        """
        from deepcli.data.sources.text_division import divided, for_test

        learned = self.tokens in LEARNED
        return for_test(text, learned) if whole else divided(text, self.split, self.lines, learned)

    def described(self, gathered: Gathered) -> Schema:
        from deepcli.data.sources.text_division import division_of

        text: RunningText = gathered.content
        training = (piece for part, piece in self._parts(text) if part == 0)
        vocabulary = text_vocabulary(training, self.tokens, self.vocabulary_size)
        tokens, counted = [0, 0, 0], token_counter(vocabulary, self.tokens)
        for part, piece in self._parts(text):
            tokens[part] += counted(piece)
        for name, count in zip(SPLITS, tokens, strict=True):
            self._demand_window(name, count)
        found = {
            "tokens": self.tokens,
            "characters": text.characters,
            "files": len(text.files),
            "division": division_of(text, self.lines),
        }
        return Schema(
            source=self.type,
            target=gathered.target,
            counts={name: self._windows(name, count) for name, count in zip(SPLITS, tokens, strict=True)},
            layout={**found, **{f"{name}_tokens": count for name, count in zip(SPLITS, tokens, strict=True)}},
            fingerprint=gathered.fingerprint,
            **self.describe(gathered, ()),
            vocabulary=vocabulary,
        )

    def describe(self, gathered: Gathered, train: Sequence[int]) -> dict[str, Any]:
        return {"kind": "text", "shape": (self.window,)}

    def encode(self, gathered: Gathered, schema: Schema) -> Inputs:
        found: Inputs = self._encoded(gathered, schema, whole=True).windows(2, self.window, self.window, None).x
        return found

    def _encoded(self, gathered: Gathered, schema: Schema, whole: bool = False) -> EncodedText:
        from deepcli.data.arrays.encoded_running_text import encode_running_text

        text: RunningText = gathered.content
        count = sum(most_tokens(piece, self.tokens) for _, piece in self._parts(text, whole))
        return encode_running_text(self._parts(text, whole), len(SPLITS), count, schema.vocabulary, self.tokens)

    def _windows(self, split: str, tokens: int) -> int:
        stride = self._stride if split == "train" else self.window
        return len(range(0, tokens - self.window, stride))

    @property
    def _stride(self) -> int:
        return self.stride or self.window

    def _demand_window(self, split: str, tokens: int) -> None:
        """Check that a split has a window and the token after it.

        Raises:
            DataError: It has not.
        """
        if tokens > self.window or (split == "validation" and not tokens and not self.split.validation):
            return
        share = f"; set data.split.{split} to a larger share" if split != "train" else ""
        shorter = f", or data.window to at most {tokens - 1}" if tokens > 1 else ""
        raise DataError(
            f"{self.path}: its {split} split has {tokens:,} {self.tokens}, too few for a window of {self.window} and what "
            f"follows it; give a longer text{share}{shorter}"
        )

    @property
    def signature(self) -> Signature:
        schema = self.data_schema
        return Signature(
            schema.kind,
            schema.shape,
            len(schema.vocabulary),
            max(schema.counts.get("train", 0), 1),
            len(schema.vocabulary),
            target=schema.target,
            unscored=0 if self.tokens == "characters" else None,
        )

    def names_of(self, classes: int) -> list[str]:
        vocabulary = self.data_schema.vocabulary[:classes]
        return list(BytePairs(vocabulary).names if self.tokens == "bpe" else vocabulary)

    def load(self, sources: Sources) -> Splits:
        from deepcli.data.arrays.splits import Provenance, Splits

        placed = with_absolute_paths(self)
        placed._demand_same_tokens()
        gathered, schema, same = placed.gather_again()
        # Other data than the model was trained on: all of them are to be tested.
        encoded = placed._encoded(gathered, schema, whole=not same)
        train, validation, test = (
            encoded.windows(number, self.window, self._stride if number == 0 else self.window, self.limit)
            for number in range(len(SPLITS))
        )
        if not len(test):
            self._demand_window("test", encoded.ends[2] - encoded.ends[1])
        mark = gathered.fingerprint
        return Splits(
            train,
            validation if len(validation) else None,
            test,
            Provenance(gathered.source, True, mark, mark),
            findings=(*gathered.findings, *self._unknown(encoded)),
        )

    def _demand_same_tokens(self) -> None:
        """Check that a model's text is read as in training.

        Raises:
            DataError: It has other tokens, or another window.
        """
        known = self._carried
        if known is None:
            return
        if known.shape != (self.window,):
            raise DataError(f"data.window: the model was trained on windows of {known.shape[0]}, not {self.window}")
        if known.layout.get("tokens") != self.tokens:
            raise DataError(f"data.tokens: the model was trained on {known.layout.get('tokens')}, not {self.tokens}")

    def _unknown(self, encoded: EncodedText) -> Iterator[Finding]:
        """Report tokens of validation and test that training lacks."""
        for name, unknown in zip(SPLITS[1:], encoded.unknown[1:], strict=True):
            if not unknown:
                continue
            most = [repr(token) for token, _ in unknown.most_common(SHOWN)]
            more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
            count = unknown.total()
            said = "they count as one word, <unknown>" if self.tokens == "words" else "they are not scored"
            text = f"{count:,} {self.tokens} of {name} are not in the vocabulary of training ({', '.join(most)}{more}); {said}"
            severity: Severity = "note" if self.tokens == "words" else "warning"
            yield Finding("unknown-tokens", severity, self.path, text)
