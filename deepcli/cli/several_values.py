"""Options that take several values in a row, as a shell makes them of a pattern: `--with runs/b/*`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand

from deepcli.errors import UsageError

SEVERAL = "--with"
"""The option that takes all words up to the next option."""


class SeveralValues(TyperCommand):
    """A command whose option `--with` takes all words that follow it.

    Click takes one value for an option: the others that a shell made of `--with runs/b/*` would silently be taken for
    arguments, here for runs of the other group.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the option before each of its values."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(words: Sequence[str]) -> Iterator[str]:
    inside = False
    for place, word in enumerate(words):
        if word == "--":
            yield from words[place:]
            return
        if not word.startswith("-"):
            yield from (SEVERAL, word) if inside else (word,)
            continue
        inside = word.partition("=")[0] == SEVERAL
        if word != SEVERAL:
            yield word
        elif place + 1 == len(words) or words[place + 1].startswith("-"):
            raise UsageError(f"{SEVERAL}: name at least one run behind it")
