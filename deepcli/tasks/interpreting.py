"""What a model's outputs mean for one input: as a line for people, as JSON, as a row of a table and for programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from deepcli.data.sources.naming import printable
from deepcli.errors import UsageError

if TYPE_CHECKING:
    import keras
    import numpy as np

DIGITS = 6
"""Digits after the point of a probability that is written to a file."""


@dataclass(frozen=True)
class Interpretation:
    """What a model says about one input.

    Attributes:
        text: The line for people, without the input's name.
        fields: The keys of the JSON object after `input`.
        row: The values of the table's columns after `input`.
        name: The answer in words: the class, the labels, or the number.
        label: The number of the class or level; None where there is no single one.
        probability: The probability of the answer; None where there is no single one.
        top: The likeliest classes that are shown, as (number, name, probability).
        values: The probability of each label, or each number, by name; empty for classes.
        steps: The numbers of each step of a forecast, which has a row of the table for each; empty for other answers.
    """

    text: str
    fields: dict[str, Any]
    row: list[Any]
    name: str
    label: int | None = None
    probability: float | None = None
    top: tuple[tuple[int, str, float], ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    steps: tuple[tuple[float, ...], ...] = ()


class Interpreter(ABC):
    """Says what outputs mean.

    Attributes:
        ranks: Whether there are several answers of which the likeliest can be shown.
    """

    ranks: ClassVar[bool] = True

    def asked(self, model: keras.Model) -> keras.Model:
        """Return the model whose outputs `each` takes: the model itself, or what is made of it."""
        return model

    def prepare(self, model: keras.Model) -> None:  # noqa: B027 - most need nothing
        """Take from the model what is needed besides its outputs; by default nothing."""

    def at_quantile(self, quantile: float) -> Interpreter:
        """Return the same with another share of the validation examples whose errors are not unusual.

        Raises:
            UsageError: Answers have no such threshold, or the share is not between 0 and 1.
        """
        raise UsageError("--quantile: is for autoencoders (task: reconstruction), whose errors have a threshold")

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """The names of the table's columns after `input`."""

    @abstractmethod
    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        """Yield the answer for each example.

        Args:
            outputs: The model's outputs, float32 (examples, outputs).
        """


class ClassInterpreter(Interpreter):
    """The likeliest classes.

    Args:
        names: The names of the classes.
        top_k: How many classes to give, the likeliest first; None for every class, in order.
        value: What the outputs are called: `probability`, or `output` where a loss needs no probabilities.
    """

    def __init__(self, names: list[str], top_k: int | None, value: str = "probability") -> None:
        self._names, self._value = names, value
        self._in_order = top_k is None
        self._shown = min(top_k or len(names), len(names))
        self._shown_names = [printable(name) for name in names]
        self._width = max(map(len, self._shown_names))

    @property
    def columns(self) -> list[str]:
        if self._in_order:
            return ["class", "name", *(f"{self._value}_{k}" for k in range(len(self._names)))]
        more = [f"{what}_{place}" for place in range(2, self._shown + 1) for what in ("class", self._value)]
        return ["class", "name", self._value, *more]

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        import numpy as np

        from deepcli.evaluation.predictions import by_class

        outputs = by_class(outputs)
        chosen = self.chosen(outputs)
        order = np.argsort(-outputs, axis=1, kind="stable")[:, : self._shown]
        shown = np.broadcast_to(np.arange(outputs.shape[1]), outputs.shape) if self._in_order else order
        values = np.take_along_axis(outputs, shown, axis=1).tolist()
        for best, own, classes, row in zip(chosen.tolist(), outputs, shown.tolist(), values, strict=True):
            yield self._answer(int(best), float(own[best]), classes, row)

    def chosen(self, outputs: np.ndarray) -> np.ndarray:
        """Return the class that is answered for each example, int (examples,); the first of equal ones."""
        best: np.ndarray = outputs.argmax(axis=1)
        return best

    def _answer(self, best: int, own: float, classes: list[int], values: list[float]) -> Interpretation:
        import numpy as np

        rounded = np.round(values, DIGITS).tolist()
        pairs = list(zip(classes, rounded, strict=True))
        said = "  ".join(f"{self._shown_names[k]:<{self._width}} {value:.4f}" for k, value in pairs)
        fields: dict[str, Any] = {"class": best, "name": self._names[best], self._value: float(np.round(own, DIGITS))}
        if len(pairs) > 1:
            fields["classes"] = [{"class": k, "name": self._names[k], self._value: value} for k, value in pairs]
        rest = rounded if self._in_order else [one for pair in pairs for one in pair][1:]
        top = tuple((k, self._names[k], value) for k, value in zip(classes, values, strict=True))
        return Interpretation(said, fields, [best, self._names[best], *rest], self._names[best], best, own, top)


