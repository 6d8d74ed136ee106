"""Reads the inputs on a command line as examples: files, folders, pipes and texts, for image and text models."""

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
from typing import IO, TYPE_CHECKING, Any

from deepcli.data.base import BaseDataset, ImageDataset, ReadsTexts
from deepcli.data.lexicon import Lexicon
from deepcli.data.own import OwnDataset
from deepcli.data.pairs import PairsDataset
from deepcli.data.running_text import TextDataset
from deepcli.data.series import SeriesDataset
from deepcli.data.series_classes import SeriesClassesDataset
from deepcli.data.shards import ShardsDataset
from deepcli.data.table import TableDataset
from deepcli.errors import DataError, UsageError
from deepcli.inputs import arrays, in_memory, records, texts
from deepcli.inputs.example import Example, Notify, Unreadable
from deepcli.inputs.folders import files_in
from deepcli.inputs.ids import Rows, read_array

if TYPE_CHECKING:
    import numpy as np

STDIN = "-"
MAX_PIPED_BYTES = 1 << 30
LONGEST_NAME, LONGEST_PATH = 60, 1000
STRUCTURED = (*texts.TABLES, *records.LINES, *records.WHOLE)
FILES = (".txt", *STRUCTURED, *arrays.SUFFIXES)
"""Suffixes of words that mean a file of texts, even if it does not exist."""

