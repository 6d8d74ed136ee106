"""Names of files, classes and columns: in the order that people expect, and fit to be printed."""

from __future__ import annotations

import os
import re
import unicodedata


def natural(name: str) -> tuple[object, ...]:
    """Return a key that sorts numbers in names by value: `2` before `10`, `img9` before `img10`; case comes last."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def printable(name: str) -> str:
    r"""Return a name without control characters and invalid Unicode, which are escaped as in Python: `\n`, `\xe9`."""
    text = readable(name)
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def readable(name: str) -> str:
    r"""Return a file's name as valid Unicode: bytes that are not UTF-8 are escaped, such as `\xe9`."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def alike(name: str) -> str:
    """Return what names have in common that differ only in case, spaces, or the way in which letters are composed."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
