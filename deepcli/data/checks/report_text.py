"""A report on data as lines of at most 80 columns; whatever is in the data is escaped, so that it cannot draw."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deepcli.data.checks.data_report import ClassLine, DataReport, NumberLine, ShownExample
from deepcli.data.checks.picture_checks import PictureFigures
from deepcli.data.checks.report_columns import columns_lines
from deepcli.data.checks.report_problems import labels_lines, problems_lines, short
from deepcli.data.checks.report_tables import WIDTH, cut, table_lines
from deepcli.data.checks.text_checks import TextFigures
from deepcli.data.sources.naming import printable

if TYPE_CHECKING:
    from deepcli.data.checks.running_text_report import RunningFigures

MOST_CLASSES = 20
"""Classes up to which each has a line; of more, the most and the least frequent are shown."""
INPUTS = {"image": "pictures", "tokens": "texts", "features": "rows", "text": "windows"}
QUIET = ("", "auto", None, False)
"""Facts about the layout that say nothing."""
NAMED = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", " ": "space"}


def report_lines(report: DataReport) -> list[str]:
    """Return a report for a person."""
    return [printable(line) for line in _lines(report)]


def _lines(report: DataReport) -> Iterator[str]:
    yield from _head(report)
    if report.classes:
        yield ""
        yield from _classes(report.classes, list(report.counts), report.target_kind)
    for line in report.numbers:
        yield from _number(line)
    if report.simplest is not None:
        yield from _simplest(report)
    figures = (
        _pictures(report.pictures),
        _texts(report.texts),
        _running(report.running),
        columns_lines(report.columns),
    )
    for lines in figures:
        shown = list(lines)
        if shown:
            yield ""
            yield from shown
    if report.examples and (report.kind != "image" or report.pictures is not None):
        yield ""
        yield from _examples(report.examples, report.source)
    yield ""
    yield from problems_lines(report)
    if report.labels is not None:
        yield ""
        yield from labels_lines(report.labels, report.source)


def _head(report: DataReport) -> Iterator[str]:
    total = sum(report.counts.values())
    sizes = "x".join("any" if size is None else str(size) for size in report.shape)
    taken = {
        "image": f", taken as {sizes}",
        "tokens": "",
        "features": f" of {sizes} columns",
        "text": f" of {sizes} tokens",
    }[report.kind]
    yield from _facts(
        "data", f"{report.source} ({report.type}): {total:,} {INPUTS[report.kind]}{taken if sizes else ''}"
    )
    layout = ", ".join(
        f"{key} {NAMED.get(value, value) if isinstance(value, str) else value}"
        for key, value in report.layout.items()
        if value not in QUIET or (key == "header" and value is False)
    )
    if layout:
        yield from _facts(
            "read as",
            layout.replace("format ", "", 1).replace("header True", "header").replace("header False", "no header"),
        )
    target = ", ".join(report.target)
    named = {"levels": "ordered levels", "inputs": "none", None: "none"}
    what = named.get(report.target_kind, str(report.target_kind))
    number = f"{len(report.classes)} {what}" if report.classes else what
    reason = f" ({report.target_reason})" if report.target_reason else ""
    yield from _facts("target", f"{target}: {number}{reason}" if target else f"{number}{reason}")
    yield from _facts(
        "splits", ", ".join(f"{split} {count:,}" for split, count in report.counts.items()) + f"; {report.division}"
    )


def _facts(name: str, value: str) -> list[str]:
    found = textwrap.wrap(printable(value), WIDTH - 10, break_on_hyphens=False) or [""]
    return [f"{name if number == 0 else '':<10}{line}".rstrip() for number, line in enumerate(found)]


def _classes(classes: Sequence[ClassLine], splits: Sequence[str], kind: str) -> Iterator[str]:
    total = sum(line.total for line in classes)
    shown = list(classes)
    if len(classes) > MOST_CLASSES:
        shown = sorted(classes, key=lambda line: -line.total)
        shown = [*shown[: MOST_CLASSES // 2], *shown[-MOST_CLASSES // 2 :]]
    rows = [
        [
            printable(line.name),
            *(f"{line.counts.get(split, 0):,}" for split in splits),
            f"{line.total:,}",
            f"{line.total / total:.1%}",
        ]
        for line in shown
    ]
    name = {"levels": "level", "labels": "label"}.get(kind, "class")
    yield from table_lines([name, *splits, "all", "share"], rows, left=1)
    if len(classes) > MOST_CLASSES:
        yield f"({len(classes):,} in all; the {MOST_CLASSES // 2} most and the {MOST_CLASSES // 2} least frequent are shown)"


def _number(line: NumberLine) -> Iterator[str]:
    yield ""
    yield from _facts(
        "values",
        f"{line.name}: {line.low:g} to {line.high:g}, mean {line.mean:.6g}, median {line.median:.6g}, "
        f"standard deviation {line.spread:.6g}",
    )


def _simplest(report: DataReport) -> Iterator[str]:
    simplest = report.simplest
    assert simplest is not None
    percent = simplest.measure == "accuracy"
    scores = ", ".join(
        f"{split} {f'{value:.1%}' if percent else f'{value:.6g}'}" for split, value in simplest.scores.items()
    )
    what = "accuracy" if percent else "RMSE"
    yield from _facts(
        "to beat",
        f"always {simplest.answer!r}: {what} {scores}" if percent else f"always {simplest.answer}: {what} {scores}",
    )


def _pictures(figures: PictureFigures | None) -> Iterator[str]:
    if figures is None:
        return
    most, count = next(iter(figures.sizes.items()))
    height, width = most
    edges = f"{_size(figures.smallest)} to {_size(figures.largest)}, median {_size(figures.median)}"
    if len(figures.sizes) == 1:
        yield from _facts("sizes", f"all {height}x{width} (height x width)")
    else:
        yield from _facts("sizes", f"{edges} (height x width); {count:,} are {height}x{width}")
    yield from _facts("modes", ", ".join(f"{mode} {count:,}" for mode, count in figures.modes.items()))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _texts(figures: TextFigures | None) -> Iterator[str]:
    if figures is None:
        return
    kept = "" if figures.cut is None or not figures.maxlen else f", which keeps {1 - figures.cut:.1%} whole"
    limit = f"; maxlen {figures.maxlen}{kept}" if figures.maxlen else "; no limit"
    lengths = (
        f"{figures.shortest:,} to {figures.longest:,} tokens, median {figures.median:,}, 95 % up to {figures.long:,}"
    )
    yield from _facts("lengths", lengths + limit)
    if figures.vocabulary is not None:
        unknown = ", ".join(f"{split} {share:.1%}" for split, share in figures.unknown.items())
        known = f"{figures.vocabulary:,} in the vocabulary of the training texts"
        yield from _facts("words", f"{known}; unknown: {unknown}" if unknown else known)


def _running(figures: RunningFigures | None) -> Iterator[str]:
    if figures is None:
        return
    tokens = ", ".join(f"{split} {count:,}" for split, count in figures.tokens.items() if count)
    yield from _facts("length", f"{figures.characters:,} characters, {figures.lines:,} lines")
    each = "a character" if figures.characters_per_token == 1 else f"{figures.characters_per_token:.3g} characters"
    yield from _facts("tokens", f"{tokens}; {each} each")
    unknown = ", ".join(f"{split} {share:.2%}" for split, share in figures.unknown.items())
    yield from _facts(
        "known",
        f"{figures.vocabulary:,} different tokens" + (f"; unknown: {unknown}" if unknown else "; none is unknown"),
    )
    # A line may end behind a token and its share, not at the space inside a token.
    frequent = ", ".join(f"{token!r} {share:.1%}".replace(" ", "\u2423") for token, share in figures.frequent)
    yield from (line.replace("\u2423", " ") for line in _facts("frequent", frequent))
    if figures.repeated:
        repeated = ", ".join(f"{split} {share:.1%}" for split, share in figures.repeated.items())
        yield from _facts("repeated", f"passages of {figures.passage} tokens that training has, too: {repeated}")


def _examples(examples: Sequence[ShownExample], source: str) -> Iterator[str]:
    yield "examples"
    for one in examples:
        start = f"  {short(one.where, source)}  {cut(printable(one.target), 24)}  "
        yield cut(
            (start + cut(printable(one.input.replace("\n", "\u21b5")), max(WIDTH - len(start), 20))).rstrip(), WIDTH
        )
