"""Sections of a report on forecasts: errors by target and by step, and forecasts over what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from deepcli.evaluation.forecast_tables import per_quantile, per_step
from deepcli.evaluation.tables import per_number
from deepcli.reports import forecast_plots
from deepcli.reports.explanations import described
from deepcli.reports.markup import decimal, significant, svg
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render
from deepcli.result import NumberFigures

if TYPE_CHECKING:
    from deepcli.evaluation.forecast_examples import ForecastExamples
    from deepcli.evaluation.forecast_predictions import ForecastPredictions

MOST_PLOTTED = 3
"""Number of targets with plots of forecasts; all are in the table."""
MOST_STEPS = 12
"""Steps of the horizon in the table."""
FIGURES = {"MAE": "mae", "RMSE": "rmse", "bias": "bias", "standard deviation": "standard_deviation", "R²": "r2"}


def forecast_sections(predictions: ForecastPredictions, names: Sequence[str] = ()) -> Iterator[Markup]:
    """Write the errors by target, by step of the horizon, and of quantiles.

    Args:
        predictions: Forecasts of a split.
        names: Names to show instead of those of the forecasts.
    """
    shown = names or predictions.names
    heads = (TableHead(name, True, described(NumberFigures, field)) for name, field in FIGURES.items())
    targets = [
        TableRow(name, tuple(_figure(field, getattr(row, field)) for field in FIGURES.values()))
        for name, row in zip(shown, per_number(predictions.numbers), strict=True)
    ]
    quantiles = [
        TableRow(f"{one.level:g}", (decimal(one.coverage), decimal(one.pinball))) for one in per_quantile(predictions)
    ]
    columns = ("MAE", "RMSE", "MASE", "sMAPE")
    yield render(
        "forecasts.html",
        targets=PageTable((TableHead("target"), *heads), tuple(targets)),
        steps=PageTable((TableHead("step"), *(TableHead(name, True) for name in columns)), tuple(_steps(predictions))),
        quantiles=PageTable(
            (TableHead("quantile"), TableHead("coverage", True), TableHead("pinball loss", True)), tuple(quantiles)
        )
        if quantiles
        else None,
        unit="in the unit of the target" if len(shown) == 1 else "in standard deviations of training",
        curve=svg(forecast_plots.errors_by_step(predictions)),
    )


def _figure(field: str, value: float | None) -> str:
    return decimal(value) if field == "r2" else significant(value)


def _steps(predictions: ForecastPredictions) -> Iterator[TableRow]:
    steps = per_step(predictions)
    every = -(-len(steps) // MOST_STEPS)
    for one in steps:
        if one.step == 1 or one.step % every == 0 or one.step == len(steps):
            figures = (significant(one.mae), significant(one.rmse), decimal(one.mase), decimal(one.smape))
            yield TableRow(str(one.step), figures)


def forecast_examples(
    found: ForecastExamples, names: Sequence[str], predictions: ForecastPredictions
) -> Iterator[Markup]:
    """Draw forecasts over what came: from origins that are spread over the split, and from those with the largest errors."""
    spread = int(found.spread)
    groups = [("Forecasts and truth", range(spread)), ("Largest errors", range(spread, len(found.ids)))]
    targets = range(min(found.targets.shape[2], MOST_PLOTTED))
    levels = predictions.levels.tolist()
    drawn = [
        (title, names[target], svg(forecast_plots.forecasts_over_truth(found, list(places), target, names[target], predictions.written, levels)))
        for title, places in groups
        for target in targets
        if len(places)
    ]  # fmt: skip
    rest = found.targets.shape[2] - len(targets)
    yield render("forecast_examples.html", drawn=drawn, rest=rest)
