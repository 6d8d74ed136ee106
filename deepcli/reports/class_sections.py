"""Sections of a report on a classifier: confusion, calibration, worst mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from deepcli.reports import class_plots
from deepcli.reports.markup import cell, image, svg, table

if TYPE_CHECKING:
    from deepcli.evaluation.mistakes import Mistakes
    from deepcli.evaluation.predictions import Predictions

LARGEST_MATRIX = 20
"""Number of classes up to which the confusion matrix is a table."""


def class_sections(predictions: Predictions, names: Sequence[str]) -> Iterator[str]:
    """Write the confusion matrix and the calibration of a classifier."""
    counts = predictions.confusion
    yield "<h2>Confusion</h2>"
    yield '<p class="soft">rows: labels; columns: predicted classes</p>'
    if len(counts) <= LARGEST_MATRIX:
        yield _class_matrix(counts, names)
    else:
        yield svg(class_plots.confusion(predictions))
    figure = class_plots.calibration(predictions)
    if figure is not None:
        yield "<h2>Calibration</h2>"
        yield '<p class="soft">accuracy by confidence; the numbers above the bars count examples</p>'
        yield svg(figure)


def _class_matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    totals = np.maximum(counts.sum(axis=1), 1)
    right = np.diag(counts)
    head = [cell("", "th"), *(cell(name, "th") for name in names), cell("recall", "th", number=True)]
    rows = []
    for label, (name, row) in enumerate(zip(names, counts, strict=True)):
        cells = [
            f'<td style="background: rgba(var(--mark), {0.75 * count / totals[label]:.3f})">{count or ""}</td>'
            for count in row.tolist()
        ]
        rows.append([cell(name, "th"), *cells, cell(f"{right[label] / totals[label]:.3f}", number=True)])
    precision = right / np.maximum(counts.sum(axis=0), 1)
    rows.append([cell("precision", "th"), *(cell(f"{share:.2f}") for share in precision.tolist()), cell("")])
    return table(head, rows, "matrix")


def class_mistakes(found: Mistakes, names: Sequence[str]) -> Iterator[str]:
    """Write the wrong predictions with the highest confidence."""
    yield "<h2>Worst mistakes</h2>"
    if not len(found.ids):
        yield "<p>No mistakes on the test split.</p>"
        return
    yield '<p class="soft">wrong predictions on the test split, most confident first</p>'
    kind = "images" if len(found.images) else "texts"
    cards = []
    for index in range(len(found.ids)):
        sure = f"{100 * float(found.outputs[index]):.1f} %"
        label, said = names[found.labels[index]], names[found.answers[index]]
        told = f"label {label}, predicted {said} ({sure}), example {found.ids[index]}"
        shown = image(found.images[index], told) if kind == "images" else f"<p>{escape(str(found.texts[index]))}</p>"
        cards.append(f'<div class="mistake">{shown}<div class="soft">{escape(told)}</div></div>')
    yield f'<div class="mistakes {kind}">{"".join(cards)}</div>'
