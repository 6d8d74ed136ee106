"""Reads inputs whose targets a model of pairs writes: sentences, files of lines, columns of tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from deepcli.data.pairs import PairsDataset
from deepcli.data.sources.pair_vocabulary import UNKNOWN
from deepcli.errors import DataError
from deepcli.inputs.example import Example, Notify
from deepcli.inputs.reading import Outcomes, ReadOptions, TextReader


class SourceReader(TextReader):
    """Reads texts as the inputs of pairs."""

    def __init__(self, data: PairsDataset, options: ReadOptions, notify: Notify, complain: Notify) -> None:
        # As in parallel files, each line of a text file is an input.
        super().__init__(data, None, replace(options, lines=True), notify, complain)  # type: ignore[arg-type]
        self._pairs, self._longest = data, data.data_schema.shape[0] or 1

    def value(self, value: Any, name: str) -> Outcomes:
        if not isinstance(value, str):
            raise DataError(f"{name}: a model of {self._pairs.type} takes texts")
        yield self._example(name, value)

    def _array(self, path: Path) -> Outcomes:
        raise DataError(f"{path}: a model of {self._pairs.type} takes texts, not arrays")

    def _example(self, name: str, text: str) -> Example:
        text = " ".join(text.split())
        if not text:
            raise DataError(f"{name}: is empty; there is nothing to write for it")
        ids = self._pairs.encoded_input(text)
        count = self._pairs.count_tokens(text)
        unit, most = self._pairs.tokens, self._longest - 1
        if count > most and self._pairs.longer == "error":
            raise DataError(f"{name}: has {count:,} {unit}, more than the {most:,} of the model; divide it")
        if count > most:
            self.notify(f"{name}: has {count:,} {unit}; only the first {most:,} are read")
        if unknown := int((ids == UNKNOWN).sum()):
            self.notify(f"{name}: {unknown} of its {count} {self._pairs.tokens} are not in the vocabulary")
        return Example(name, ids)
