"""Sections of a report on a model of pairs: what it writes by the length of inputs, pairs, and its attention."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from deepcli.evaluation.sequence_mistakes import GROUPS, SequenceExamples
from deepcli.evaluation.sequence_predictions import SequencePredictions, lines_of
from deepcli.reports.markup import decimal, svg
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BORDERS = (0, 5, 10, 15, 20, 30, 50, 1 << 30)
"""Words of inputs at which the rows of the table begin."""
WIDEST = 40
"""Tokens of a side whose attention is drawn."""


@dataclass(frozen=True)
class ShownPair:
    """A pair as a report shows it.

    Attributes:
        source: The input.
        reference: Its target.
        written: What the model wrote; empty if it was not asked.
        caption: Where it is, and what it costs.
    """

    source: str
    reference: str
    written: str
    caption: str


def sequence_sections(predictions: SequencePredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write how good the model is for short and for long inputs.

    Args:
        predictions: Predictions of a split.
        names: The tokens of targets by id.
    """
    heads = [TableHead("words of the input"), *(TableHead(name, True) for name in ("pairs", "nats", "tokens right"))]
    if predictions.written:
        heads.append(TableHead("exact", True))
    yield render("sequences.html", lengths=PageTable(tuple(heads), tuple(_by_length(predictions))))


def _by_length(predictions: SequencePredictions) -> Iterator[TableRow]:
    words = np.array([len(text.split()) for text in predictions.inputs] or [0] * len(predictions.ids))
    matches = predictions.matches if predictions.written else None
    for begin, end in itertools.pairwise(BORDERS):
        chosen = (words >= max(begin, 1)) & (words < end)
        if not chosen.any():
            continue
        nats, right, tokens = predictions.sums[chosen].sum(axis=0)
        told = f"{max(begin, 1)} to {end - 1}" if end < BORDERS[-1] else f"{begin} or more"
        cells = [
            f"{int(chosen.sum()):,}",
            decimal(float(nats / max(tokens, 1))),
            f"{100 * right / max(tokens, 1):.1f} %",
        ]
        if matches is not None:
            cells.append(f"{100 * matches[chosen].mean():.1f} %")
        yield TableRow(told, tuple(cells))


def sequence_examples(
    found: SequenceExamples, names: Sequence[str], predictions: SequencePredictions
) -> Iterator[Markup]:
    """Write the pairs with the largest, a middle and the smallest cross-entropy, and the attention of one."""
    texts = lines_of(found.texts)
    groups: dict[str, list[ShownPair]] = {name: [] for name in GROUPS}
    for number, (place, group, error) in enumerate(
        zip(found.ids.tolist(), found.groups.tolist(), found.errors.tolist(), strict=True)
    ):
        source, reference, written = texts[3 * number : 3 * number + 3]
        groups[GROUPS[group]].append(ShownPair(source, reference, written, f"{error:.2f} nats a token, pair {place}"))
    yield render("pairs.html", groups={name: pairs for name, pairs in groups.items() if pairs})
    if found.attention.size and max(found.attention.shape) <= WIDEST:
        yield render("attention.html", picture=svg(draw_attention(found)))


def draw_attention(found: SequenceExamples) -> Figure:
    """Draw how much each token that was written attends to each token of the input."""
    from matplotlib.figure import Figure

    rows, columns = found.attention.shape
    labels = [label if len(label) <= 16 else f"{label[:15]}…" for label in lines_of(found.labels)]
    figure = Figure(figsize=(2 + 0.34 * columns, 1.6 + 0.3 * rows), layout="constrained")
    axes = figure.subplots()
    axes.imshow(found.attention, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(columns), labels[:columns], rotation=60, ha="left", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(range(rows), labels[columns:], parse_math=False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xlabel("input")
    axes.set_ylabel("written")
    return figure
