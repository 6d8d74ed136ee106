"""A running text: a file, or the files of a folder one after another, read piece by piece."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepcli.data.sources.findings import Finding
from deepcli.data.sources.splitting import TRAIN
from deepcli.data.sources.text_files import BOMS, CONTROLS, ENDINGS
from deepcli.errors import DataError

ROWS = 1_000
"""Texts of a column that are one piece."""
PIECE = 1 << 22
"""Characters that are read at a time, so that the memory of reading does not depend on the length of a text."""
CONTROL_TABLE = dict.fromkeys(map(ord, CONTROLS))


@dataclass(frozen=True)
class TextFile:
    """A file of text, and how it is read.

    Attributes:
        path: The file.
        encoding: Its encoding.
        split: The split that its name says; None if it says none.
    """

    path: Path
    encoding: str
    split: str | None = None

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, with every end of a line as a newline.

        Raises:
            UnicodeDecodeError: The file has another encoding.
            OSError: It cannot be read.
        """
        with self.path.open(encoding=self.encoding, newline=None) as file:
            while piece := file.read(PIECE):
                yield piece


@dataclass(frozen=True)
class TextColumn:
    """The texts of a column of a table.

    Attributes:
        path: The table.
        texts: A text for each row.
        encoding: Its encoding; a table says it by itself.
        split: The split that the file is for; None if its name says none.
    """

    path: Path
    texts: tuple[str, ...]
    encoding: str = ""
    split: str | None = None

    def pieces(self) -> Iterator[str]:
        """Yield the texts in pieces, each text on lines of its own."""
        for begin in range(0, len(self.texts), ROWS):
            yield "\n".join(self.texts[begin : begin + ROWS]).replace("\r\n", "\n").replace("\r", "\n") + "\n"


@dataclass(frozen=True)
class RunningText:
    """A text that was read through once.

    Attributes:
        files: Its files, in order.
        counts: Characters of the files of each split; those whose names say none are for training.
        digest: SHA-256 of its content, and of which splits its files are for.
    """

    files: tuple[TextFile | TextColumn, ...]
    counts: dict[str, int]
    digest: bytes

    @property
    def characters(self) -> int:
        """Its length."""
        return sum(self.counts.values())

    def pieces(self, split: str | None = None) -> Iterator[str]:
        """Yield the text, or that of a split's files, in pieces.

        A file that does not end with a newline gets one before the next begins.
        """
        return joined([file for file in self.files if split in (None, file.split or TRAIN)])


def joined(files: Sequence[TextFile | TextColumn]) -> Iterator[str]:
    """Yield the text of several files in pieces, each file on lines of its own."""
    last = "\n"
    for file in files:
        if last != "\n":
            yield "\n"
        for piece in file.pieces():
            yield piece
            last = piece[-1]


def find_text_files(place: Path) -> list[Path]:
    """List the files of a text: a file itself, or the `.txt` and `.md` files of a folder by name.

    Raises:
        DataError: There are none.
    """
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
        found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(place).parts)]
        if not found:
            raise DataError(f"{place}: has no {' or '.join(ENDINGS)} files")
        return found
    if not place.exists():
        raise DataError(f"{place}: no such file or folder")
    return [place]


def read_through(paths: Sequence[Path], splits: Sequence[str | None] = ()) -> tuple[RunningText, tuple[Finding, ...]]:
    """Find out the encodings and the length of a text.

    Args:
        paths: Its files.
        splits: The split that each file is for; empty if they say none.

    Raises:
        DataError: A file cannot be read or is not text, or the text is empty.
    """
    files = tuple(itertools.starmap(_opened, zip(paths, splits or [None] * len(paths), strict=True)))
    advice = "is not UTF-8 and is read as Windows-1252; save it as UTF-8 if letters with accents are wrong"
    odd = [str(file.path) for file in files if file.encoding == "cp1252"]
    return measured(files), tuple(Finding("not-utf-8", "warning", path, advice) for path in odd)


