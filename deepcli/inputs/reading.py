"""From words of the command line to examples: files, folders, pipes and texts, for image models and text models."""

from __future__ import annotations

import io
import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deepcli.data.base import Dataset, ImageDataset, TokenDataset
from deepcli.data.lexicon import Lexicon, split_words
from deepcli.errors import DataError, UsageError
from deepcli.inputs import arrays, texts
from deepcli.inputs.example import Example, Tell

if TYPE_CHECKING:
    import numpy as np

STDIN, ENCODING = "-", "utf-8-sig"
MAX_PIPED_BYTES = 1 << 30
LONGEST_NAME, LONGEST_PATH = 60, 1000


@dataclass(frozen=True)
class Manner:
    """How inputs are to be read.

    Attributes:
        invert: Whether pictures are turned from bright to dark; None leaves it to their ground.
        key: Which array of an `.npz` file.
        column: Which column of a table holds the texts.
        lines: Whether each line of a file is a text of its own.
        limits: The values of black and white in pictures and arrays; None judges by each file.
        fit: Whether drawings are cut out and fitted as those of the data set were, `auto` (None means it) or `none`.
    """

    invert: bool | None = None
    key: str | None = None
    column: str | None = None
    lines: bool = False
    limits: tuple[float, float] | None = None
    fit: str | None = None


class Reader:
    """Reads what words name, and goes on after what cannot be read.

    Args:
        manner: How.
        tell: Is told what was done to inputs.
        complain: Is told what cannot be read.
    """

    def __init__(self, manner: Manner, tell: Tell, complain: Tell) -> None:
        self.manner, self.tell, self._complain = manner, tell, complain

    def read(self, words: Iterable[str]) -> Iterator[Example]:
        """Read the inputs one after another."""
        for word in words:
            for source in self._sources(word):
                try:
                    yield from source()
                except DataError as error:
                    self._complain(str(error))
                except UnicodeDecodeError:
                    self._complain(f"{word}: is no text in UTF-8")
                except OSError as error:
                    self._complain(f"{word}: cannot be read: {error.strerror or error}")

    def _sources(self, word: str) -> Iterator[Callable[[], Iterator[Example]]]:
        if word == STDIN:
            yield self._piped
        elif os.path.isdir(word):  # noqa: PTH112 - a text may be longer than any name
            found = list(self._inside(Path(word)))
            if not found:
                self._complain(f"{word}: holds nothing that such a model reads")
            for path in found:
                yield partial(self._file, path)
        elif os.path.exists(word):  # noqa: PTH110
            yield partial(self._file, Path(word))
        else:
            yield partial(self._word, word)

    @abstractmethod
    def _piped(self) -> Iterator[Example]:
        """Read standard input."""

    @abstractmethod
    def _inside(self, folder: Path) -> Iterator[Path]:
        """Find the files in a folder."""

    @abstractmethod
    def _file(self, path: Path) -> Iterator[Example]:
        """Read a file."""

    @abstractmethod
    def _word(self, word: str) -> Iterator[Example]:
        """Read a word that names no file."""


class ImageReader(Reader):
    """Reads for image models: picture files, arrays, folders of them, or one of them through a pipe."""

    def __init__(self, data: ImageDataset, manner: Manner, tell: Tell, complain: Tell) -> None:
        super().__init__(manner, tell, complain)
        from deepcli.inputs.pictures import Pictures
        from deepcli.inputs.wanted import wanted_by

        self._type = data.type
        self._wanted = wanted_by(data, fit=manner.fit != "none")
        self._pictures = Pictures(self._wanted, manner.invert, manner.limits)

    def _piped(self) -> Iterator[Example]:
        content = sys.stdin.buffer.read(MAX_PIPED_BYTES + 1)
        if not content:
            raise DataError("standard input is empty")
        if len(content) > MAX_PIPED_BYTES:
            raise DataError(f"standard input has more than {MAX_PIPED_BYTES >> 30} GiB; name a file instead")
        stream = io.BytesIO(content)
        is_array = content.startswith(arrays.MAGIC)
        yield from self._array(lambda: io.BytesIO(content), "-") if is_array else self._picture(stream, "-")

    def _inside(self, folder: Path) -> Iterator[Path]:
        from deepcli.inputs.pictures import pictures_in

        return pictures_in(folder)

    def _file(self, path: Path) -> Iterator[Example]:
        if path.suffix.lower() in arrays.SUFFIXES:
            yield from self._array(partial(arrays.opened, path, self.manner.key), str(path))
        else:
            yield from self._picture(path, str(path))

    def _word(self, word: str) -> Iterator[Example]:
        raise DataError(
            f"{word[:LONGEST_PATH]}: is not there; a model of {self._type} takes pictures, .npy or .npz files"
        )

    def _picture(self, source: Path | IO[bytes], name: str) -> Iterator[Example]:
        x, done = self._pictures.read(source, name)
        if done:
            self.tell(f"{name}: {', '.join(done)}")
        yield Example(name, x)

    def _array(self, opened: Callable[[], AbstractContextManager[IO[bytes]]], name: str) -> Iterator[Example]:
        """Read an array file twice: to judge what its numbers are, and to use them."""
        from deepcli.inputs.images import shapes_of, survey

        shapes = shapes_of(self._wanted)

        def pieces(stream: IO[bytes]) -> Iterator[np.ndarray]:
            for number, rows in enumerate(arrays.read_rows(stream, name)):
                yield rows[None] if number == 0 and rows.shape in shapes else rows

        with opened() as stream:
            images = survey(pieces(stream), self._wanted, self.manner.invert, self.manner.limits, name, self.tell)
        number = 0
        with opened() as stream:
            for rows in pieces(stream):
                for x in images.take(rows, name):
                    yield Example(f"{name}[{number}]", x)
                    number += 1


