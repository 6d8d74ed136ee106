"""Reads texts whose next token a language model predicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from deepcli.data.arrays.encoded_running_text import make_encoder
from deepcli.data.running_text import TextDataset
from deepcli.data.sources.text_pieces import read_through
from deepcli.data.sources.text_vocabulary import unknown_signs
from deepcli.errors import DataError
from deepcli.inputs.example import Example, Notify
from deepcli.inputs.reading import Outcomes, Reader, ReadOptions

SHOWN = 5
"""Unknown tokens that a notice names."""


class RunningTextReader(Reader):
    """Reads texts: words of the command line, text files, or standard input; a model sees the end of a long one."""

    inside = (".txt", ".md")

    def __init__(self, data: TextDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        super().__init__(options, notify, complain)
        self._data, self._vocabulary = data, data.data_schema.vocabulary
        self._encode = make_encoder(self._vocabulary, data.tokens)

    def _piped(self) -> Outcomes:
        yield self._example("-", sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))

    def _file(self, path: Path) -> Outcomes:
        text, _ = read_through([path])
        yield self._example(str(path), "".join(text.pieces()))

    def _word(self, word: str) -> Outcomes:
        yield self._example(" ".join(word.split())[:40] or "(empty)", word)

    def value(self, value: Any, name: str) -> Outcomes:
        raise DataError(f"{name}: a model of {self._data.type} takes texts")

    def _example(self, name: str, text: str) -> Example:
        if not text:
            raise DataError(
                f"{name}: is empty; a language model needs at least one {self._data.tokens.removesuffix('s')}"
            )
        end = text[-MOST_CHARACTERS:]
        unknown = list(dict.fromkeys(unknown_signs(end, self._vocabulary, self._data.tokens)))
        if unknown:
            self.notify(f"{name}: training has no {', '.join(map(repr, unknown[:SHOWN]))}; read as unknown")
        return Example(name, self._encode(end)[-self._data.window :].astype(np.int32))


MOST_CHARACTERS = 1_000_000
"""Characters at the end of a text that are looked at; no window is longer."""
