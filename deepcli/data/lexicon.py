"""Words by token id, and raw text to words: what a checkpoint carries so that a model can be asked about any text."""

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
    """Words by token id; where an id has none, the word is empty."""

    words: tuple[str, ...]

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Token ids by word."""
        return {word: token for token, word in enumerate(self.words) if word}

    def spell(self, ids: Sequence[int]) -> str:
        """Write token ids as words; an id without one as #7."""
        known = len(self.words)
        return " ".join((self.words[token] if token < known else "") or f"#{token}" for token in ids)

    def to_bytes(self) -> bytes:
        """Write a word a line, the line's number its id."""
        return "\n".join(self.words).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Lexicon:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: It is no text, or too long.
        """
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
        return cls(tuple(content.decode("utf-8").split("\n")))

    @classmethod
    def of_ranks(cls, path: Path, first: Sequence[str], shift: int, size: int) -> Lexicon:
        """Read Keras's file of words and their ranks.

        Args:
            path: The file.
            first: What stands for the ids that are no words.
            shift: A word's id is its rank and this.
            size: Ids are below it.

        Raises:
            DataError: It is damaged or something else.
        """
        words = [*first, *[""] * (size - len(first))]
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
            for word, rank in json.loads(path.read_text(encoding="utf-8")).items():
                if len(first) <= rank + shift < size and not word[:1].isspace() and "\n" not in word:
                    words[rank + shift] = word
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"{path}: is no file of words and their ranks: {error}") from None
        return cls(tuple(words))
