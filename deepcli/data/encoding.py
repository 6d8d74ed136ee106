"""From raw text, or a row of ids as others write it, to the ids that a model of Keras's word data sets reads.

The script beside an exported model carries this file as it stands, so it imports nothing of deepcli.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

# What `keras.preprocessing.text.Tokenizer` takes out by default; its words made the data sets that Keras keeps.
KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
APOSTROPHES = "\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\uff07"
QUOTED = re.compile("(?<!\\w)[\u2018\u201a\u201b]([^\u2018\u201a\u201b]{1,500}?)[\u2019\u2018](?!\\w)")
COMPATIBLE = ("<compat>", "<wide>", "<narrow>", "<font>")


class _Folding(dict[int, str]):
    """What `str.translate` makes of each sign: typographic signs become what a keyboard has, or a space.

    Signs of ASCII are treated as Keras treats them, and other punctuation and symbols as those.
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
        elif kind == "Cf":  # a soft hyphen, a byte order mark and their like are not seen
            folded = ""
        elif kind[0] in "PS":
            folded = " "
        elif unicodedata.decomposition(sign).startswith(COMPATIBLE):  # a ligature, a letter of full width
            folded = unicodedata.normalize("NFKC", sign)
        else:
            folded = sign
        self[code] = folded
        return folded


_FOLDING = _Folding()


def split_words(text: str) -> list[str]:
    """Split a text as Keras's data sets were: lower case, punctuation but apostrophes left out, by white space.

    Their words are composed (NFC) and have the apostrophe of ASCII. Typographic signs are read as those of a keyboard.
    """
    if not text.isascii():
        text = QUOTED.sub(r" \1 ", unicodedata.normalize("NFC", text))
    return text.translate(_FOLDING).lower().split()


def look_up(word: str, ids: Mapping[str, int]) -> int | None:
    """Find the id of a word; one that is not known with single quotes around it is looked up without them."""
    found = ids.get(word)
    return ids.get(word.strip("'")) if found is None else found


def encode_text(
    text: str, ids: Mapping[str, int], size: int, start: int, unknown: int, skip_top: int, maxlen: int | None
) -> list[int]:
    """Make a text into ids as `keras.datasets.imdb.load_data` does, and keep the last `maxlen`.

    Args:
        text: The text.
        ids: Ids by word.
        size: Ids are below it.
        start: Stands before the first word.
        unknown: Stands for a word without an id.
        skip_top: Ids below it, `start` among them, become `unknown`.
        maxlen: None keeps all.
    """
    found = [start, *(look_up(word, ids) for word in split_words(text))]
    known = [unknown if one is None or not skip_top <= one < size else one for one in found]
    return known[-maxlen:] if maxlen else known


def encode_row(row: Any, size: int, unknown: int, skip_top: int, maxlen: int | None) -> Any:
    """Make a row of ids, with zeros before or behind them for padding, into ids alone, and keep the last `maxlen`.

    Args:
        row: Integers, or floating-point numbers that are whole.
        size: Ids are below it.
        unknown: Stands for ids below `skip_top`.
        skip_top: As of `encode_text`.
        maxlen: None keeps all.

    Returns:
        int32 (length,).

    Raises:
        ValueError: It is something else.
    """
    import numpy as np

    ids = np.asarray(row)
    if ids.dtype.hasobject:
        ids = np.array(ids.tolist())  # a row of an object array, whose items may all be integers
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iuf"):
        raise ValueError(f"should be token ids, one row of integers, not {ids.dtype} of {ids.ndim} dimensions")
    if ids.dtype.kind == "f" and (odd := ids[~(ids == np.floor(ids))]).size:
        raise ValueError(f"has {odd[0]:g}, which is not a token id (a whole number)")
    if ids.size and (ids.min() < 0 or ids.max() >= size):
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise ValueError(f"has the id {wrong:.0f}; ids are not negative, and the model knows those below {size}")
    inside = np.flatnonzero(ids)
    ids = ids[inside[0] : inside[-1] + 1] if inside.size else ids[:0]
    if len(ids) != len(inside):
        place = inside[0] + np.flatnonzero(ids == 0)[0]
        raise ValueError(f"has a 0 between ids, at place {place}; 0 is padding, which belongs before or behind them")
    ids = ids[-maxlen:] if maxlen else ids
    return np.where(ids < skip_top, unknown, ids).astype(np.int32)
