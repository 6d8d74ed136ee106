"""What a source of own data holds, before anything is learned from it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from deepcli.data.schema import Target
from deepcli.data.sources.findings import Finding
from deepcli.data.sources.splitting import TEST, TRAIN, VALIDATION, Divisible


def numbered(place: int) -> str:
    """Return the place of an example that has no better one."""
    return f"example {place + 1}"


@dataclass(frozen=True)
class Gathered:
    """What a source holds, before anything is learned from it; sequences have one entry for each example.

    Attributes:
        source: Where it is, for people.
        divisible: What the examples are divided by.
        target: What is predicted, without statistics.
        values: The targets: numbers of classes or levels, tuples of label numbers, or tuples of numbers.
        content: What the inputs are made of; its type is the source's own business.
        findings: What is worth telling about the data.
        layout: How the files are laid out.
        where: Returns where an example is: a file, with a line if there are several in it.
        picture: Returns the file of an example that is a picture; None if examples are not files of pictures.
    """

    source: str
    divisible: Divisible
    target: Target
    values: Sequence[Any]
    content: Any
    findings: tuple[Finding, ...] = ()
    layout: dict[str, Any] = field(default_factory=dict)
    where: Callable[[int], str] = numbered
    picture: Callable[[int], Path] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the contents and the targets of all examples, in order."""
        digest = hashlib.sha256(repr(self.target.names).encode())
        for key, value in zip(self.divisible.keys, self.values, strict=True):
            digest.update(hashlib.sha256(key).digest() + repr(value).encode())
        return digest.hexdigest()


def measured_target(gathered: Gathered, train: Sequence[int]) -> Target:
    """Add the statistics of the training examples to a target of numbers; another target is returned unchanged."""
    target = gathered.target
    if target.kind != "numbers":
        return target
    columns = list(zip(*(gathered.values[place] for place in train), strict=True))
    means = tuple(math.fsum(column) / len(column) for column in columns)
    spreads = [
        math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column))
        for column, mean in zip(columns, means, strict=True)
    ]
    return target.model_copy(update={"means": means, "scales": tuple(spread or 1.0 for spread in spreads)})


def class_counts(gathered: Gathered, splits: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Count the examples of each class or label, by split; empty for numbers."""
    if gathered.target.kind == "numbers":
        return {}
    counts: dict[str, Counter[int]] = {name: Counter() for name in (TRAIN, VALIDATION, TEST)}
    # Equal values are counted once: a call for each example takes most of the time of describing a large table.
    for (split, value), number in Counter(zip(splits, gathered.values, strict=True)).items():
        for k in value if isinstance(value, tuple) else (value,):
            counts[split][k] += number
    classes = range(len(gathered.target.names))
    return {name: tuple(found[k] for k in classes) for name, found in counts.items()}
