"""The name that a misspelled or foreign word means: by a table of synonyms, by edits, by its beginning, by likeness."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from deepcli.spec.synonyms import meanings, plain

PREFIXES = ("val_", "test_", "train_", "")
MOST_NAMED = 3
LONGEST = 60
"""Longer words are not misspelled names."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Suggest the known names that an unknown word may mean, ready for a message; an empty string if there are none."""
    near = listed([repr(name) for name in nearest(word, known)], "or")
    return f"did you mean {near}? " if near else ""


def listed(words: Sequence[str], joint: str) -> str:
    """Join words as in a sentence: `a, b or c`."""
    *first, last = words or [""]
    return f"{', '.join(first)} {joint} {last}" if first else last


def nearest(word: object, known: Iterable[str]) -> list[str]:
    """List the known names that a word may mean, the likeliest first; several only if a synonym has several meanings."""
    return list(_nearest(str(word)[:LONGEST], tuple(dict.fromkeys(known))))


@lru_cache(maxsize=100)  # a word that is wrong in one place of a file often is in many
def _nearest(text: str, names: tuple[str, ...]) -> list[str]:
    if found := same(text, names) or synonymous(text, names) or misspelled(text, names) or shortened(text, names):
        return found
    return difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.7)


def same(word: str, known: Iterable[str]) -> list[str]:
    """List the known names that differ from a word only in case, dashes and underscores."""
    wanted = plain(word)
    return [name for name in known if plain(name) == wanted][:1]


def synonymous(word: str, known: Iterable[str]) -> list[str]:
    """List the known names that a word of another library stands for; `lr` is `optimizer.learning_rate`, too."""
    names = list(known)
    above, _, last = word.rpartition(".")
    for prefix in PREFIXES:
        if not last.startswith(prefix):
            continue
        wanted = [f"{prefix}{name}" for name in meanings(last[len(prefix) :])]
        whole = [f"{above}.{name}" if above else name for name in wanted]
        if found := [name for name in whole if name in names]:
            return found[:MOST_NAMED]
        inner = [name for one in (last, *wanted) for name in names if "." in name and name.rpartition(".")[2] == one]
        if found := inner[:MOST_NAMED] if not above else []:
            return found
    return []


def misspelled(word: str, known: Iterable[str]) -> list[str]:
    """List the known name that is the fewest edits from a word, if these are few for its length."""
    text = word.lower()
    allowed = 1 if len(text) <= 4 else 2 if len(text) <= 8 else 3
    near = [(edits(text, name.lower()), name) for name in known if abs(len(name) - len(text)) <= allowed]
    # Of two letters, none is replaced: most short words are that near to each other.
    near = [(count, name) for count, name in near if count <= allowed and (len(text) > 2 or len(name) > len(text))]
    if not near:
        return []
    alike = difflib.SequenceMatcher(b=text)

    def place(pair: tuple[int, str]) -> tuple[int, float]:
        alike.set_seq1(pair[1].lower())
        return pair[0], -alike.ratio()

    return [min(near, key=place)[1]]


def shortened(word: str, known: Iterable[str]) -> list[str]:
    """List the known names that begin with a word, as `clip` begins `clipnorm`; at least three letters of them."""
    start = plain(word)
    return [name for name in known if plain(name).startswith(start)][:MOST_NAMED] if len(start) >= 3 else []


def edits(one: str, other: str) -> int:
    """Count the edits between two words: letters added, left out, replaced, and neighbours exchanged (Damerau 1964).

    It is the restricted distance, which edits no letter twice.
    """
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, there in enumerate(other, 1):
            least = min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != there))
            exchanged = row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == there
            line.append(min(least, before[column - 2] + 1) if exchanged else least)
        before, above = above, line
    return above[-1]
