"""The text of a table: its encoding, found over the whole file, and its lines, of bounded length."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deepcli.data.sources.findings import Finding
from deepcli.errors import DataError

LONGEST_LINE = 64 << 20
CHUNK = 1 << 20
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROL = bytes([*range(1, 9), *range(14, 27), *range(28, 32)])
MAX_CONTROL = 0.02
NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that mean nothing in cp1252; with one of them, a text is Latin-1 or neither."""


def find_encoding(stream: IO[bytes], path: Path) -> tuple[str, list[Finding]]:
    """Find the encoding of a text: by its byte order mark, else UTF-8 if all of it is, else the Windows one.

    Raises:
        DataError: The bytes are not text.
    """
    chunk = stream.read(CHUNK)
    for mark, name in BOMS:
        if chunk.startswith(mark):
            return name, []
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    line, first, good, bad, control, total, windows = 1, 0, 0, 0, 0, 0, True
    while chunk:
        if (nul := chunk.find(b"\0")) >= 0:
            raise DataError(
                f"{path}: is not text (a zero byte at byte {total + nul:,}); give a text file, or name its encoding, "
                "such as encoding: utf-16-le"
            )
        text = utf8.decode(chunk)
        replaced = text.count("\ufffd") - chunk.count(b"\xef\xbf\xbd")
        if replaced > 0 and not first:
            first = line + text[: text.index("\ufffd")].count("\n")
        bad += max(replaced, 0)
        good += len(chunk) - len(text)
        windows = windows and not any(byte in chunk for byte in NOT_WINDOWS)
        control += len(chunk) - len(chunk.translate(None, delete=CONTROL))
        line, total = line + chunk.count(b"\n"), total + len(chunk)
        chunk = stream.read(CHUNK)
    if control > MAX_CONTROL * total:
        raise DataError(f"{path}: is not text ({control:,} of {total:,} bytes are control characters)")
    if utf8.decode(b"", final=True):  # it ends in the middle of a character
        bad, first = bad + 1, first or line
    return _verdict(path, first, good, bad, windows)


def _verdict(path: Path, first: int, good: int, bad: int, windows: bool) -> tuple[str, list[Finding]]:
    if not bad:
        return "utf-8", []
    where = f"{path}:{first}"
    if good > 4 * bad:  # nothing but UTF-8 has as many well-formed sequences
        text = f"{bad:,} bytes are not UTF-8, as the rest of the file is; they read as U+FFFD"
        return "utf-8:replace", [Finding("encoding-damaged", "warning", where, f"{text}. Repair the file, or leave it")]
    name = "cp1252" if windows else "latin-1"
    text = f"not UTF-8; read as {name}, a guess. If letters look wrong, write encoding: NAME, or save the file as UTF-8"
    return name, [Finding("encoding-guess", "warning", where, text)]


class TextLines(Iterator[str]):
    """Lines of a text with their ends as written; lines that were taken can be put back.

    Args:
        stream: The bytes.
        encoding: Name of the encoding, with `:replace` behind it if damaged characters are replaced.
        path: The file, for errors.

    Raises:
        DataError: There is no such encoding.
    """

    def __init__(self, stream: IO[bytes], encoding: str, path: Path) -> None:
        name, _, errors = encoding.partition(":")
        try:
            "".encode(name)  # raises LookupError also for what is not an encoding of text, such as base64
            if errors not in ("", "replace"):
                raise LookupError
        except (LookupError, ValueError):
            raise DataError(
                f"{path}: unknown encoding {encoding!r}; write a name such as utf-8, cp1252 or utf-16"
            ) from None
        self._text = io.TextIOWrapper(stream, name, errors=errors or "strict", newline="")
        self._path, self._waiting = path, list[str]()
        self.number = 0
        """Number of the line that was taken last, from 1."""
        self.taken: list[str] = []
        """Lines since `start`."""

    def start(self) -> None:
        """Start to remember lines anew."""
        self.taken.clear()

    def put_back(self, lines: list[str]) -> None:
        """Put lines back, so that they come next."""
        self._waiting.extend(reversed(lines))
        self.number -= len(lines)

    def close(self) -> None:
        """Leave the bytes to who opened them."""
        self._text.detach()

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line

    def _read(self) -> str:
        try:
            line = self._text.readline(LONGEST_LINE)
        except UnicodeError as error:
            raise DataError(
                f"{self._path}:{self.number + 1}: this line or one soon after it is not {self._text.encoding} "
                f"({error.reason if isinstance(error, UnicodeDecodeError) else error}); name another encoding"
            ) from None
        if len(line) >= LONGEST_LINE:
            raise DataError(
                f"{self._path}:{self.number + 1}: a line of more than {LONGEST_LINE >> 20} million characters; is it a table?"
            )
        if "\0" in line:
            raise DataError(f"{self._path}:{self.number + 1}: is not text (a zero character); name another encoding")
        return line
