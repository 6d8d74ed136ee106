"""Reads files of pretrained word vectors line by line: GloVe and word2vec text, plain or gzip."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepcli.errors import DataError

MAX_LINE = 1 << 20
MAX_DIM = 4096
HEAD = 4096
CONTROLS = bytes(range(9)) + bytes(range(14, 32))
BINARY = (
    "is not a text file of word vectors; deepcli reads GloVe and word2vec text. Convert word2vec's binary form with gensim: "
    "KeyedVectors.load_word2vec_format(FILE, binary=True).save_word2vec_format('vectors.txt')"
)


@dataclass(frozen=True)
class VectorLine:
    """A word with its vector, still as text.

    Attributes:
        number: The line, from 1.
        word: The word.
        numbers: The numbers of its vector, as many as the file's dimension.
    """

    number: int
    word: str
    numbers: list[bytes]


class VectorFile:
    """A text file of word vectors, read in one pass with constant memory.

    Args:
        path: The file: in each line a word and its numbers, separated by spaces. A first line with the number of words
            and the dimension may be missing.

    Raises:
        DataError: The file is missing, empty, binary, packed in another way than gzip, or its first line is malformed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            self._refuse_binary(file.read(HEAD))
        with self._opened() as file:
            first = _split(file.readline(MAX_LINE))
            self.header = len(first) == 2 and all(part.isdigit() for part in first)
            self.dim = int(first[1][:9]) if self.header else len(first) - 1
        if not 1 <= self.dim <= MAX_DIM:
            what = f"vectors of {self.dim} numbers" if first else "an empty first line"
            raise DataError(f"{path}:1: has {what}; each line should have a word and 1 to {MAX_DIM} numbers")

    def lines(self, wanted: Callable[[bytes], bool]) -> Iterator[VectorLine]:
        """Give the lines whose words are wanted, in order, as they are in the file.

        Args:
            wanted: Whether a word, as UTF-8, is wanted.

        Raises:
            DataError: A line has too few numbers, or the file is damaged.
        """
        separators = self.dim
        with self._opened() as file:
            number = 0
            while line := file.readline(MAX_LINE):
                number += 1
                if number == 1 and self.header:
                    continue
                if len(line) == MAX_LINE:
                    raise DataError(f"{self.path}:{number}: is longer than {MAX_LINE >> 20} MiB; {BINARY}")
                stripped = line.strip(b" \t\r\n")
                if not stripped:
                    continue
                count = stripped.count(b" ") + stripped.count(b"\t")
                if count < separators:
                    self._malformed(number, stripped)
                if count > separators:  # a word that has spaces, which no word of ours has, or double separators
                    parts = _split(stripped)
                    if len(parts) != self.dim + 1:
                        if len(parts) <= self.dim:
                            self._malformed(number, stripped)
                        continue
                    stripped = b" ".join(parts)
                word = stripped[: _end_of_word(stripped)]
                if wanted(word):
                    yield VectorLine(number, word.decode(), _split(stripped)[1:])

    @contextlib.contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        try:
            with self.path.open("rb") as raw:
                packed = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                if not packed:
                    yield raw
                    return
                with gzip.open(raw) as file:
                    yield file  # type: ignore[misc]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{self.path}: is damaged: {error}") from None
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from None

    def _refuse_binary(self, head: bytes) -> None:
        if not head:
            raise DataError(f"{self.path}: is empty")
        if head.startswith(b"PK\x03\x04"):
            raise DataError(f"{self.path}: is a zip archive; unpack it and name one of its files")
        if head.translate(None, CONTROLS) != head:
            raise DataError(f"{self.path}: {BINARY}")

    def _malformed(self, number: int, line: bytes) -> None:
        try:
            shown = line[:40].decode()
        except UnicodeDecodeError as error:
            if error.start < 36:
                raise DataError(f"{self.path}:{number}: {BINARY}") from None
            shown = line[: error.start].decode()
        found = len(_split(line)) - 1
        raise DataError(
            f"{self.path}:{number}: has {found} of {self.dim} numbers: {shown!r}; the file may be cut off, download it again"
        )


def _split(line: bytes) -> list[bytes]:
    return line.split()


def _end_of_word(line: bytes) -> int:
    ends = [end for end in (line.find(b" "), line.find(b"\t")) if end >= 0]
    return min(ends)
