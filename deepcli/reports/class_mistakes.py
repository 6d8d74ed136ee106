"""Sections of a report on a classifier's mistakes: the most confident ones, and those of each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from deepcli.evaluation.examples import EACH, MOST
from deepcli.reports.mistake_cards import MistakeCard, cards
from deepcli.reports.templating import render

if TYPE_CHECKING:
    from deepcli.evaluation.mistakes import Mistakes
    from deepcli.evaluation.predictions import Predictions

MOST_LISTED = 20
"""Number of classes or labels listed at once, those with the most mistakes; the rest can be opened."""


@dataclass(frozen=True)
class MistakenGroup:
    """A class or label that is mistaken, with examples.

    Attributes:
        name: Its name.
        summary: How often it is mistaken, and for what.
        cards: Some of the worst examples.
    """

    name: str
    summary: str
    cards: tuple[MistakeCard, ...]


def class_mistakes(found: Mistakes, names: Sequence[str], predictions: Predictions) -> Iterator[Markup]:
    """Write the wrong predictions with the highest confidence, and the mistakes of each class."""
    captions = [
        f"label {names[label]}, predicted {names[answer]} ({100 * sure:.1f} %), example {example}"
        for label, answer, sure, example in zip(
            *(side.tolist() for side in (found.labels, found.answers, found.outputs, found.ids)), strict=True
        )
    ]
    shown = cards(found.images, found.texts, captions)
    groups = _groups(predictions, names, {label: found.labels == label for label in range(len(names))}, shown)
    yield render(
        "mistakes.html",
        title="Worst mistakes",
        note="wrong predictions on the test split, most confident first",
        cards=shown[:MOST],
        kind="level" if predictions.KIND == "levels" else "class",
        groups=groups[:MOST_LISTED],
        more=groups[MOST_LISTED:],
        never=_never(predictions, names),
    )


def _groups(
    predictions: Predictions, names: Sequence[str], chosen: dict[int, np.ndarray], shown: Sequence[MistakeCard]
) -> list[MistakenGroup]:
    """Return the classes that are mistaken, the most often mistaken first."""
    counts = predictions.confusion.copy()
    np.fill_diagonal(counts, 0)
    wrong = counts.sum(axis=1)
    groups = []
    for label in sorted(np.flatnonzero(wrong).tolist(), key=lambda label: -wrong[label]):
        other = int(counts[label].argmax())
        of = f"{wrong[label]:,} of {predictions.support[label]:,} wrong"
        most = f"most often predicted as {names[other]} ({counts[label, other]:,})"
        examples = [shown[place] for place in np.flatnonzero(chosen[label])[:EACH]]
        groups.append(MistakenGroup(names[label], f"{of}, {most}", tuple(examples)))
    return groups


def _never(predictions: Predictions, names: Sequence[str]) -> list[str]:
    """Return the names of the classes with examples that are never mistaken."""
    right = predictions.confusion.diagonal() == predictions.support
    return [names[label] for label in np.flatnonzero(right & (predictions.support > 0)).tolist()]
