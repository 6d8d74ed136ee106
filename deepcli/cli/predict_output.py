"""Output formats of predictions: plain text, JSON Lines and CSV."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deepcli.api.predicting import Ranking
from deepcli.cli.answers import fit
from deepcli.errors import UsageError
from deepcli.inputs.example import Example, Unreadable

if TYPE_CHECKING:
    import numpy as np

    from deepcli.experiment.schema import Experiment

DIGITS = 6


class Writer(ABC):
    """Writes predictions batch by batch.

    Args:
        experiment: The model's experiment, whose data set names the classes.
        top_k: How many classes to show per input, most likely first; None for every class, in order.
    """

    def __init__(self, experiment: Experiment, top_k: int | None) -> None:
        self._ranking = Ranking(experiment, top_k)
        self.names, self.in_order = self._ranking.names, self._ranking.in_order
        self.shown = self._ranking.shown
        self.value = "probability" if experiment.head.activation in ("softmax", "sigmoid") else "output"
        self.stream: IO[str]

    def begin(self, stream: IO[str]) -> None:
        """Start writing to a stream, with the header if the format has one."""
        self.stream = stream

    def write(self, batch: Sequence[Example | Unreadable], outputs: np.ndarray) -> None:
        """Write a line for each input.

        Args:
            batch: Examples and unreadable inputs, in order.
            outputs: The model's outputs for the examples: float64 (examples, classes).
        """
        answers = self._answers(outputs)
        for one in batch:
            if isinstance(one, Unreadable):
                self.error(one)
            else:
                self.line(one.name, *next(answers))
        self.stream.flush()

    def write_errors(self, stream: IO[str], unreadable: Iterable[Example | Unreadable]) -> None:
        """Write inputs none of which can be read."""
        import numpy as np

        self.stream = stream
        self.write(list(unreadable), np.empty((0, 0)))

    def _answers(self, outputs: np.ndarray) -> Iterator[tuple[int, list[int], list[float]]]:
        """Yield each example's most likely class, and the classes to show with their rounded outputs."""
        import numpy as np

        for best, classes, values in self._ranking.ranked(outputs):
            yield best, classes, np.round(values, DIGITS).tolist()

    def error(self, unreadable: Unreadable) -> None:  # noqa: B027 - most formats leave it out
        """Write an input that cannot be read; it is reported on stderr in any case."""

    @abstractmethod
    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        """Write one line: the most likely class, and the classes to show with their outputs."""


class Plain(Writer):
    """One line of plain text per input: classes with outputs, most likely first, and the input."""

    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        width = max(map(len, self.names))
        said = "  ".join(f"{self.names[k]:<{width}} {value:.4f}" for k, value in zip(classes, values, strict=True))
        self.stream.write(f"{said}  {name}\n")


class JsonLines(Writer):
    """One JSON object per line: the prediction for an input, or why the input cannot be read."""

    def error(self, unreadable: Unreadable) -> None:
        self._write(
            {"schema": 1, "command": "predict", "status": "failed", "input": unreadable.name, "error": unreadable.why}
        )

    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        top = [{"class": k, "name": self.names[k], self.value: v} for k, v in zip(classes, values, strict=True)]
        told: dict[str, Any] = {"input": name, "class": answer, "name": self.names[answer]}
        told[self.value] = next(value for k, value in zip(classes, values, strict=True) if k == answer)
        if len(top) > 1:
            told["classes"] = top
        self._write(told)

    def _write(self, told: dict[str, Any]) -> None:
        text = json.dumps(told, ensure_ascii=False)
        self.stream.write(fit(text, getattr(self.stream, "encoding", None)) + "\n")


class Csv(Writer):
    """Comma-separated values: the input, its most likely class, and the classes that are shown with their outputs."""

    def begin(self, stream: IO[str]) -> None:
        super().begin(stream)
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(["input", "class", "name", *self._columns()])

    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        rest = values if self.in_order else [v for pair in zip(classes, values, strict=True) for v in pair][1:]
        self._rows.writerow([name, answer, self.names[answer], *rest])

    def _columns(self) -> list[str]:
        if self.in_order:
            return [f"{self.value}_{k}" for k in range(len(self.names))]
        more = [f"{what}_{place}" for place in range(2, self.shown + 1) for what in ("class", self.value)]
        return [self.value, *more]


def format_of(output: Path | None, as_json: bool, as_csv: bool) -> type[Writer]:
    """Choose the output format from the options or the file's suffix.

    Raises:
        UsageError: Neither the options nor the suffix name a format.
    """
    suffix = "" if output is None else output.suffix.lower()
    if as_json or (not as_csv and suffix in (".jsonl", ".ndjson", ".json")):
        return JsonLines
    if as_csv or suffix == ".csv":
        return Csv
    if output is not None:
        raise UsageError(f"--output: {output}: should end in .jsonl or .csv, or add --json or --csv")
    return Plain
