"""Encodes raw text, or a row of ids from elsewhere, as the token ids that models of Keras's word data sets take.

`usage.py`, the script beside an exported model, contains the text of this file, so it imports nothing from deepcli.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# The characters that `keras.preprocessing.text.Tokenizer` removes by default; Keras's data sets were made with it.
KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
APOSTROPHES = "\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\uff07"
QUOTED = re.compile("(?<!\\w)[\u2018\u201a\u201b]([^\u2018\u201a\u201b]{1,500}?)[\u2019\u2018](?!\\w)")
COMPATIBLE = ("<compat>", "<wide>", "<narrow>", "<font>")


class _Folding(dict[int, str]):
    """Table for `str.translate`: typographic characters become those on a keyboard, or a space.

    ASCII characters are treated as Keras treats them; other punctuation and symbols are treated like ASCII punctuation.
    """

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        kind = unicodedata.category(sign)
        if sign in KERAS_FILTERS or sign == "\u200b":
            folded = " "
        elif sign.isascii():
            folded = sign
        elif sign in APOSTROPHES:
            folded = "'"
        elif kind == "Cf":  # invisible, such as a soft hyphen or a byte order mark
            folded = ""
        elif kind[0] in "PS":
            folded = " "
        elif unicodedata.decomposition(sign).startswith(COMPATIBLE):  # a ligature or a full-width letter
            folded = unicodedata.normalize("NFKC", sign)
        else:
            folded = sign
        self[code] = folded
        return folded


_FOLDING = _Folding()


def split_words(text: str) -> list[str]:
    """Split a text into words as in Keras's data sets: lower case, no punctuation but apostrophes, at white space.

    Words are composed (Unicode NFC) and have ASCII apostrophes. Typographic characters are read as those on a keyboard.
    """
    if not text.isascii():
        text = QUOTED.sub(r" \1 ", unicodedata.normalize("NFC", text))
    return text.translate(_FOLDING).lower().split()


def look_up(word: str, ids: Mapping[str, int]) -> int | None:
    """Return the id of a word; an unknown word in single quotes is looked up without them. None if it is unknown."""
    found = ids.get(word)
    return ids.get(word.strip("'")) if found is None else found


def encode_text(
    text: str, ids: Mapping[str, int], size: int, start: int, unknown: int, skip_top: int, maxlen: int | None
) -> list[int]:
    """Turn a text into ids as `keras.datasets.imdb.load_data` does, and keep the last `maxlen`.

    Args:
        text: The text.
        ids: Ids by word.
        size: Ids are below this number.
        start: The id before the first word.
        unknown: The id of words that have none of their own.
        skip_top: Ids below this number, including `start`, become `unknown`.
        maxlen: Maximum number of ids; None keeps all.
    """
    found = [start, *(look_up(word, ids) for word in split_words(text))]
    known = [unknown if one is None or not skip_top <= one < size else one for one in found]
    return known[-maxlen:] if maxlen else known


def encode_row(row: Any, size: int, unknown: int, skip_top: int, maxlen: int | None) -> Any:
    """Remove the padding (zeros before or after the ids) from a row, check its ids, and keep the last `maxlen`.

    Args:
        row: Integers, or floating-point numbers that are whole.
        size: Ids are below this number.
        unknown: The id that replaces ids below `skip_top`.
        skip_top: As in `encode_text`.
        maxlen: Maximum number of ids; None keeps all.

    Returns:
        int32 (length,).

    Raises:
        ValueError: The row does not consist of valid ids.
    """
    import numpy as np

    ids = np.asarray(row)
    if ids.dtype.hasobject:
        ids = np.array(ids.tolist())  # a row of an object array, whose items may all be integers
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iuf"):
        raise ValueError(f"should be token ids, one row of integers, not {ids.dtype} with {ids.ndim} dimensions")
    if ids.dtype.kind == "f" and (odd := ids[~(ids == np.floor(ids))]).size:
        raise ValueError(f"has {odd[0]:g}, which is not a token id (a whole number)")
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(f"has the id {wrong:.0f}; ids must be at least 0 and below {size}")
    inside = np.flatnonzero(ids)
    ids = ids[inside[0] : inside[-1] + 1] if inside.size else ids[:0]
    if len(ids) != len(inside):
        place = inside[0] + np.flatnonzero(ids == 0)[0]
        raise ValueError(
            f"has a 0 between ids, at position {place}; 0 is padding, which may only come before or after them"
        )
    ids = ids[-maxlen:] if maxlen else ids
    return np.where(ids < skip_top, unknown, ids).astype(np.int32)
