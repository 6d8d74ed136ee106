"""Sections of a report on a language model: what costs most, and the passages that it found hardest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from deepcli.evaluation.token_mistakes import TokenMistakes
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.reports.markup import decimal
from deepcli.reports.page_table import PageTable, TableHead, TableRow
from deepcli.reports.templating import render

MOST_LISTED = 20
"""Tokens that are listed."""
DARKEST = 6.0
"""Nats from which a token has the darkest ground."""
MOST_BYTES = 100_000
"""Bytes of samples that are read."""
MOST_SHOWN = 8
"""Passages that are shown."""


@dataclass(frozen=True)
class Passage:
    """A window of a text, with how likely the model found each token.

    Attributes:
        tokens: The tokens, each with the darkness of its ground, from 0 to 1.
        caption: Where it is, and what it costs.
    """

    tokens: tuple[tuple[str, float], ...]
    caption: str


def token_sections(predictions: TokenPredictions, names: Sequence[str]) -> Iterator[Markup]:
    """Write the cross-entropy by the place in a window, and the tokens that cost most.

    Args:
        predictions: Predictions of a split.
        names: The tokens by id.
    """
    figures = ("share", "times", "mean nats", "right")
    yield render(
        "tokens.html",
        places=PageTable((TableHead("tokens"), TableHead("nats", True)), tuple(_places(predictions))),
        costly=PageTable(
            (TableHead("token"), *(TableHead(name, True) for name in figures)), tuple(_costly(predictions, names))
        ),
    )


def samples_of(path: Path) -> list[str]:
    """Read the texts of a run's `samples.txt`; none if it has no such file."""
    if not path.is_file() or path.is_symlink():
        return []
    with path.open("rb") as file:
        text = file.read(MOST_BYTES).decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n---\n")[:MOST_SHOWN]


def _places(predictions: TokenPredictions) -> Iterator[TableRow]:
    costs, scored = np.abs(predictions.nats), predictions.scored
    begin, window = 0, predictions.tokens.shape[1]
    while begin < window:
        end = min(max(2 * begin, begin + 1), window)
        part = costs[:, begin:end][scored[:, begin:end]]
        told = f"{begin + 1}" if end == begin + 1 else f"{begin + 1} to {end}"
        yield TableRow(told, (decimal(float(part.mean())) if part.size else "",))
        begin = end


def _costly(predictions: TokenPredictions, names: Sequence[str]) -> Iterator[TableRow]:
    costs, scored = np.abs(predictions.nats), predictions.scored
    tokens = predictions.tokens[scored].astype(np.int64)
    times = np.bincount(tokens, minlength=len(names))
    sums = np.bincount(tokens, costs[scored], minlength=len(names))
    right = np.bincount(tokens, predictions.right[scored], minlength=len(names))
    for token in np.argsort(-sums, kind="stable")[:MOST_LISTED].tolist():
        if not times[token]:
            return
        figures = (
            f"{100 * sums[token] / sums.sum():.1f} %", f"{times[token]:,}", f"{sums[token] / times[token]:.3f}",
            f"{100 * right[token] / times[token]:.1f} %",
        )  # fmt: skip
        yield TableRow(repr(names[token]), figures)


def token_mistakes(found: TokenMistakes, names: Sequence[str], predictions: TokenPredictions) -> Iterator[Markup]:
    """Write the passages with the highest cross-entropy; the darker a token, the less likely the model found it."""
    passages = []
    for place, tokens, nats, error in zip(found.ids, found.tokens, found.nats, found.errors, strict=True):
        shades = [0.0 if np.isnan(cost) else 0.75 * min(abs(cost) / DARKEST, 1.0) for cost in nats.tolist()]
        shown = tuple((names[token], shade) for token, shade in zip(tokens.tolist(), shades, strict=True))
        passages.append(Passage(shown, f"{error:.2f} nats a token, window {place}"))
    yield render("passages.html", passages=passages[:MOST_SHOWN])
