"""What looking at data found, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from deepcli.data.checks.column_figures import ColumnFigures
from deepcli.data.checks.picture_checks import PictureFigures
from deepcli.data.checks.text_checks import TextFigures
from deepcli.data.sources.findings import Finding

if TYPE_CHECKING:
    from deepcli.data.checks.running_text_report import RunningFigures


@dataclass(frozen=True)
class ClassLine:
    """A class, level or label with its number of examples by split, and of all."""

    name: str
    counts: dict[str, int]
    total: int


@dataclass(frozen=True)
class NumberLine:
    """A number that is predicted: its range, mean, median and standard deviation over all examples."""

    name: str
    low: float
    high: float
    mean: float
    median: float
    spread: float


@dataclass(frozen=True)
class Simplest:
    """The simplest prediction, learned from training: always the most frequent class, or always the mean.

    Attributes:
        answer: That class, or the mean.
        measure: `accuracy`, or `rmse`.
        scores: By split.
    """

    answer: str
    measure: str
    scores: dict[str, float]


@dataclass(frozen=True)
class ShownExample:
    """An example: where it is, its split, its target, and its input in short."""

    where: str
    split: str
    target: str
    input: str


@dataclass(frozen=True)
class Suspect:
    """An example whose label is likely wrong.

    Attributes:
        where: Where it is.
        split: Its split.
        label: The class that it has.
        suggested: The class that the model finds more likely.
        probability: The model's probability for that class.
        margin: Probability of its own class less that of the most likely other one.
    """

    where: str
    split: str
    label: str
    suggested: str
    probability: float
    margin: float


@dataclass(frozen=True)
class SuspectLabels:
    """Likely wrong labels among held-out examples of a run.

    Attributes:
        splits: The splits whose predictions were used.
        examples: Number of examples that were looked at.
        found: Number of likely wrong labels.
        suspects: The most likely of them.
        note: Why there are none to show, or what to do with them.
    """

    splits: tuple[str, ...]
    examples: int
    found: int
    suspects: tuple[Suspect, ...]
    note: str


@dataclass(frozen=True)
class DataReport:
    """What data are, and what is wrong with them.

    Attributes:
        source: Where they are.
        type: The type of the data set.
        kind: `image`, `tokens`, `features` or `text`.
        shape: The shape of an input, as models take it; empty if they cannot be trained on.
        layout: How files were read: delimiter, encoding, header and others.
        target_kind: `classes`, `labels`, `numbers`, `levels`, `tokens` or `inputs`.
        target: The columns that hold the target; empty where folders or arrays do.
        target_reason: Why it is of this kind.
        counts: Number of examples by split.
        division: How examples are divided into splits.
        classes: Classes, levels or labels; empty for numbers.
        numbers: Numbers that are predicted; empty for classes.
        simplest: The simplest prediction; None for labels.
        pictures: Sizes of pictures; None for other data.
        texts: Lengths and words of texts; None for other data.
        columns: Columns of a table or of an array of numbers.
        examples: A few examples.
        problems: What was found, errors first.
        labels: Likely wrong labels; None if no run was looked at.
        running: Length and tokens of a running text; None for other data.
    """

    source: str
    type: str
    kind: str
    shape: tuple[int | None, ...]
    layout: dict[str, Any]
    target_kind: str
    target: tuple[str, ...]
    target_reason: str
    counts: dict[str, int]
    division: str
    classes: tuple[ClassLine, ...] = ()
    numbers: tuple[NumberLine, ...] = ()
    simplest: Simplest | None = None
    pictures: PictureFigures | None = None
    texts: TextFigures | None = None
    columns: tuple[ColumnFigures, ...] = ()
    examples: tuple[ShownExample, ...] = ()
    problems: tuple[Finding, ...] = ()
    labels: SuspectLabels | None = None
    running: RunningFigures | None = None

    def number_of(self, severity: str) -> int:
        """Return the number of problems of a severity: `error`, `warning` or `note`."""
        return sum(problem.severity == severity for problem in self.problems)

    def with_labels(self, labels: SuspectLabels) -> DataReport:
        """Return the report with likely wrong labels."""
        return replace(self, labels=labels)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as `deepcli data --json` prints it."""
        told = asdict(self)
        if self.pictures is not None:
            sizes = [{"height": h, "width": w, "pictures": n} for (h, w), n in self.pictures.sizes.items()]
            told["pictures"]["sizes"] = sizes
            told["pictures"]["far"] = len(self.pictures.far)
        return told

    def __repr__(self) -> str:
        """Show what `deepcli data` prints."""
        from deepcli.data.checks.report_text import report_lines

        return "\n".join(report_lines(self))


ORDER = ("error", "warning", "note")


def by_severity(problems: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sort problems: errors, then warnings, then notes; otherwise as found."""
    return tuple(sorted(problems, key=lambda problem: ORDER.index(problem.severity)))