class TextReader(Reader):
    """Reads for text models: texts, text files, tables, arrays of ids, or lines through a pipe."""

    def __init__(self, data: TokenDataset, lexicon: Lexicon | None, manner: Manner, tell: Tell, complain: Tell) -> None:
        super().__init__(manner, tell, complain)
        self._data, self._lexicon = data, lexicon

    def _piped(self) -> Iterator[Example]:
        stream = io.TextIOWrapper(sys.stdin.buffer, encoding=ENCODING, newline="")
        empty = True
        for example in self._table(stream, "-", ",") if self.manner.column else self._lines(stream, "-"):
            empty = False
            yield example
        if empty:
            raise DataError("standard input is empty")

    def _inside(self, folder: Path) -> Iterator[Path]:
        yield from sorted(folder.glob("*.txt"))

    def _file(self, path: Path) -> Iterator[Example]:
        suffix = path.suffix.lower()
        if suffix in arrays.SUFFIXES:
            yield from self._ids(path)
        elif suffix in texts.TABLES or self.manner.column:
            with path.open(encoding=ENCODING, newline="") as stream:
                yield from self._table(stream, str(path), texts.TABLES.get(suffix, ","))
        elif self.manner.lines:
            with path.open(encoding=ENCODING, newline="") as stream:
                yield from self._lines(stream, str(path))
        else:
            yield self._example(str(path), texts.read_text(path))

    def _word(self, word: str) -> Iterator[Example]:
        if " " not in word and (
            os.sep in word or Path(word).suffix.lower() in (".txt", *texts.TABLES, *arrays.SUFFIXES)
        ):
            raise DataError(f"{word[:LONGEST_PATH]}: is not there; a text with a space in it is taken as a text")
        yield self._example(_short(word) or "(empty)", word)

    def _lines(self, stream: IO[str], name: str) -> Iterator[Example]:
        for line, text in texts.read_lines(stream, name):
            yield self._example(line, text)

    def _table(self, stream: IO[str], name: str, delimiter: str) -> Iterator[Example]:
        for row, text in texts.read_column(stream, name, self.manner.column, delimiter):
            yield self._example(row, text)

    def _ids(self, path: Path) -> Iterator[Example]:
        number = 0
        with arrays.opened(path, self.manner.key) as stream:
            for rows in arrays.read_rows(stream, str(path)):
                for x in arrays.take_ids(rows, self._data.signature.vocabulary or 0, str(path)):
                    yield Example(f"{path}[{number}]", x)
                    number += 1

    def _example(self, name: str, text: str) -> Example:
        if self._lexicon is None:
            raise DataError(f"{name}: the words that the model knows are not to be had; it takes arrays of ids only")
        if not any(word in self._lexicon.ids for word in split_words(text)):
            self.tell(f"{name}: the model knows none of its words")
        return Example(name, self._data.tokenize([text], self._lexicon).values)


def reader_for(data: Dataset, lexicon: Lexicon | None, manner: Manner, tell: Tell, complain: Tell) -> Reader:
    """Choose the reader for models of a data set.

    Raises:
        UsageError: There is none for such data, or it has no use for an option that was given.
    """
    if isinstance(data, ImageDataset):
        _refuse({"--column": manner.column, "--lines": manner.lines or None}, data)
        return ImageReader(data, manner, tell, complain)
    if isinstance(data, TokenDataset):
        _refuse({"--invert": manner.invert, "--range": manner.limits, "--fit": manner.fit}, data)
        return TextReader(data, lexicon, manner, tell, complain)
    raise UsageError(f"data of the type {data.type!r} are neither images nor texts; nobody knows how to read others")


def _refuse(options: dict[str, object], data: Dataset) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name}: means nothing to a model of {data.type}")


def _short(word: str) -> str:
    line = " ".join(word.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 3]}..."
