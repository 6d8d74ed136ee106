"""Pairs of texts in parallel files: line 7 of `train.en` and line 7 of `train.de` are a pair."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.splitting import TRAIN
from deepcli.data.sources.tables.split_files import ORDER, SPLIT_WORDS
from deepcli.data.sources.tables.table_bytes import content_of, unpacked
from deepcli.data.sources.tables.table_options import listed
from deepcli.errors import DataError


@dataclass(frozen=True)
class PairedTexts:
    """Pairs of texts, in the order of reading; every sequence has one entry for each pair.

    Attributes:
        sources: The inputs, each on one line.
        targets: What belongs to them.
        places: Where each pair is: a file, with a line.
        splits: The split that each pair's file is for; empty if files do not say it.
        findings: What is worth telling.
        layout: How files were read.
    """

    sources: list[str]
    targets: list[str]
    places: list[str]
    splits: list[str | None]
    findings: tuple[Finding, ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FilePair:
    """Two files whose lines belong together, and the split that they are for."""

    source: Path
    target: Path
    split: str | None


def file_pairs(path: str, target_path: str) -> tuple[list[FilePair], tuple[Finding, ...]]:
    """Return the files of both sides, matched: two files, or two patterns such as `*.en` and `*.de`.

    Raises:
        DataError: There are none, files have no partner, or names do not say which split each file is.
    """
    sources, targets = _found(path), _found(target_path)
    if len(sources) == len(targets) == 1 and "*" not in path + target_path:
        return [FilePair(sources[0], targets[0], None)], ()
    left = dict(zip(_stars(path, sources), sources, strict=True))
    right = dict(zip(_stars(target_path, targets), targets, strict=True))
    both = [stem for stem in left if stem in right]
    if not both:
        raise DataError(
            f"data.target_path: none of its files belongs to one of {path}; what `*` stands for should agree"
        )
    findings = [
        Finding("no-partner", "warning", str(file), f"has no partner in {other}; it is left out")
        for here, there, other in ((left, right, target_path), (right, left, path))
        for stem, file in here.items()
        if stem not in there
    ]
    return _by_name(path, [(left[stem], right[stem]) for stem in both]), tuple(findings)


def _found(pattern: str) -> list[Path]:
    whole = Path(pattern).expanduser()
    if os.path.lexists(whole) or not glob.has_magic(pattern):
        if whole.is_dir():
            raise DataError(f"{pattern}: is a directory; give a file, or a pattern such as {pattern.rstrip('/')}/*.en")
        return [whole]
    found = sorted(map(Path, glob.glob(os.path.expanduser(pattern))))  # noqa: PTH111, PTH207 - the pattern may be absolute
    if not found:
        raise DataError(f"{pattern}: no such file")
    return found


def _stars(pattern: str, found: Sequence[Path]) -> list[str]:
    """Return what the `*` of a pattern stands for in each file's path."""
    before, _, after = os.path.expanduser(pattern).partition("*")  # noqa: PTH111
    after = after.rpartition("*")[2]
    return [str(file)[len(before) : len(str(file)) - len(after)] for file in found]


def _by_name(path: str, found: Sequence[tuple[Path, Path]]) -> list[FilePair]:
    if len(found) == 1:
        return [FilePair(*found[0], None)]
    splits: dict[str, FilePair] = {}
    for source, target in found:
        words = [SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", source.name.lower()) if word in SPLIT_WORDS]
        if len(words) != 1 or words[0] in splits:
            names = listed([one.name for one, _ in found])
            raise DataError(
                f"{path}: {len(found)} files ({names}); let the name of each say train, validation or test once"
            )
        splits[words[0]] = FilePair(source, target, words[0])
    if TRAIN not in splits:
        raise DataError(f"{path}: none of the files is named train ({listed([one.name for one, _ in found])})")
    return [splits[name] for name in ORDER if name in splits]


def read_parallel(path: str, target_path: str, encoding: str) -> PairedTexts:
    """Read the pairs of parallel files.

    Raises:
        DataError: A file cannot be read, both have different numbers of lines, or a line is empty.
    """
    pairs, findings = file_pairs(path, target_path)
    sources, targets, places, splits = list[str](), list[str](), list[str](), list[str | None]()
    for pair in pairs:
        left, right = (read_lines_of(file, encoding) for file in (pair.source, pair.target))
        if len(left) != len(right):
            raise DataError(
                f"{pair.source} has {len(left):,} lines and {pair.target} has {len(right):,}; line by line, both sides belong "
                "together, so they need equal numbers of lines"
            )
        _demand_both(left, right, pair)
        sources += left
        targets += right
        places += [f"{pair.source}:{number}" for number in range(1, len(left) + 1)]
        splits += [pair.split] * len(left)
    layout = {"format": "parallel", "encoding": encoding}
    return PairedTexts(sources, targets, places, splits if len(pairs) > 1 else [], findings, layout)


def _demand_both(left: Sequence[str], right: Sequence[str], pair: FilePair) -> None:
    """Check that both sides of every pair have a text.

    Raises:
        DataError: A line is empty.
    """
    for number, both in enumerate(zip(left, right, strict=True), 1):
        for text, file in zip(both, (pair.source, pair.target), strict=True):
            if not text:
                raise DataError(f"{file}:{number}: is empty; a pair needs a text on both sides")


def read_lines_of(path: Path, encoding: str) -> list[str]:
    """Read the lines of a text file, which may be compressed, without spaces around them.

    Only newlines divide lines: other signs that end a line in Unicode may be on one side alone.

    Raises:
        DataError: It is missing, damaged or not text.
    """
    with unpacked(path, content_of(path)) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig" if encoding == "auto" else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}:{line}: is not {error.encoding.removesuffix('-sig')} text; name its encoding with data.encoding, "
            "such as cp1252"
        ) from None
    except LookupError:
        raise DataError(f"data.encoding: unknown encoding {encoding!r}") from None
    lines = text.split("\n")
    if lines and not lines[-1]:
        del lines[-1]
    return [line.strip() for line in lines]
