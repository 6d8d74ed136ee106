"""Reads `.ts` files of the UCR and UEA archives: a series a line, its columns between colons, its class at the end."""

from __future__ import annotations

import glob
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepcli.data.sources.kinds import ending_of
from deepcli.data.sources.tables.split_files import named_splits
from deepcli.errors import DataError

MOST_STEPS = 1 << 24
ENDING = "ts"


@dataclass(frozen=True)
class LabelledSeries:
    """A series with its class.

    Attributes:
        columns: The values of each column, all of the same length.
        label: The class as written; empty if the file has none.
        split: The split that its file is for; None if the name does not say so.
        where: Its file and line.
    """

    columns: tuple[array[float], ...]
    label: str
    split: str | None
    where: str

    def __len__(self) -> int:
        return len(self.columns[0])

    @property
    def key(self) -> bytes:
        """Its content; equal series have equal keys."""
        return b"|".join(column.tobytes() for column in self.columns)


@dataclass(frozen=True)
class SeriesFile:
    """A file that was read.

    Attributes:
        series: The series, in the order of the file.
        classes: The classes that its head names, in order; empty if it has none.
    """

    series: list[LabelledSeries]
    classes: tuple[str, ...]


def series_files(path: str) -> list[tuple[Path, str | None]]:
    """Return the files of series, each with its split: one file, a pattern such as `Vowels_*.ts`, or a folder.

    Raises:
        DataError: A file does not exist, or names do not say which split each file is.
    """
    whole = Path(path).expanduser()
    if whole.is_dir():
        found = sorted(entry for entry in whole.iterdir() if ending_of(entry.name) == ENDING and entry.is_file())
    elif not os.path.lexists(whole) and glob.has_magic(path):
        found = sorted(map(Path, glob.glob(os.path.expanduser(path))))  # noqa: PTH111, PTH207 - the pattern may be absolute
        if not found:
            raise DataError(f"{path}: no such file; give a .ts file, or a pattern such as 'data/Vowels_*.ts'")
    else:
        return [(whole, None)]
    if not found:
        raise DataError(f"{path}: no .ts files there; give a file, or a pattern such as 'data/Vowels_*.ts'")
    return [(found[0], None)] if len(found) == 1 else named_splits(path, found)


def read_series_files(files: Sequence[tuple[Path, str | None]]) -> SeriesFile:
    """Read several files as one.

    Raises:
        DataError: A file cannot be read, or series have different columns.
    """
    read = [_read(path, split) for path, split in files]
    series = [one for file in read for one in file.series]
    for one in series[1:]:
        if len(one.columns) != len(series[0].columns):
            raise DataError(
                f"{one.where}: has {len(one.columns)} columns, and the first series has {len(series[0].columns)}"
            )
    classes = list(dict.fromkeys(name for file in read for name in file.classes))
    return SeriesFile(series, tuple(classes))


def _read(path: Path, split: str | None) -> SeriesFile:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            lines = enumerate(stream, 1)
            classes, labelled = _head(path, lines)
            series = [
                _series(line.strip(), f"{path}:{number}", labelled, split) for number, line in lines if line.strip()
            ]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give a .ts file, or a pattern such as 'data/Vowels_*.ts'") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not series:
        raise DataError(f"{path}: has no series behind @data")
    return SeriesFile(series, classes)


def _head(path: Path, lines: Iterator[tuple[int, str]]) -> tuple[tuple[str, ...], bool]:
    """Read the lines before the data: the classes, and whether each series has one."""
    classes: tuple[str, ...] = ()
    for number, line in lines:
        words = line.split()
        if not words or line.startswith("#"):
            continue
        name = words[0].lower()
        if name == "@data":
            return classes, bool(classes)
        if not name.startswith("@"):
            break
        if name == "@timestamps" and words[1:2] == ["true"]:
            raise DataError(
                f"{path}:{number}: series with times are not read; write values alone, with @timeStamps false"
            )
        if name in ("@classlabel", "@targetlabel"):
            if name == "@targetlabel":
                raise DataError(f"{path}:{number}: numbers behind series are not read, only classes (@classLabel)")
            classes = tuple(words[2:]) if words[1:2] == ["true"] else ()
    raise DataError(f"{path}: is not a .ts file of series: it has no line @data")


def _series(line: str, where: str, labelled: bool, split: str | None) -> LabelledSeries:
    *parts, last = line.split(":")
    label = last.strip() if labelled else ""
    if not labelled:
        parts.append(last)
    columns = tuple(_values(part, where) for part in parts)
    if not columns or not len(columns[0]) or len(columns[0]) > MOST_STEPS:
        raise DataError(
            f"{where}: is not a series: values between commas, columns between colons, the class at the end"
        )
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(str(len(column)) for column in columns)
        raise DataError(f"{where}: its columns have different lengths: {lengths}")
    return LabelledSeries(columns, label, split, where)


def _values(part: str, where: str) -> array[float]:
    try:
        values = array("d", map(float, part.split(",")))
    except ValueError:
        odd = next((cell for cell in part.split(",") if not _is_number(cell)), part)
        why = "is missing; fill it in" if odd.strip() in ("?", "", "NaN") else "is not a number"
        raise DataError(f"{where}: {odd.strip()[:40]!r} {why}") from None
    if any(value != value or value in (float("inf"), float("-inf")) for value in values):
        raise DataError(f"{where}: a value is missing or infinite; fill it in")
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
