"""Splits own texts into words or characters, and encodes them as token ids.

`usage.py`, the script beside an exported model, contains the text of this file, so it imports nothing from deepcli.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

OWN_START, OWN_UNKNOWN = 1, 2
ASCII_SIGNS = r"!-/:-@\[-`{-~"
# Ideographs, kana, Thai, Lao, Myanmar and Khmer are written without spaces between words. Each letter is a token, with
# the marks that belong to it, as in spaCy's Chinese without a segmenter.
UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u1000-\u102a\u103f"
    "\u1780-\u17b3\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u3099\u309a"
LETTER = rf"[^\x00-\x20\x7f\s{ASCII_SIGNS}{UNSPACED}]"
# Emphasis such as `!!!` and `...` is one token; longer runs are cut into threes, so that they are not unknown.
SIGN = rf"!{{1,3}}|\?{{1,3}}|\.{{1,3}}|[{ASCII_SIGNS}]"
PIECE = re.compile(rf"{LETTER}+(?:'{LETTER}+)*|[{UNSPACED}][{MARKS}]*|{SIGN}")
ASCII_PIECE = re.compile(rf"[a-z0-9]+(?:'[a-z0-9]+)*|{SIGN}")
SPACE = re.compile(r"\s+")
DIGIT = re.compile("[0-9]")
APOSTROPHE_LIKE = "\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\uff07"
SAME_SIGN = ("<compat>", "<wide>", "<narrow>", "<font>", "<noBreak>")


class _Signs(dict[int, str]):
    """Table for `str.translate`: typographic signs become those on a keyboard; other signs are set apart by spaces."""

    def __missing__(self, code: int) -> str:
        self[code] = made = _sign(chr(code))
        return made


def _sign(sign: str) -> str:
    kind = unicodedata.category(sign)
    if sign in APOSTROPHE_LIKE:
        return "'"
    if sign.isascii() or kind[0] in "LN" or (kind[0] == "M" and not _selects_a_variant(sign)):
        # A ligature or a full-width letter is read as the letters that it shows.
        return unicodedata.normalize("NFKC", sign) if unicodedata.decomposition(sign).startswith(SAME_SIGN) else sign
    if kind in ("Cf", "Cs") or kind[0] == "M" or "\U0001f3fb" <= sign <= "\U0001f3ff":
        return ""  # invisible, half a character, or the colour of an emoji
    if kind in ("Pi", "Pf") or sign in "\u201e\u201f":
        return ' " '
    if kind == "Pd":
        return " - "
    if unicodedata.decomposition(sign).startswith(SAME_SIGN):
        return f" {unicodedata.normalize('NFKC', sign)} "
    return f" {sign} " if kind[0] in "PSC" and kind != "Cc" else " "


def _selects_a_variant(sign: str) -> bool:
    return "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef"


_SIGNS = _Signs()


def split_tokens(text: str, tokens: str) -> list[str]:
    """Split a text into tokens.

    Words are composed (Unicode NFC) and in lower case; apostrophes inside them stay. Each other sign is a word of its own:
    `!`, `£` and emoji carry meaning. Characters keep their case; each run of white space is one space.

    Args:
        text: The text.
        tokens: `words` or `characters`.
    """
    if tokens == "characters":
        composed = text if text.isascii() else unicodedata.normalize("NFC", text)
        return [sign for sign in SPACE.sub(" ", composed.strip()) if sign >= " " and not "\ud800" <= sign <= "\udfff"]
    if text.isascii():
        return ASCII_PIECE.findall(text.lower())
    return PIECE.findall(unicodedata.normalize("NFC", text).translate(_SIGNS).lower())


def shape_of(token: str) -> str:
    """Return a word with each digit replaced by 0: rare numbers of one length are the same token."""
    return DIGIT.sub("0", token)


def encode_own_text(text: str, ids: Mapping[str, int], tokens: str, maxlen: int | None) -> list[int]:
    """Turn a text into ids: the start, then a token each, of which the last `maxlen` are kept.

    Args:
        text: The text; an empty one is the start alone.
        ids: Ids by token. A token that is missing there has the id of its shape, or else that of unknown tokens.
        tokens: `words` or `characters`.
        maxlen: Maximum number of ids; None keeps all.
    """
    pieces = split_tokens(text, tokens)
    found = [ids.get(piece, OWN_UNKNOWN) for piece in pieces]
    if OWN_UNKNOWN in found:
        found = [
            ids.get(shape_of(piece), OWN_UNKNOWN) if one == OWN_UNKNOWN else one
            for one, piece in zip(found, pieces, strict=True)
        ]
    found.insert(0, OWN_START)
    return found[-maxlen:] if maxlen else found
