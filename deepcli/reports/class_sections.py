"""Sections of a report on a classifier: confusion and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from deepcli.reports import class_plots
from deepcli.reports.markup import decimal, svg
from deepcli.reports.page_table import MatrixCell, MatrixRow
from deepcli.reports.templating import render

if TYPE_CHECKING:
    from deepcli.evaluation.predictions import Predictions

LARGEST_MATRIX = 20
"""Number of classes up to which the confusion matrix is a table."""


def class_sections(predictions: Predictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the confusion matrix and the calibration of a classifier."""
    counts = predictions.confusion
    precision = np.diag(counts) / np.maximum(counts.sum(axis=0), 1)
    yield confusion_section(
        predictions,
        names,
        "rows: labels; columns: predicted classes",
        [f"{share:.2f}" for share in precision.tolist()],
    )
    figure = class_plots.calibration(predictions)
    if figure is not None:
        yield render("calibration.html", figure=svg(figure))


def confusion_section(
    predictions: Predictions, names: Sequence[str], note: str, precision: Sequence[str] = ()
) -> Markup:
    """Write the confusion matrix: as a table, or as a picture if it is large.

    Args:
        predictions: Predictions of a split.
        names: The names of the classes.
        note: What its rows and columns are.
        precision: The precision of each class, for a last row; empty for no such row.
    """
    small = len(predictions.confusion) <= LARGEST_MATRIX
    return render(
        "confusion.html",
        note=note,
        names=names,
        rows=_matrix(predictions, names) if small else (),
        precision=precision,
        figure="" if small else svg(class_plots.confusion(predictions)),
    )


def _matrix(predictions: Predictions, names: Sequence[str]) -> list[MatrixRow]:
    counts = predictions.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = []
    for label, name in enumerate(names):
        cells = [MatrixCell(*cell) for cell in zip(counts[label].tolist(), shares[label].tolist(), strict=True)]
        recall = decimal(shares[label, label]) if predictions.support[label] else ""
        rows.append(MatrixRow(name, tuple(cells), recall))
    return rows
