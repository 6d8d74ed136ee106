"""Checks of equal and nearly equal examples: within a split, across splits, and with different targets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from deepcli.data.checks.limits import REPEATED
from deepcli.data.checks.view import DataView
from deepcli.data.sources.findings import Finding

Groups = list[list[int]]
WHAT = {"image": "pictures", "tokens": "texts", "features": "rows"}


def equal_findings(view: DataView) -> Iterator[Finding]:
    """Check for equal and nearly equal examples."""
    groups, near = _groups(view)
    if groups:
        yield from _equal(view, groups)
        yield from _conflicts(view, groups)
        yield from _overlap(view, groups)
    if near:
        yield from _near(view, near)


def _groups(view: DataView) -> tuple[Groups, list[tuple[int, int]]]:
    """Return groups of equal examples, and pairs of nearly equal pictures."""
    if view.images is not None:
        from deepcli.data.arrays.near_duplicates import near_duplicates

        pairs = near_duplicates(view.images)
        equal: defaultdict[int, list[int]] = defaultdict(list)
        for pair in pairs:
            if pair.equal:
                equal[pair.first].append(pair.second)
        return [[first, *others] for first, others in equal.items()], [
            (pair.first, pair.second) for pair in pairs if not pair.equal
        ]
    together: defaultdict[bytes, list[int]] = defaultdict(list)
    for place, key in enumerate(view.keys):
        together[key].append(place)
    return [places for places in together.values() if len(places) > 1], []


def _equal(view: DataView, groups: Groups) -> Iterator[Finding]:
    extra = sum(len(group) - 1 for group in groups)
    share = extra / len(view)
    how = " but for letter case and spaces" if view.texts is not None else ""
    text = f"{extra:,} of {len(view):,} {WHAT[view.kind]} ({share:.1%}) are equal to another{how}"
    if view.together:
        text += "; equal ones are kept in one split"
    severe = share >= REPEATED and view.kind != "features"
    yield view.found("equal", "warning" if severe else "note", text, groups)


def _conflicts(view: DataView, groups: Groups) -> Iterator[Finding]:
    odd = [group for group in groups if len({view.values[place] for place in group}) > 1]
    if not odd or view.target.kind == "numbers":
        return
    examples = sum(map(len, odd))
    what = "labels" if view.target.kind == "labels" else view.target.kind
    text = f"{examples:,} {WHAT[view.kind]} are equal to another that has different {what}"
    if view.has_classes:
        wrong = sum(len(group) - _most([view.values[place] for place in group]) for group in odd)
        text += f"; no model can be right about more than {1 - wrong / len(view):.2%} of all"
    yield view.found("conflicting-targets", "note" if view.kind == "features" else "warning", text, odd)


def _most(values: Sequence[int]) -> int:
    return Counter(values).most_common(1)[0][1]


def _overlap(view: DataView, groups: Groups) -> Iterator[Finding]:
    """Report held-out examples that training has too, and test examples that validation has."""
    for split, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
        pairs = []
        for group in groups:
            there = next((place for place in group if view.splits[place] == other), None)
            if there is not None:
                pairs += [(place, there) for place in group if view.splits[place] == split]
        if pairs:
            count = len(view.places[split])
            text = f"{len(pairs):,} of {count:,} {split} examples ({len(pairs) / count:.1%}) are in {_named(other)} too"
            text += "; scores are too good by what is remembered" if other == "train" else ""
            yield view.found("overlap", "warning", text, pairs)


def _named(split: str) -> str:
    return "training" if split == "train" else split


def _near(view: DataView, pairs: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    yield view.found(
        "nearly-equal",
        "note",
        f"{len(pairs):,} pair{'s' * (len(pairs) > 1)} of pictures are nearly equal, such as one photo stored twice",
        pairs,
        " ~ ",
    )
    across = [pair for pair in pairs if len({view.splits[place] for place in pair}) > 1]
    if across:
        text = f"{len(across):,} of these pairs are in two splits, so scores are too good; keep one of each pair"
        yield view.found("nearly-equal-across", "warning", text, across, " ~ ")
