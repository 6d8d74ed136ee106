"""Words by token id: stored in checkpoints, so that a model can predict from raw text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deepcli.errors import DataError

MAX_BYTES = 32 << 20


@dataclass(frozen=True)
class Lexicon:
    """Words by token id; an id without a word has an empty string."""

    words: tuple[str, ...]

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Token ids by word."""
        return {word: token for token, word in enumerate(self.words) if word}

    def spell(self, ids: Sequence[int]) -> str:
        """Return token ids as words; an id without a word is written like #7."""
        known = len(self.words)
        return " ".join((self.words[token] if token < known else "") or f"#{token}" for token in ids)

    def to_bytes(self) -> bytes:
        """Return the words one per line; the number of the line is the id."""
        return "\n".join(self.words).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Lexicon:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: It is too long or not UTF-8 text.
        """
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return cls(tuple(content.decode("utf-8").split("\n")))

    @classmethod
    def of_ranks(cls, path: Path, first: Sequence[str], shift: int, size: int) -> Lexicon:
        """Read Keras's file of words and their ranks.

        Args:
            path: The file.
            first: The entries for the first ids, which are not words.
            shift: A word's id is its rank plus this number.
            size: Ids are below this number.

        Raises:
            DataError: The file is damaged or not a file of words and ranks.
        """
        words = [*first, *[""] * (size - len(first))]
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
            for word, rank in json.loads(path.read_text(encoding="utf-8")).items():
                if len(first) <= rank + shift < size and not word[:1].isspace() and "\n" not in word:
                    words[rank + shift] = word
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"{path}: is not a file of words and their ranks: {error}") from None
        return cls(tuple(words))
