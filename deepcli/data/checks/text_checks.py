"""Checks of texts: their lengths against `maxlen`, and words that are not in the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deepcli.data.checks.limits import CUT_TEXTS, UNKNOWN_WORDS
from deepcli.data.checks.view import DataView
from deepcli.data.sources.findings import Finding


@dataclass(frozen=True)
class TextFigures:
    """Lengths and words of texts.

    Attributes:
        shortest: Tokens of the shortest text, with the one that starts it.
        median: Tokens of the text in the middle.
        long: Tokens that 95 % of the texts do not exceed.
        longest: Tokens of the longest text.
        maxlen: Maximum number of tokens; None for no limit, or if it is not known.
        cut: Share of the training texts that are longer; None if they were cut before they could be counted.
        vocabulary: Tokens in the vocabulary, without reserved ones; None if it is not known.
        unknown: Share of unknown tokens by held-out split; empty if it is not known.
    """

    shortest: int
    median: int
    long: int
    longest: int
    maxlen: int | None
    cut: float | None
    vocabulary: int | None
    unknown: dict[str, float]


def text_figures(view: DataView) -> TextFigures | None:
    """Measure texts; None for other inputs."""
    if view.kind != "tokens" or not len(view):
        return None
    lengths, maxlen = _lengths(view), view.shape[0] if view.shape else None
    ordered = sorted(lengths)
    train = [lengths[place] for place in view.places.get("train", ())]
    cut = sum(length > maxlen for length in train) / len(train) if maxlen and train else 0.0
    schema = view.schema
    words = sum(1 for word in schema.vocabulary if word) - 2 if schema and any(schema.vocabulary) else None
    return TextFigures(
        ordered[0],
        ordered[len(ordered) // 2],
        ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)],
        ordered[-1],
        maxlen,
        cut if view.texts is not None else None,
        words,
        _unknown(view) if words else {},
    )


def _lengths(view: DataView) -> Sequence[int]:
    if view.ids is not None:
        found: list[int] = view.ids.lengths.tolist()
        return found
    from deepcli.data.tokenizing import split_tokens

    return [len(split_tokens(text, view.tokens or "words")) + 1 for text in view.texts or ()]


def _unknown(view: DataView) -> dict[str, float]:
    if view.texts is None or view.schema is None:
        return {}
    from deepcli.data.arrays.encoded_texts import encode_texts, unknown_share

    return {
        split: unknown_share(
            encode_texts(
                (view.texts[place] for place in places),
                view.schema.vocabulary,
                view.tokens or "words",
                view.schema.shape[0],
            )
        )
        for split, places in view.places.items()
        if split != "train"
    }


def text_findings(view: DataView, figures: TextFigures | None) -> Iterator[Finding]:
    """Check lengths and words."""
    if figures is None:
        return
    if figures.cut:
        text = f"{figures.cut:.1%} of the training texts are longer than maxlen {figures.maxlen} and keep their last tokens"
        severity = "warning" if figures.cut > CUT_TEXTS else "note"
        yield Finding("cut-texts", severity, view.source, f"{text}; the longest has {figures.longest:,}")  # type: ignore[arg-type]
    for split, share in figures.unknown.items():
        if share > UNKNOWN_WORDS:
            text = f"{share:.1%} of the words in {split} are not in the vocabulary of the training texts"
            yield Finding("unknown-words", "warning", view.source, text)
    if view.texts is not None and view.tokens == "words":
        from deepcli.data.sources.vocabulary import unspaced_findings

        yield from unspaced_findings(view.texts, "words", view.source)
    empty = [place for place, text in enumerate(view.texts or ()) if not text.strip()]
    if empty and not any(finding.code == "empty-text" for finding in view.findings):
        yield view.found("empty-text", "warning", f"{len(empty):,} texts are empty", [[place] for place in empty])
