"""Output formats of predictions: plain text, JSON Lines and CSV."""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

from deepcli.cli.answers import fit
from deepcli.errors import UsageError
from deepcli.inputs.example import Example, Unreadable
from deepcli.system.csv_cells import text_cells

if TYPE_CHECKING:
    import numpy as np

    from deepcli.tasks.interpreting import Interpretation, Interpreter


class Writer(ABC):
    """Writes predictions batch by batch.

    Args:
        answers: Says what the model's outputs mean.
        has_times: Whether inputs are windows of series, each with its first and its last time.

    Attributes:
        MODE: How a file is opened.
    """

    MODE: ClassVar[str] = "w"

    def __init__(self, answers: Interpreter, has_times: bool = False) -> None:
        self.answers, self._has_times = answers, has_times
        self.stream: IO[str]

    def begin(self, stream: IO[str]) -> None:
        """Start writing to a stream, with the header if the format has one."""
        self.stream = stream

    def write(self, batch: Sequence[Example | Unreadable], outputs: np.ndarray) -> None:
        """Write a line for each input.

        Args:
            batch: Examples and unreadable inputs, in order.
            outputs: The model's outputs for the examples: float32 (examples, outputs).
        """
        answers = self.answers.each(outputs)
        for one in batch:
            if isinstance(one, Unreadable):
                self.error(one)
            else:
                self.line(one, next(answers))
        self.stream.flush()

    def end(self) -> None:  # noqa: B027 - most have written everything
        """Write what is left after the last batch."""

    def write_errors(self, stream: IO[str], unreadable: Iterable[Example | Unreadable]) -> None:
        """Write inputs none of which can be read."""
        self.stream = stream
        for one in unreadable:
            if isinstance(one, Unreadable):
                self.error(one)
        self.stream.flush()

    def error(self, unreadable: Unreadable) -> None:  # noqa: B027 - most formats leave it out
        """Write an input that cannot be read; it is reported on stderr in any case."""

    @abstractmethod
    def line(self, one: Example, answer: Interpretation) -> None:
        """Write the answer for one input; a forecast with the times of its steps, a window with its own."""


class Plain(Writer):
    """One line of plain text per input: the answer, and the input; of a forecast, a line for each step."""

    def line(self, one: Example, answer: Interpretation) -> None:
        if not one.steps:
            times = "" if one.span is None else f"  {one.span[0]} to {one.span[1]}"
            self.stream.write(f"{answer.text}  {one.name}{times}\n")
            return
        rows = zip(one.steps, answer.text.split("\n"), strict=False)
        self.stream.write(f"{one.name}\n" + "".join(f"  {time}  {text}\n" for time, text in rows))


class JsonLines(Writer):
    """One JSON object per line: the prediction for an input, or why the input cannot be read."""

    def error(self, unreadable: Unreadable) -> None:
        self._write(
            {"schema": 1, "command": "predict", "status": "failed", "input": unreadable.name, "error": unreadable.why}
        )

    def line(self, one: Example, answer: Interpretation) -> None:
        fields = answer.fields
        if one.steps:
            rows = zip(one.steps, fields["forecast"], strict=False)
            fields = {"forecast": [{"time": time, **row} for time, row in rows]}
        times = {} if one.span is None else {"first": one.span[0], "last": one.span[1]}
        self._write({"input": one.name, **times, **fields})

    def _write(self, told: dict[str, Any]) -> None:
        text = json.dumps(told, ensure_ascii=False)
        self.stream.write(fit(text, getattr(self.stream, "encoding", None)) + "\n")


class Csv(Writer):
    """Comma-separated values: the input and the answer. What a spreadsheet would compute has an apostrophe in front."""

    def begin(self, stream: IO[str]) -> None:
        super().begin(stream)
        self._rows = csv.writer(stream, lineterminator="\n")
        self._rows.writerow(
            text_cells(["input", *(["first", "last"] if self._has_times else []), *self.answers.columns])
        )

    def line(self, one: Example, answer: Interpretation) -> None:
        for row in zip(one.steps, answer.steps, strict=False):
            self._rows.writerow(text_cells([one.name, row[0], *row[1]]))
        if not one.steps:
            times = one.span or ("", "") if self._has_times else ()
            self._rows.writerow(text_cells([one.name, *times, *answer.row]))


class Npy(Writer):
    """An array of the model's outputs, float32 (inputs, outputs); NaN for a row that cannot be read."""

    MODE: ClassVar[str] = "wb"

    def begin(self, stream: IO[Any]) -> None:
        super().begin(stream)
        self._parts: list[np.ndarray] = []

    def write(self, batch: Sequence[Example | Unreadable], outputs: np.ndarray) -> None:
        import numpy as np

        rows = np.full((len(batch), outputs.shape[1]), np.nan, np.float32)
        rows[[isinstance(one, Example) for one in batch]] = outputs
        self._parts.append(rows)

    def line(self, one: Example, answer: Interpretation) -> None:
        raise NotImplementedError

    def end(self) -> None:
        import numpy as np

        width = max((part.shape[1] for part in self._parts), default=0)  # a batch that cannot be read has no outputs
        parts = [part if part.shape[1] else np.full((len(part), width), np.nan, np.float32) for part in self._parts]
        np.save(self.stream, np.concatenate(parts), allow_pickle=False)  # type: ignore[arg-type]


def format_of(output: Path | None, as_json: bool, as_csv: bool, codes: bool = False) -> type[Writer]:
    """Choose the output format from the options or the file's suffix.

    Args:
        output: The file; None for standard output.
        as_json: Whether JSON is asked for.
        as_csv: Whether comma-separated values are asked for.
        codes: Whether codes are written, which may be an array.

    Raises:
        UsageError: Neither the options nor the suffix name a format.
    """
    suffix = "" if output is None else output.suffix.lower()
    if suffix == ".npy" and codes and not (as_json or as_csv):
        return Npy
    if as_json or (not as_csv and suffix in (".jsonl", ".ndjson", ".json")):
        return JsonLines
    if as_csv or suffix == ".csv":
        return Csv
    if output is not None:
        known = ".jsonl, .csv or .npy" if codes else ".jsonl or .csv"
        raise UsageError(f"--output: {output}: should end in {known}, or add --json or --csv")
    return Plain