class LevelInterpreter(ClassInterpreter):
    """The median level, which is the fewest steps from the true one on average; and the likeliest levels."""

    def chosen(self, outputs: np.ndarray) -> np.ndarray:
        return median_levels(outputs)

    def _answer(self, best: int, own: float, classes: list[int], values: list[float]) -> Interpretation:
        if self._in_order or classes[0] == best:
            return super()._answer(best, own, classes, values)
        others = [(k, value) for k, value in zip(classes, values, strict=True) if k != best][: self._shown - 1]
        return super()._answer(best, own, [best, *(k for k, _ in others)], [own, *(value for _, value in others)])


def median_levels(outputs: np.ndarray) -> np.ndarray:
    """Return the median level of each row of probabilities, (examples, levels) to int (examples,)."""
    import numpy as np

    medians: np.ndarray = (outputs.cumsum(axis=1, dtype=np.float64) >= 0.5 - 1e-6).argmax(axis=1)
    return medians


class LabelInterpreter(Interpreter):
    """The labels whose probability reaches the threshold that was chosen on the validation split.

    Args:
        names: The names of the labels.
        top_k: How many labels to give with their probabilities, the likeliest first; None for all, in order.
    """

    def __init__(self, names: list[str], top_k: int | None) -> None:
        self._names, self._top_k = names, top_k
        self._thresholds: np.ndarray | float = 0.5

    def prepare(self, model: keras.Model) -> None:
        from deepcli.nn.output_layers import thresholds_of

        self._thresholds = thresholds_of(model)

    @property
    def columns(self) -> list[str]:
        return ["labels", *self._names]

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        import numpy as np

        given = outputs >= self._thresholds
        order = np.argsort(-outputs, axis=1, kind="stable")
        for row, chosen, ranked in zip(
            outputs.astype(np.float64).tolist(), given.tolist(), order.tolist(), strict=True
        ):
            labels = [self._names[k] for k in ranked if chosen[k]]
            shown = range(len(row)) if self._top_k is None else ranked[: max(self._top_k, len(labels))]
            top = tuple((k, self._names[k], row[k]) for k in shown)
            said = ", ".join(labels) or "none"
            likely = "  ".join(f"{name} {value:.4f}" for _, name, value in top)
            probabilities = {name: round(value, DIGITS) for name, value in zip(self._names, row, strict=True)}
            fields = {"labels": labels, "probabilities": probabilities}
            yield Interpretation(
                printable(f"{said}  ({likely})"),
                fields,
                [";".join(labels), *probabilities.values()],
                said,
                top=top,
                values=probabilities,
            )


class NumberInterpreter(Interpreter):
    """Numbers in the units of the data.

    Args:
        names: The names of the numbers.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = names

    @property
    def columns(self) -> list[str]:
        return self._names

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        for row in outputs.tolist():
            numbers = [float(f"{value:.7g}") for value in row]
            values = dict(zip(self._names, numbers, strict=True))
            said = printable("  ".join(f"{name} {value:.7g}" for name, value in values.items()))
            yield Interpretation(
                said, {"values": values}, numbers, said if len(row) > 1 else f"{numbers[0]:.7g}", values=values
            )
