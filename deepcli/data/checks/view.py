"""Data as checks see them, whatever they were read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.data.base import SPLITS
from deepcli.data.checks.limits import KEPT_PLACES, SHOWN_PLACES
from deepcli.data.schema import Kind, Schema, Target
from deepcli.data.sources.findings import Finding, Severity

if TYPE_CHECKING:
    import numpy as np

    from deepcli.data.arrays.splits import Tokens
    from deepcli.data.table import RowContent


@dataclass(frozen=True)
class DataView:
    """Examples with targets and splits; sequences have one entry for each example.

    Attributes:
        source: Where the data are, for people.
        type: The type of the data set.
        kind: What inputs are.
        shape: The shape of an input; empty if it is not known.
        target: What is predicted.
        values: The targets, as in `Gathered`.
        splits: The split of each example.
        division: How they were divided, in words.
        keys: Content; equal inputs have equal keys. Empty for pictures, whose pixels are compared.
        where: Returns the place of an example.
        findings: What reading found.
        schema: What models are given of the data; None if they cannot be learned from as they are.
        layout: How the files were read.
        tokens: What texts are split into; None for other inputs.
        together: Whether the division keeps equal inputs in one split.
        time: The column that rows are divided by.
        images: uint8 (examples, height, width, channels).
        picture: Returns the file of a picture.
        texts: The texts.
        ids: Token ids, where the texts themselves are not known.
        rows: Numbers without a table, float32 (examples, columns).
        table: The columns of a table.
    """

    source: str
    type: str
    kind: Kind
    shape: tuple[int | None, ...]
    target: Target
    values: Sequence[Any]
    splits: Sequence[str]
    division: str
    keys: Sequence[bytes]
    where: Callable[[int], str]
    findings: tuple[Finding, ...] = ()
    schema: Schema | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    tokens: str | None = None
    together: bool = False
    time: str | None = None
    images: np.ndarray | None = None
    picture: Callable[[int], Path] | None = None
    texts: Sequence[str] | None = None
    ids: Tokens | None = None
    rows: np.ndarray | None = None
    table: RowContent | None = None

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The examples of each split that has any."""
        found: dict[str, list[int]] = {name: [] for name in SPLITS}
        for place, split in enumerate(self.splits):
            found[split].append(place)
        return {name: places for name, places in found.items() if places}

    @property
    def has_classes(self) -> bool:
        """Whether each example has one class or level."""
        return self.target.kind in ("classes", "levels")

    def name_of(self, number: int) -> str:
        """Return the name of a class, label or level."""
        names = self.target.names
        return names[number] if number < len(names) else str(number)

    def found(
        self, code: str, severity: Severity, text: str, examples: Iterable[Sequence[int]] = (), joint: str = " = "
    ) -> Finding:
        """Make a finding about examples.

        Args:
            code: Its code.
            severity: Its severity.
            text: What was found.
            examples: Groups of examples that belong together, such as equal ones.
            joint: What is written between the places of a group.
        """
        places = [joint.join(map(self.where, group)) for group, _ in zip(examples, range(KEPT_PLACES), strict=False)]
        return Finding(code, severity, self.source, text, tuple(places))


def some_places(finding: Finding) -> list[str]:
    """Return the places of a finding that its text shows, and how many there are beyond."""
    rest = len(finding.places) - SHOWN_PLACES
    return [*finding.places[:SHOWN_PLACES], *([f"and {rest:,} more"] if rest > 0 else [])]
