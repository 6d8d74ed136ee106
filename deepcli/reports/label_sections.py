"""Sections of a report on predicted labels: figures of each label, and the mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from deepcli.evaluation.examples import EACH, MOST
from deepcli.evaluation.tables import per_label
from deepcli.reports.class_mistakes import MOST_LISTED, MistakenGroup
from deepcli.reports.explanations import described
from deepcli.reports.label_plots import average_precision_bars
from deepcli.reports.markup import decimal, svg
from deepcli.reports.mistake_cards import MistakeCard, cards
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render
from deepcli.result import LabelFigures

if TYPE_CHECKING:
    from deepcli.evaluation.label_predictions import LabelPredictions
    from deepcli.evaluation.other_mistakes import LabelMistakes

FIGURES = {
    "average precision": "average_precision", "precision": "precision", "recall": "recall", "F1": "f1",
    "threshold": "threshold",
}  # fmt: skip


def label_sections(predictions: LabelPredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the figures of each label, with the average precision as bars.

    Args:
        predictions: Predictions of a split.
        names: The names of the labels.
    """
    rows = per_label(predictions)
    heads = [TableHead(name, True, described(LabelFigures, field)) for name, field in FIGURES.items()]
    lines = []
    for row in sorted(rows, key=lambda row: -row.support):
        figures = [decimal(getattr(row, field)) for field in FIGURES.values()]
        lines.append(TableRow(names[row.label], (*figures, f"{row.support:,}")))
    counts = predictions.labels.sum(axis=1), predictions.answers.sum(axis=1)
    yield render(
        "labels.html",
        figure=svg(average_precision_bars(predictions, names)) if any(row.support for row in rows) else "",
        table=PageTable((TableHead("label"), *heads, TableHead("examples", True)), tuple(lines)),
        mean_true=float(counts[0].mean()),
        mean_given=float(counts[1].mean()),
        none_true=int((counts[0] == 0).sum()),
        none_given=int((counts[1] == 0).sum()),
    )


def label_mistakes(found: LabelMistakes, names: Sequence[str], predictions: LabelPredictions) -> Iterator[Markup]:
    """Write the examples whose labels are most wrong, with the labels that are missing and those that are too many."""
    captions = []
    truths, answers = found.truths > 0, found.answers > 0
    for truth, answer, error, example in zip(truths, answers, found.errors.tolist(), found.ids, strict=True):
        sides = {"right": truth & answer, "missing": truth & ~answer, "wrong": answer & ~truth}
        parts = [
            f"{side}: {', '.join(names[k] for k in np.flatnonzero(chosen).tolist())}"
            for side, chosen in sides.items()
            if chosen.any()
        ]
        captions.append(f"{'; '.join(parts)} (loss {error:.2f}), example {example}")
    shown = cards(found.images, found.texts, captions)
    groups = _groups(predictions, names, truths != answers, shown)
    right, true, said = (part.sum(axis=0) for part in predictions.tallies)
    yield render(
        "mistakes.html",
        title="Worst mistakes",
        note="on the test split, by the sum of the cross-entropies of all labels",
        cards=shown[:MOST],
        kind="label",
        groups=groups[:MOST_LISTED],
        more=groups[MOST_LISTED:],
        never=[names[k] for k in np.flatnonzero((right == true) & (right == said) & (true > 0)).tolist()],
    )


def _groups(
    predictions: LabelPredictions, names: Sequence[str], amiss: np.ndarray, shown: Sequence[MistakeCard]
) -> list[MistakenGroup]:
    """Return the labels that are missing or given wrongly, the most often mistaken first."""
    right, true, said = (part.sum(axis=0, dtype=np.int64) for part in predictions.tallies)
    missing, extra = true - right, said - right
    wrong = missing + extra
    groups = []
    for label in sorted(np.flatnonzero(wrong).tolist(), key=lambda label: -wrong[label]):
        summary = f"missing in {missing[label]:,} of {true[label]:,}, given wrongly to {extra[label]:,}"
        examples = [shown[place] for place in np.flatnonzero(amiss[:, label])[:EACH]]
        groups.append(MistakenGroup(names[label], summary, tuple(examples)))
    return groups
