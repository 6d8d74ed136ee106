"""How predictions are written: as lines for a person, JSON lines, or a table."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deepcli.cli.answers import fit
from deepcli.errors import UsageError
from deepcli.inputs.example import Example, Unreadable

if TYPE_CHECKING:
    import numpy as np

    from deepcli.experiment.schema import Experiment

DIGITS = 6


class Writer(ABC):
    """Writes what a model says of examples, as it comes.

    Args:
        experiment: What the model was trained on tells what the classes are called.
        top_k: How many classes to show of each, the likeliest first; None for every class, in order.
    """

    def __init__(self, experiment: Experiment, top_k: int | None) -> None:
        classes = experiment.signature.classes
        self.names = experiment.data.names_of(classes)
        self.in_order = top_k is None
        self.shown = min(top_k or classes, classes)
        self.value = "probability" if experiment.head.activation in ("softmax", "sigmoid") else "output"
        self.stream: IO[str]

    def begin(self, stream: IO[str]) -> None:
        """Write what comes first."""
        self.stream = stream

    def write(self, batch: Sequence[Example | Unreadable], outputs: np.ndarray) -> None:
        """Write a line for each input.

        Args:
            batch: Examples, and what cannot be read, in order.
            outputs: float64 (examples, classes).
        """
        answers = self._answers(outputs)
        for one in batch:
            if isinstance(one, Unreadable):
                self.error(one)
            else:
                self.line(one.name, *next(answers))
        self.stream.flush()

    def write_errors(self, stream: IO[str], unreadable: Iterable[Example | Unreadable]) -> None:
        """Write rows none of which can be read."""
        import numpy as np

        self.stream = stream
        self.write(list(unreadable), np.empty((0, 0)))

    def _answers(self, outputs: np.ndarray) -> Iterator[tuple[int, list[int], list[float]]]:
        """Give the likeliest class of each example, and the classes to show with their outputs."""
        import numpy as np

        order = np.argsort(-outputs, axis=1, kind="stable")[:, : self.shown]
        shown = np.broadcast_to(np.arange(outputs.shape[1]), outputs.shape) if self.in_order else order
        values = np.round(np.take_along_axis(outputs, shown, axis=1), DIGITS).tolist()
        for best, classes, row in zip(order, shown.tolist(), values, strict=True):
            yield int(best[0]), classes, row

    def error(self, unreadable: Unreadable) -> None:  # noqa: B027 - most forms have no room for it
        """Write what cannot be read; stderr says it in any case."""

    @abstractmethod
    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        """Write one line: the likeliest class, and the classes to show with their outputs."""


class Plain(Writer):
    """A line for a person: class and output, the likeliest first, and the input."""

    def line(self, name: str, answer: int, classes: list[int], values: list[float]) -> None:
        width = max(map(len, self.names))
        said = "  ".join(f"{self.names[k]:<{width}} {value:.4f}" for k, value in zip(classes, values, strict=True))
        self.stream.write(f"{said}  {name}\n")


class JsonLines(Writer):
    """A JSON object a line: what the model says of an input, or why a row cannot be read."""

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
    """Comma-separated values: the input, its class, and a column or three for each class that is shown."""

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
    """Choose how to write.

    Raises:
        UsageError: A file's name does not tell.
    """
    suffix = "" if output is None else output.suffix.lower()
    if as_json or (not as_csv and suffix in (".jsonl", ".ndjson", ".json")):
        return JsonLines
    if as_csv or suffix == ".csv":
        return Csv
    if output is not None:
        raise UsageError(f"--output: {output}: should end in .jsonl or .csv, or come with --json or --csv")
    return Plain
