"""Sections of a report by the kind of predictions: numbers, labels and levels; classes are beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcli.evaluation.label_predictions import LabelPredictions
from deepcli.evaluation.level_predictions import LevelPredictions
from deepcli.evaluation.mistakes import Mistakes
from deepcli.evaluation.number_predictions import NumberPredictions
from deepcli.evaluation.other_mistakes import LabelMistakes, NumberMistakes
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.tables import per_class, per_label, per_number
from deepcli.evaluation.token_mistakes import TokenMistakes
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.reports import number_plots, plots
from deepcli.reports.class_sections import class_mistakes, class_sections
from deepcli.reports.label_plots import average_precision_bars
from deepcli.reports.markup import cell, decimal, image, significant, svg, table
from deepcli.reports.token_sections import token_mistakes, token_sections

if TYPE_CHECKING:
    from deepcli.evaluation.other_mistakes import WorstExamples
    from deepcli.evaluation.predictions_base import AnyPredictions

MOST_PLOTTED = 6
"""Number of targets with plots; all are in the table."""
LARGEST_MATRIX = 20
"""Number of levels up to which the confusion matrix is a table."""
NUMBER_FIGURES = {
    "MAE": "mae",
    "RMSE": "rmse",
    "median error": "median_absolute_error",
    "bias": "bias",
    "standard deviation": "standard_deviation",
}


def number_sections(predictions: NumberPredictions, names: Sequence[str] = ()) -> Iterator[str]:
    """Write the errors of each number, and plots of predictions and residuals.

    Args:
        predictions: Predictions of a split.
        names: Names to show instead of those of the predictions.
    """
    names = names or predictions.names
    yield "<h2>Errors</h2>"
    yield '<p class="soft">in the unit of each number; bias: mean of predicted minus true; standard deviation: of the true numbers, which is the RMSE of always predicting their mean</p>'
    head = [cell("", "th"), *(cell(name, "th", number=True) for name in (*NUMBER_FIGURES, "R²", "Spearman"))]
    rows = []
    for name, row in zip(names, per_number(predictions), strict=True):
        errors = [cell(significant(getattr(row, field)), number=True) for field in NUMBER_FIGURES.values()]
        rows.append([cell(name, "th"), *errors, *(cell(decimal(one), number=True) for one in (row.r2, row.spearman))])
    yield table(head, rows)
    for target in range(min(len(names), MOST_PLOTTED)):
        yield f"<h2>Predicted and true: {escape(names[target])}</h2>"
        drawn = (number_plots.predicted_against_true, number_plots.residuals, number_plots.residual_histogram)
        yield f'<div class="curves">{"".join(svg(plot(predictions, target)) for plot in drawn)}</div>'
    if len(names) > MOST_PLOTTED:
        yield f'<p class="soft">plots of the first {MOST_PLOTTED} of {len(names)} numbers</p>'


def label_sections(predictions: LabelPredictions, names: Sequence[str]) -> Iterator[str]:
    """Write the figures of each label, with the average precision as bars.

    Args:
        predictions: Predictions of a split.
        names: The names of the labels.
    """
    rows = per_label(predictions)
    yield "<h2>Labels</h2>"
    if any(row.support for row in rows):
        yield svg(average_precision_bars(predictions, names))
    yield '<p class="soft">A label is given from its threshold on, which was chosen on the validation split.</p>'
    columns = ("average precision", "precision", "recall", "F1", "threshold", "examples")
    lines = []
    for row in sorted(rows, key=lambda row: -row.support):
        figures = (row.average_precision, row.precision, row.recall, row.f1, row.threshold)
        numbers = [*map(decimal, figures), f"{row.support:,}"]
        lines.append([cell(names[row.label], "th"), *(cell(one, number=True) for one in numbers)])
    yield table([cell("", "th"), *(cell(name, "th", number=True) for name in columns)], lines)
    counts = predictions.labels.sum(axis=1), predictions.answers.sum(axis=1)
    told = f"labels per example: {counts[0].mean():.2f} true, {counts[1].mean():.2f} given; "
    none = f"examples without a label: {(counts[0] == 0).sum():,} true, {(counts[1] == 0).sum():,} given"
    yield f'<p class="soft">{told}{none}</p>'


def level_sections(predictions: LevelPredictions, names: Sequence[str]) -> Iterator[str]:
    """Write the confusion matrix of levels in their order, how far the answers are off, and the calibration.

    Args:
        predictions: Predictions of a split.
        names: The names of the levels.
    """
    yield "<h2>Confusion</h2>"
    yield '<p class="soft">rows: true levels; columns: predicted levels; both in order, so that near misses are beside the diagonal</p>'
    if len(predictions.confusion) <= LARGEST_MATRIX:
        yield _level_matrix(predictions, names)
    else:
        yield svg(plots.confusion(predictions))
    yield "<h2>Steps from the true level</h2>"
    apart = predictions.answers - predictions.labels
    head, lines = [cell("steps", "th"), cell("examples", "th", number=True), cell("share", "th", number=True)], []
    for steps, count in zip(*(side.tolist() for side in np.unique(apart, return_counts=True)), strict=True):
        share = f"{100 * count / len(apart):.1f} %"
        lines.append([cell(f"{steps:+d}" if steps else "0"), cell(f"{count:,}", number=True), cell(share, number=True)])
    yield table(head, lines)


def _level_matrix(predictions: LevelPredictions, names: Sequence[str]) -> str:
    counts = predictions.confusion
    totals = np.maximum(counts.sum(axis=1), 1)
    head = [cell("", "th"), *(cell(name, "th") for name in names), cell("recall", "th", number=True)]
    rows = []
    for figures, name, row in zip(per_class(predictions), names, counts, strict=True):
        cells = [
            f'<td style="background: rgba(var(--mark), {0.75 * count / totals[figures.label]:.3f})">{count or ""}</td>'
            for count in row.tolist()
        ]
        rows.append([cell(name, "th"), *cells, cell(decimal(figures.recall), number=True)])
    return table(head, rows, "matrix")


def number_mistakes(found: NumberMistakes, names: Sequence[str]) -> Iterator[str]:
    """Write the examples with the largest errors, with what was predicted and what is true."""
    yield "<h2>Largest errors</h2>"
    yield '<p class="soft">on the test split, in standard deviations of the true numbers</p>'
    captions = []
    for truth, answer, error in zip(found.truths, found.answers, found.errors.tolist(), strict=True):
        parts = [
            f"{name}: {significant(float(true))} true, {significant(float(said)) or 'not finite'} predicted"
            for name, true, said in zip(names, truth, answer, strict=True)
        ]
        captions.append(f"{'; '.join(parts)} ({error:.2f})")
    yield _cards(found, captions)


def label_mistakes(found: LabelMistakes, names: Sequence[str]) -> Iterator[str]:
    """Write the examples whose labels are most wrong, with the labels that are missing and those that are too many."""
    yield "<h2>Worst mistakes</h2>"
    if not len(found.ids):
        yield "<p>No mistakes on the test split.</p>"
        return
    yield '<p class="soft">on the test split, by the sum of the cross-entropies of all labels</p>'
    captions = []
    for truth, answer, error in zip(found.truths > 0, found.answers > 0, found.errors.tolist(), strict=True):
        sides = {"right": truth & answer, "missing": truth & ~answer, "wrong": answer & ~truth}
        parts = [
            f"{side}: {', '.join(names[k] for k in np.flatnonzero(chosen).tolist())}"
            for side, chosen in sides.items()
            if chosen.any()
        ]
        captions.append(f"{'; '.join(parts)} (loss {error:.2f})")
    yield _cards(found, captions)


def _cards(found: WorstExamples, captions: Sequence[str]) -> str:
    kind = "images" if len(found.images) else "texts"
    cards = []
    for index, caption in enumerate(captions):
        described = f"{caption}, example {found.ids[index]}"
        shown = (
            image(found.images[index], described) if kind == "images" else f"<p>{escape(str(found.texts[index]))}</p>"
        )
        cards.append(f'<div class="mistake">{shown}<div class="soft">{escape(described)}</div></div>')
    return f'<div class="mistakes {kind}">{"".join(cards)}</div>'


@singledispatch
def sections(predictions: AnyPredictions, names: Sequence[str]) -> Iterator[str]:
    """Write the sections of a report on predictions, by their kind; a plugin may register those of a kind of its own.

    Args:
        predictions: Predictions of the test split.
        names: The names of classes, levels, labels or numbers.
    """
    raise TypeError(f"no sections for {type(predictions).__name__}")


@singledispatch
def worst_section(found: Any, names: Sequence[str]) -> Iterator[str]:
    """Write the section on the worst predictions, by their kind.

    Args:
        found: What the predictions' `worst` chose.
        names: The names of classes, levels, labels or numbers.
    """
    raise TypeError(f"no section for {type(found).__name__}")


BY_PREDICTIONS: dict[type, Any] = {
    Predictions: class_sections,
    LevelPredictions: level_sections,
    LabelPredictions: label_sections,
    NumberPredictions: number_sections,
    TokenPredictions: token_sections,
}
BY_WORST: dict[type, Any] = {
    Mistakes: class_mistakes,
    LabelMistakes: label_mistakes,
    NumberMistakes: number_mistakes,
    TokenMistakes: token_mistakes,
}
for kind, write in BY_PREDICTIONS.items():
    sections.register(kind, write)
for kind, write in BY_WORST.items():
    worst_section.register(kind, write)
