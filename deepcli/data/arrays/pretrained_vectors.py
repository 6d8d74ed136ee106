"""Makes the matrix of pretrained word vectors for a vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepcli.data.schema import RESERVED
from deepcli.data.sources.word_vectors import VectorFile, VectorLine
from deepcli.errors import DataError

MAX_BYTES = 2 << 30
UNKNOWN_WORDS = ("<unk>", "<UNK>", "<unknown>")
"""Names under which files store the vector of unknown words; it becomes that of id 2."""


@dataclass(frozen=True)
class WordVectors:
    """Pretrained vectors of a vocabulary.

    Attributes:
        matrix: float32 (vocabulary, dim); zeros for words that the file lacks and for padding.
        found: bool (vocabulary,): which rows are from the file.
        words: Number of words of the vocabulary, without the reserved entries.
    """

    matrix: np.ndarray
    found: np.ndarray
    words: int

    @property
    def covered(self) -> int:
        """Number of words with a vector."""
        return int(self.found[len(RESERVED) :].sum())


def read_vectors(path: Path, vocabulary: Sequence[str]) -> WordVectors:
    """Read the vectors of the words of a vocabulary; the rest of the file is passed over.

    The first of several vectors of a word counts. The vocabulary is in lower case: a word that the file has only with
    capitals, such as a name, gets the first vector of it.

    Args:
        path: A GloVe or word2vec text file, plain or gzip.
        vocabulary: Words by id; the first entries are those of `RESERVED`.

    Raises:
        DataError: The file is missing, malformed or has none of the words, or the matrix would be too large.
    """
    file = VectorFile(path)
    size = len(vocabulary) * file.dim * 4
    if size > MAX_BYTES:
        raise DataError(
            f"{path}: {len(vocabulary):,} words with {file.dim} numbers need more than {MAX_BYTES >> 30} GiB"
        )
    exact = {word: number for number, word in enumerate(vocabulary) if number >= len(RESERVED)}
    exact |= {name: RESERVED.index("<unknown>") for name in UNKNOWN_WORDS}
    matrix = np.zeros((len(vocabulary), file.dim), np.float32)
    rank = np.zeros(len(vocabulary), np.int8)
    for line in file.lines(_any_case(exact)):
        place = exact.get(line.word)
        worth = 2 if place is not None else 1
        place = exact[line.word.lower()] if place is None else place
        if worth > rank[place]:
            matrix[place], rank[place] = _numbers(line, path), worth
    vectors = WordVectors(matrix, rank > 0, len(vocabulary) - len(RESERVED))
    if not vectors.covered:
        raise DataError(
            f"{path}: has none of the {vectors.words:,} words of the vocabulary; check its language and encoding"
        )
    return vectors


def _any_case(words: Iterable[str]) -> Callable[[bytes], bool]:
    """Return the test of whether a word, as UTF-8 and in any case, is among these."""
    known = {word.encode() for word in words}

    def wanted(word: bytes) -> bool:
        if word in known or (word.isascii() and word.islower()):
            return word in known
        try:
            return word.decode().lower().encode() in known
        except UnicodeDecodeError:
            return False

    return wanted


def _numbers(line: VectorLine, path: Path) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            row = np.array(line.numbers, dtype=np.float64).astype(np.float32)
    except ValueError:
        odd = next((part for part in line.numbers if not _is_number(part)), b"")
        shown = odd.decode("utf-8", "replace")[:40]
        raise DataError(f"{path}:{line.number}: {shown!r} in the vector of {line.word!r} is not a number") from None
    if not np.isfinite(row).all():
        raise DataError(f"{path}:{line.number}: the vector of {line.word!r} has NaN, infinite or too large numbers")
    return row


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True