def measured(files: tuple[TextFile | TextColumn, ...]) -> RunningText:
    """Find out the length of a text.

    Raises:
        DataError: It is empty.
    """
    counts, digest = Counter[str](), hashlib.sha256()
    for split, group in itertools.groupby(files, lambda file: file.split):
        if split is not None:
            digest.update(f"\0{split}\0".encode())
        for piece in joined(list(group)):
            counts[split or TRAIN] += len(piece)
            digest.update(piece.encode("utf-8", "surrogatepass"))
    if not counts.total():
        raise DataError(f"{files[0].path if len(files) == 1 else files[0].path.parent}: is empty")
    return RunningText(files, dict(counts), digest.digest())


def read_column(path: str, name: str) -> tuple[RunningText, tuple[Finding, ...]]:
    """Read the texts of a column of a table, in the order of its rows; those that are missing are left out.

    Raises:
        DataError: The table or the column does not exist, or all texts are missing.
    """
    from deepcli.data.sources.tables.split_files import read_files, table_files
    from deepcli.data.sources.tables.table_options import TableOptions
    from deepcli.spec.spelling import did_you_mean

    files = table_files(path)
    table = read_files(files, TableOptions())
    if name not in table.names:
        known = ", ".join(table.names)
        raise DataError(
            f"data.column: {path} has no column {name!r}; {did_you_mean(name, table.names)}columns: {known}"
        )
    splits = table.splits or [None] * table.rows
    texts: dict[str | None, list[str]] = {split: [] for split in splits}
    for text, split in zip(table.column(name), splits, strict=True):
        if text:
            texts[split].append(text)
    first = files[0][0]
    columns = tuple(TextColumn(first, tuple(found), split=split) for split, found in texts.items())
    return measured(columns), tuple(table.findings)


def _opened(path: Path, split: str | None) -> TextFile:
    """Choose the encoding of a file: UTF-8, UTF-16 if it begins with a byte order mark, or else Windows-1252."""
    try:
        with path.open("rb") as file:
            begin = file.read(4)
        marked = next((name for mark, name in BOMS.items() if begin.startswith(mark)), "utf-8")
        for encoding in (marked, "cp1252"):
            known = TextFile(path, encoding, split)
            try:
                if any(piece.translate(CONTROL_TABLE) != piece for piece in known.pieces()):
                    break
            except UnicodeError:
                continue
            return known
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    raise DataError(f"{path}: is not text (binary content); save it as UTF-8")


def parts(pieces: Iterator[str], cuts: Sequence[int], at_spaces: bool = False) -> Iterator[tuple[int, str]]:
    """Cut a text into parts, and yield each piece with the number of its part.

    Args:
        pieces: The text.
        cuts: Where each part but the first begins, in characters.
        at_spaces: Whether a part begins at a space only, so that no word is cut; it then begins a little later.
    """
    part, seen = 0, 0
    borders = iter((*cuts, None))
    border = next(borders)
    for piece in pieces:
        rest = piece
        while border is not None and seen + len(rest) > border:
            cut = max(border - seen, 0)
            if at_spaces:
                cut = next((place for place in range(cut, len(rest)) if rest[place].isspace()), len(rest))
            if cut == len(rest):
                break
            yield part, rest[:cut]
            seen, rest, part, border = seen + cut, rest[cut:], part + 1, next(borders)
        yield part, rest
        seen += len(rest)


def whole_words(pieces: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Move the borders of pieces to spaces, so that no word is cut by reading in pieces."""
    for part, group in itertools.groupby(pieces, lambda pair: pair[0]):
        carried = ""
        for _, piece in group:
            text = carried + piece
            # Where spaces begin, as spaces one after another may be one token.
            places = range(len(text) - 1, 0, -1)
            cut = next((place for place in places if text[place].isspace() and not text[place - 1].isspace()), 0)
            carried = text[cut:]
            if cut:
                yield part, text[:cut]
        yield part, carried
