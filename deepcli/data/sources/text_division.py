"""Divides a running text into training, validation and test: as its files say, by place, or by lines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.split_folders import NAMES
from deepcli.data.sources.splitting import TEST, TRAIN, VALIDATION, WIDTH, SplitSection
from deepcli.data.sources.text_pieces import RunningText, find_text_files, parts, read_through, whole_words
from deepcli.errors import DataError

SPLITS = (TRAIN, VALIDATION, TEST)
Parts = Iterator[tuple[int, str]]


def read_text(place: Path) -> tuple[RunningText, tuple[Finding, ...]]:
    """Read a text through once: a file, or the files of a folder, which may be named after splits.

    Raises:
        DataError: It cannot be read, or names do not say which split each file is for.
    """
    files = find_text_files(place)
    splits = given_splits(place, files) if place.is_dir() else [None]
    order = sorted(range(len(files)), key=lambda number: SPLITS.index(splits[number] or TRAIN))
    return read_through([files[number] for number in order], [splits[number] for number in order])


def given_splits(place: Path, files: Sequence[Path]) -> list[str | None]:
    """Return the split that the name of each file, or of a folder around it, says; all None if they name no splits.

    Raises:
        DataError: Some files are named after splits and others are not, or none is for training.
    """
    splits = [_split_of(file.relative_to(place)) for file in files]
    found = set(splits) - {None}
    # A note about a train journey and one with results of a test are notes; files named train and test are not.
    sure = {file.relative_to(place).parts[0].split(".")[0].lower() for file in files} & set(NAMES)
    if len(found) < 2 or (None in splits and len(sure) < 2):
        return [None] * len(files)
    if None in splits:
        named, other = (files[[split is None for split in splits].index(absent)] for absent in (False, True))
        raise DataError(
            f"{place}: {named.relative_to(place)} is named after a split and {other.relative_to(place)} is not; let the name "
            "of each file, or of the folder that it is in, say train, validation or test once"
        )
    if TRAIN not in found:
        raise DataError(f"{place}: has files for {' and '.join(sorted(map(str, found)))}, but none named train")
    return splits


def _split_of(file: Path) -> str | None:
    words = [file.parts[0].lower()] if len(file.parts) > 1 else re.split(r"[^a-z]+", file.stem.lower())
    found = {NAMES[word] for word in words if word in NAMES}
    return found.pop() if len(found) == 1 else None


def division_of(text: RunningText, lines: bool) -> str:
    """Return how a text is divided, in words."""
    given, how = {file.split for file in text.files} - {None}, "by lines" if lines else "by place"
    if not given:
        return how
    rest = [name for name in SPLITS[1:] if name not in given]
    return f"given by files; {' and '.join(rest)} {how}" if rest else "given by files"


def divided(text: RunningText, section: SplitSection, lines: bool, at_spaces: bool) -> Parts:
    """Yield the pieces of a text with the numbers of their splits, in the order of the splits.

    A split that files give is taken as it is. One that they do not give is taken out of training: its end, or some of its
    lines, chosen by a hash of their content.

    Args:
        text: The text.
        section: The shares of splits.
        lines: Whether lines are divided, and not places.
        at_spaces: Whether no word may be cut.
    """
    shares = {name: 0.0 if name in text.counts else getattr(section, name) for name in SPLITS[1:]}
    given = [name for name in SPLITS[1:] if name in text.counts]
    for number, name in enumerate(SPLITS):
        if name in given:
            found: Parts = ((number, piece) for piece in text.pieces(name))
        elif lines or given:
            drawn = _lines(text, shares, section.seed) if lines else _places(text, shares, at_spaces)
            found = ((number, piece) for part, piece in drawn if part == number)
        elif not number:
            found = _places(text, shares, at_spaces)  # all splits in one pass
        else:
            return
        yield from whole_words(found) if at_spaces else found


def for_test(text: RunningText, at_spaces: bool) -> Parts:
    """Yield a text that a model was not trained on: its test files, or all of it, for test."""
    found = ((SPLITS.index(TEST), piece) for piece in text.pieces(TEST if TEST in text.counts else None))
    return whole_words(found) if at_spaces else found


def _places(text: RunningText, shares: Mapping[str, float], at_spaces: bool) -> Parts:
    whole = text.counts.get(TRAIN, 0)
    held = [round(whole * share) for share in (shares[VALIDATION], shares[TEST])]
    return parts(text.pieces(TRAIN), [whole - sum(held), whole - held[1]], at_spaces)


def _lines(text: RunningText, shares: Mapping[str, float], seed: int) -> Parts:
    salt, range_ = seed.to_bytes(8, "little"), 256**WIDTH
    test, held = int(shares[TEST] * range_), int((shares[TEST] + shares[VALIDATION]) * range_)
    for lines in _whole_lines(text.pieces(TRAIN)):
        chosen: dict[int, list[str]] = {0: [], 1: [], 2: []}
        for line in lines:
            digest = hashlib.blake2b(line.encode("utf-8", "surrogatepass"), digest_size=WIDTH, salt=salt).digest()
            place = int.from_bytes(digest, "big")
            chosen[2 if place < test else 1 if place < held else 0].append(line)
        yield from ((number, "".join(f"{line}\n" for line in some)) for number, some in chosen.items() if some)


def _whole_lines(pieces: Iterator[str]) -> Iterator[list[str]]:
    carried = ""
    for piece in pieces:
        *lines, carried = (carried + piece).split("\n")
        yield lines
    if carried:
        yield [carried]