Outcomes = Iterator[Example | Unreadable]
Source = Callable[[], Outcomes]


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading inputs.

    Attributes:
        invert: Whether to invert pictures; None detects it from their background.
        key: The name of the array in an `.npz` file.
        column: The column of a table, or the field of JSON objects, that contains the texts.
        lines: Whether each line of a file is a separate text.
        limits: The values of black and white in pictures and arrays; None detects them from each file.
        fit: `auto` to crop and fit drawings like those of the data set, or `none`; None means `auto`.
        horizon: The number of steps to forecast; None for all that the model forecasts.
        stride: Steps from one window of a series to the next; None for as many as a window has.
    """

    invert: bool | None = None
    key: str | None = None
    column: str | None = None
    lines: bool = False
    limits: tuple[float, float] | None = None
    fit: str | None = None
    horizon: int | None = None
    stride: int | None = None


class Reader:
    """Reads inputs one after another; an input that cannot be read is reported and skipped.

    Args:
        options: The options.
        notify: Receives notices about what was done to inputs.
        complain: Receives messages about inputs that cannot be read.

    Attributes:
        inside: Suffixes of the files that are read from a folder.
        has_times: Whether inputs are windows of series, each with its first and its last time.
    """

    inside: tuple[str, ...]
    has_times: bool = False

    def __init__(self, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        self.options, self.notify, self._complain = options, notify, complain

    def read(self, words: Iterable[str]) -> Iterator[Example | Unreadable]:
        """Read the inputs one after another; a row that cannot be read keeps its place as an `Unreadable`."""
        return self.outcomes(named for word in words for named in self._sources(word))

    def outcomes(self, sources: Iterable[tuple[str, Source]]) -> Outcomes:
        """Read sources one after another, each with its name; after one that cannot be read, the next is read."""
        for name, source in sources:
            try:
                for one in source():
                    if isinstance(one, Unreadable):
                        self._complain(one.why)
                    yield one
            except DataError as error:
                self._complain(str(error))
            except OSError as error:
                self._complain(f"{name}: cannot be read: {error.strerror or error}")

    def _sources(self, word: str) -> Iterator[tuple[str, Source]]:
        if word == STDIN:
            yield word, self._piped
        else:
            yield from self.named(word)

    def named(self, word: str) -> Iterator[tuple[str, Source]]:
        """Give the sources that a word names: a file, each file of a folder, or the word itself as a text."""
        if os.path.isdir(word):  # noqa: PTH112 - a text may be longer than any name
            empty = True
            for path in files_in(Path(word), self.inside, self.notify):
                empty = False
                yield str(path), partial(self._file, path)
            if empty:
                self._complain(f"{word}: has no files that this model reads from a folder: {', '.join(self.inside)}")
        elif os.path.exists(word):  # noqa: PTH110
            yield word, partial(self._file, Path(word))
        else:
            yield _short(word) or "(empty)", partial(self._word, word)

    @abstractmethod
    def _piped(self) -> Outcomes:
        """Read standard input."""

    @abstractmethod
    def _file(self, path: Path) -> Outcomes:
        """Read a file."""

    @abstractmethod
    def _word(self, word: str) -> Outcomes:
        """Read a word that is not the name of an existing file."""

    @abstractmethod
    def value(self, value: Any, name: str) -> Outcomes:
        """Read an array, an image or a list of token ids that a program holds in memory.

        Raises:
            DataError: Such a model does not take it.
        """


class ImageReader(Reader):
    """Reads inputs of image models: picture files, arrays, folders of pictures, or one file through a pipe."""

    def __init__(self, data: BaseDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(options, notify, complain)
        from deepcli.inputs.pictures import SUFFIXES, Pictures
        from deepcli.inputs.wanted import wanted_by

        self._type, self.inside = data.type, SUFFIXES
        self._wanted = wanted_by(data, fit=options.fit != "none")
        self._pictures = Pictures(self._wanted, options.invert, options.limits)

    def _piped(self) -> Outcomes:
        content = piped()
        if content.startswith(arrays.MAGIC):
            yield from self._array(lambda: io.BytesIO(content), "-")
        else:
            yield from self._picture(io.BytesIO(content), "-")

    def _file(self, path: Path) -> Outcomes:
        if path.suffix.lower() in arrays.SUFFIXES:
            yield from self._array(partial(arrays.opened, path, self.options.key), str(path))
        else:
            yield from self._picture(path, str(path))

    def _word(self, word: str) -> Outcomes:
        raise DataError(
            f"{word[:LONGEST_PATH]}: no such file; a model of {self._type} takes pictures, .npy or .npz files"
        )

    def value(self, value: Any, name: str) -> Outcomes:
        if hasattr(value, "getexif"):
            yield from self._picture(in_memory.image_file(value), name)
        else:
            content = in_memory.array_file(value, name)
            yield from self._array(lambda: io.BytesIO(content), name)

    def _picture(self, source: Path | IO[bytes], name: str) -> Outcomes:
        from deepcli.inputs.pages import pages

        chosen = pages(source, name, self.notify)
        for page in chosen:
            one = name if len(chosen) == 1 else f"{name}[{page}]"
            try:
                x, done = self._pictures.read(source, one, page)
            except DataError as error:
                if len(chosen) == 1:
                    raise
                yield Unreadable(one, str(error))
                continue
            if done:
                self.notify(f"{one}: {', '.join(done)}")
            yield Example(one, x)

    def _array(self, opened: Callable[[], AbstractContextManager[IO[bytes]]], name: str) -> Outcomes:
        """Read an array file twice: first to detect its value range and background, then to convert it."""
        from deepcli.inputs.images import shapes_of, survey

        shapes = shapes_of(self._wanted)

        def pieces(stream: IO[bytes]) -> Iterator[np.ndarray]:
            for number, rows in enumerate(arrays.read_rows(stream, name)):
                yield rows[None] if number == 0 and rows.shape in shapes else rows

        with opened() as stream:
            images = survey(pieces(stream), self._wanted, self.options.invert, self.options.limits, name, self.notify)
        number = 0
        with opened() as stream:
            for rows in pieces(stream):
                for x in images.take(rows, name):
                    yield Example(f"{name}[{number}]", x)
                    number += 1


class TextReader(Reader):
    """Reads inputs of text models: texts, text files, tables, JSON, arrays of ids, or lines through a pipe.

    Attributes:
        usual: The field of JSON objects that holds the text, if there are several and none was named.
    """

    inside = (".txt",)
    usual: str | None = None

    def __init__(
        self, data: ReadsTexts, lexicon: Lexicon | None, options: ReadOptions, notify: Notify, complain: Notify
    ) -> None:
        super().__init__(options, notify, complain)
        self._data, self._lexicon = data, lexicon

    def _piped(self) -> Outcomes:
        stream = io.TextIOWrapper(sys.stdin.buffer, encoding=texts.ENCODING, errors="surrogateescape", newline="")
        lines, column, empty = texts.Lines(stream), self.options.column, True
        if records.begins(lines):
            self.notify("-: read as one JSON object per line")
            rows = records.read_json_lines(lines, "-", column, self.usual)
        else:
            rows = self._table(lines, "-", ",") if column else texts.read_lines(lines)
        for one in self._rows(rows, "-"):
            empty = False
            yield one
        if empty:
            raise DataError("standard input is empty")

    def _file(self, path: Path) -> Outcomes:
        suffix, name = path.suffix.lower(), str(path)
        if suffix in arrays.SUFFIXES:
            yield from self._array(path)
        elif suffix in records.WHOLE:
            yield from self._rows(records.read_json(path, self.options.column, self.usual), name)
        elif suffix in records.LINES:
            with texts.opened(path) as stream:
                rows = records.read_json_lines(stream, name, self.options.column, self.usual)
                yield from self._rows(rows, name)
        elif suffix in texts.TABLES or self.options.column:
            with texts.opened(path) as stream:
                yield from self._rows(self._table(stream, name, texts.TABLES.get(suffix, ",")), name)
        elif self.options.lines:
            with texts.opened(path) as stream:
                yield from self._rows(texts.read_lines(stream), name)
        else:
            yield self._example(name, texts.read_text(path))

    def _word(self, word: str) -> Outcomes:
        if " " not in word and (os.sep in word or Path(word).suffix.lower() in FILES):
            raise DataError(f"{word[:LONGEST_PATH]}: no such file; put a space in it to have it read as a text")
        yield self._example(_short(word) or "(empty)", word)

    def value(self, value: Any, name: str) -> Outcomes:
        rows, single = Rows(self._data, self.notify), in_memory.is_one_text(value)
        for number, row in enumerate(in_memory.rows_of_ids(value, name)):
            yield rows.take(row, name if single else f"{name}[{number}]")

    def _table(self, stream: IO[str] | texts.Lines, name: str, delimiter: str) -> Iterator[texts.Row]:
        return texts.read_column(stream, name, self.options.column, delimiter)

    def _rows(self, rows: Iterable[texts.Row], name: str) -> Outcomes:
        """Read each row by itself: a text, or a list of ids."""
        ids = Rows(self._data, self.notify)
        for row in rows:
            place = f"{name}:{row.number}"
            if row.problem:
                yield Unreadable(place, f"{place}: {row.problem}")
            elif isinstance(row.content, str):
                yield self._example(place, row.content)
            else:
                yield ids.take(row.content, place)

    def _array(self, path: Path) -> Outcomes:
        with arrays.opened(path, self.options.key) as stream:
            yield from read_array(stream, str(path), Rows(self._data, self.notify))

    def _example(self, name: str, text: str) -> Example:
        if self._lexicon is None:
            raise DataError(f"{name}: the model's vocabulary is not available; give token ids as an array")
        x = self._data.tokenize([text], self._lexicon).values
        if not self._data.knows_a_word(text, self._lexicon):
            self.notify(f"{name}: the model knows none of its words")
        return Example(name, x)


def piped() -> bytes:
    """Read standard input whole.

    Raises:
        DataError: It is empty or too long.
    """
    content = sys.stdin.buffer.read(MAX_PIPED_BYTES + 1)
    if not content.strip():
        raise DataError("standard input is empty")
    if len(content) > MAX_PIPED_BYTES:
        raise DataError(f"standard input has more than {MAX_PIPED_BYTES >> 30} GiB; name a file instead")
    return content


def reader_for(
    data: BaseDataset, lexicon: Lexicon | None, options: ReadOptions, notify: Notify, complain: Notify
) -> Reader:
    """Return the reader for models of a data set.

    Raises:
        UsageError: Such data cannot be read, or an option does not apply to them.
    """
    kind = data.signature.kind
    if kind != "image":
        _refuse({"--invert": options.invert, "--range": options.limits, "--fit": options.fit}, data)
    if kind not in ("tokens", "pairs"):
        _refuse({"--column": options.column, "--lines": options.lines or None}, data)
    windows = isinstance(data, SeriesDataset) and data.gives_back
    _refuse({"--stride": None if windows else options.stride}, data)
    if isinstance(data, SeriesDataset) and windows:
        from deepcli.inputs.window_reading import WindowReader

        _refuse({"--horizon": options.horizon}, data)
        return WindowReader(data, options, notify, complain)
    if isinstance(data, SeriesClassesDataset):
        from deepcli.inputs.series_reading import ClassSeriesReader

        _refuse({"--horizon": options.horizon}, data)
        return ClassSeriesReader(data, options, notify, complain)
    if isinstance(data, SeriesDataset):
        from deepcli.inputs.series_reading import SeriesReader

        return SeriesReader(data, options, notify, complain)
    _refuse({"--horizon": options.horizon}, data)
    if isinstance(data, ImageDataset):
        return ImageReader(data, options, notify, complain)
    if kind == "tokens" and isinstance(data, TableDataset):
        from deepcli.inputs.own_columns import TextColumnReader

        return TextColumnReader(data, lexicon, options, notify, complain)
    if kind == "tokens" and isinstance(data, ReadsTexts):
        return TextReader(data, lexicon, options, notify, complain)
    if isinstance(data, PairsDataset):
        from deepcli.inputs.source_reading import SourceReader

        return SourceReader(data, options, notify, complain)
    if isinstance(data, TextDataset):
        from deepcli.inputs.running_reading import RunningTextReader

        return RunningTextReader(data, options, notify, complain)
    if isinstance(data, OwnDataset) and kind != "tokens":
        from deepcli.inputs.own_columns import PictureColumnReader
        from deepcli.inputs.own_reading import OwnPictureReader, RowReader

        if kind == "features":
            return RowReader(data, options, notify, complain)
        _refuse({"--invert": options.invert, "--fit": options.fit}, data)
        if isinstance(data, ShardsDataset):
            from deepcli.inputs.shard_reading import ShardReader

            return ShardReader(data, options, notify, complain)
        if isinstance(data, TableDataset):
            return PictureColumnReader(data, options, notify, complain)
        return OwnPictureReader(data, options, notify, complain)
    raise UsageError(f"data sets of type {data.type!r} have neither images nor texts; other inputs cannot be read")


def _refuse(options: dict[str, object], data: BaseDataset) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name}: does not apply to a model of {data.type}")


def _short(word: str) -> str:
    line = " ".join(word.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 3]}..."
