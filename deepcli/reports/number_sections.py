"""Sections of a report on predicted numbers: errors, plots, and the examples with the largest errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from deepcli.evaluation.tables import per_number
from deepcli.reports import number_plots
from deepcli.reports.explanations import described
from deepcli.reports.markup import decimal, significant, svg
from deepcli.reports.mistake_cards import cards
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render
from deepcli.result import NumberFigures

if TYPE_CHECKING:
    from deepcli.evaluation.number_predictions import NumberPredictions
    from deepcli.evaluation.other_mistakes import NumberMistakes

MOST_PLOTTED = 6
"""Number of targets with plots; all are in the table."""
FIGURES = {
    "MAE": "mae",
    "RMSE": "rmse",
    "median error": "median_absolute_error",
    "bias": "bias",
    "standard deviation": "standard_deviation",
    "R²": "r2",
    "Spearman": "spearman",
}
WITHOUT_UNIT = ("r2", "spearman")
PLOTS = (number_plots.predicted_against_true, number_plots.residuals, number_plots.residual_histogram)


def number_sections(predictions: NumberPredictions, names: Sequence[str] = ()) -> Iterator[Markup]:
    """Write the errors of each number, and plots of predictions and residuals.

    Args:
        predictions: Predictions of a split.
        names: Names to show instead of those of the predictions.
    """
    names = names or predictions.names
    heads = (
        TableHead("number"),
        *(TableHead(name, True, described(NumberFigures, field)) for name, field in FIGURES.items()),
    )
    rows = []
    for name, row in zip(names, per_number(predictions), strict=True):
        cells = [_figure(field, getattr(row, field)) for field in FIGURES.values()]
        rows.append(TableRow(name, tuple(cells)))
    plots = [
        (names[target], [svg(plot(predictions, target)) for plot in PLOTS])
        for target in range(min(len(names), MOST_PLOTTED))
    ]
    note = f"plots of the first {MOST_PLOTTED} of {len(names)} numbers" if len(names) > MOST_PLOTTED else ""
    yield render("numbers.html", table=PageTable(heads, tuple(rows)), plots=plots, note=note)


def _figure(field: str, value: float | None) -> str:
    return decimal(value) if field in WITHOUT_UNIT else significant(value)


def number_mistakes(found: NumberMistakes, names: Sequence[str], predictions: NumberPredictions) -> Iterator[Markup]:
    """Write the examples with the largest errors, with what was predicted and what is true."""
    captions = []
    for truth, answer, error, example in zip(
        found.truths, found.answers, found.errors.tolist(), found.ids, strict=True
    ):
        parts = [
            f"{name}: {significant(float(true))} true, {significant(float(said)) or 'not finite'} predicted"
            for name, true, said in zip(names, truth, answer, strict=True)
        ]
        captions.append(f"{'; '.join(parts)} ({error:.2f}), example {example}")
    yield render(
        "mistakes.html",
        title="Largest errors",
        note="on the test split, in standard deviations of the true numbers",
        cards=cards(found.images, found.texts, captions),
        kind="",
        groups=(),
        more=(),
        never=(),
    )
