"""Sections of a report on a language model: what costs most, and the passages that it found hardest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup, escape

from deepcli.evaluation.token_mistakes import TokenMistakes
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.reports.markup import cell, decimal, table

MOST_LISTED = 20
"""Tokens that are listed."""
DARKEST = 6.0
"""Nats from which a token has the darkest ground."""
MOST_BYTES = 100_000
"""Bytes of samples that are read."""
MOST_SHOWN = 8
"""Passages that are shown."""


def token_sections(predictions: TokenPredictions, names: Sequence[str]) -> Iterator[str]:
    """Write the cross-entropy by the place in a window, and the tokens that cost most.

    Args:
        predictions: Predictions of a split.
        names: The tokens by id.
    """
    costs, scored = np.abs(predictions.nats), predictions.scored
    yield "<h2>Cross-entropy by the length of the context</h2>"
    yield '<p class="soft">mean cross-entropy in nats, by the place of a token in its window</p>'
    rows, begin, window = [], 0, predictions.tokens.shape[1]
    while begin < window:
        end = min(max(2 * begin, begin + 1), window)
        part = costs[:, begin:end][scored[:, begin:end]]
        told = f"{begin + 1}" if end == begin + 1 else f"{begin + 1} to {end}"
        rows.append([cell(told, "th"), cell(decimal(float(part.mean())) if part.size else "", number=True)])
        begin = end
    yield table([cell("tokens", "th"), cell("nats", "th", number=True)], rows)
    yield "<h2>Tokens that cost most</h2>"
    yield '<p class="soft">by their share of the whole cross-entropy of the test split</p>'
    yield table(
        [cell("", "th"), *(cell(name, "th", number=True) for name in ("share", "times", "mean nats", "right"))],
        list(_costly(predictions, costs, names)),
    )


def sample_section(path: Path) -> Iterator[str]:
    """Write the texts of a run's `samples.txt`, if it has one."""
    if not path.is_file() or path.is_symlink():
        return
    with path.open("rb") as file:
        text = file.read(MOST_BYTES).decode("utf-8", "replace")
    yield "<h2>Samples</h2>"
    yield '<p class="soft">written by the model without a prompt, at a temperature of 0.8</p>'
    for one in text.removesuffix("\n").split("\n---\n")[:MOST_SHOWN]:
        yield Markup('<pre style="white-space: pre-wrap">{}</pre>').format(one)


def _costly(predictions: TokenPredictions, costs: np.ndarray, names: Sequence[str]) -> Iterator[list[Markup]]:
    scored = predictions.scored
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
        yield [cell(repr(names[token]), "th"), *(cell(figure, number=True) for figure in figures)]


def token_mistakes(found: TokenMistakes, names: Sequence[str]) -> Iterator[str]:
    """Write the passages with the highest cross-entropy; the darker a token, the less likely the model found it."""
    yield "<h2>Hardest passages</h2>"
    yield '<p class="soft">windows of the test split; the darker a token, the less likely the model found it</p>'
    cards = []
    for place, tokens, nats, error in zip(found.ids, found.tokens, found.nats, found.errors, strict=True):
        spans = Markup("").join(
            Markup('<span style="background: rgba(var(--mark), {:.2f})">{}</span>').format(
                0.0 if np.isnan(cost) else 0.75 * min(abs(float(cost)) / DARKEST, 1.0), names[token]
            )
            for token, cost in zip(tokens.tolist(), nats.tolist(), strict=True)
        )
        caption = escape(f"{error:.2f} nats a token, window {place}")
        cards.append(
            f'<div class="mistake"><p style="white-space: pre-wrap">{spans}</p><div class="soft">{caption}</div></div>'
        )
    yield f'<div class="mistakes texts">{"".join(cards[:MOST_SHOWN])}</div>'
