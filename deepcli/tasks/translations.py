"""What a model of pairs writes for an input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepcli.data.sources.naming import printable
from deepcli.tasks.interpreting import DIGITS, Interpretation, Interpreter


class TranslationInterpreter(Interpreter):
    """The target that a search found, and the logarithm of its probability."""

    @property
    def columns(self) -> list[str]:
        return ["translation", "log_probability"]

    def each(self, outputs: Any) -> Iterator[Interpretation]:
        """Yield the answer for each input.

        Args:
            outputs: What was written for each, with the logarithm of its probability: an object array (inputs, 2).
        """
        for text, log_probability in outputs.tolist():
            rounded = round(float(log_probability), DIGITS)
            fields = {"translation": text, "log_probability": rounded}
            yield Interpretation(printable(text) or "(nothing)", fields, [text, rounded], text)
