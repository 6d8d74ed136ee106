"""Sections of a report on predicted levels: the confusion matrix in their order, and how far the answers are off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from deepcli.reports.class_sections import confusion_section
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render

if TYPE_CHECKING:
    from deepcli.evaluation.level_predictions import LevelPredictions

NOTE = "rows: true levels; columns: predicted levels; both in order, so that near misses are beside the diagonal"


def level_sections(predictions: LevelPredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the confusion matrix of levels in their order, and how far the answers are off.

    Args:
        predictions: Predictions of a split.
        names: The names of the levels.
    """
    yield confusion_section(predictions, names, NOTE)
    apart = predictions.answers - predictions.labels
    rows = []
    for steps, count in zip(*(side.tolist() for side in np.unique(apart, return_counts=True)), strict=True):
        share = f"{100 * count / len(apart):.1f} %"
        rows.append(TableRow(f"{steps:+d}" if steps else "0", (f"{count:,}", share)))
    heads = (TableHead("steps"), TableHead("examples", True), TableHead("share", True))
    yield render("steps.html", table=PageTable(heads, tuple(rows)))
