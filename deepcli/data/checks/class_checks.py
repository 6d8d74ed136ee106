"""Checks of targets: classes with few examples, classes that a split lacks, imbalance, and targets that do not vary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from deepcli.data.checks.limits import CONSTANT_SPLIT, FEW_OF_CLASS, IMBALANCE
from deepcli.data.checks.view import DataView
from deepcli.data.sources.findings import Finding, Severity
from deepcli.data.sources.naming import alike
from deepcli.data.sources.picture_files import some


def class_counts(view: DataView) -> dict[str, Counter[int]]:
    """Count the examples of each class, level or label, by split; an example counts for each of its labels."""
    found: dict[str, Counter[int]] = {}
    for split, places in view.places.items():
        values = (view.values[place] for place in places)
        found[split] = Counter(values if view.has_classes else (label for labels in values for label in labels))
    return found


def target_findings(view: DataView) -> Iterator[Finding]:
    """Check the targets."""
    if view.target.kind == "inputs":
        return
    if view.target.kind != "numbers":
        yield from _classes(view)
    for split, places in view.places.items():
        different = len({view.values[place] for place in places})
        if different < CONSTANT_SPLIT:
            examples = (
                f"all {len(places):,} {split} examples have" if len(places) > 1 else f"the only {split} example has"
            )
            text = f"{examples} one target, so scores of this split mean nothing"
            yield Finding("one-target", "warning", view.source, text)


def _classes(view: DataView) -> Iterator[Finding]:
    counts = class_counts(view)
    total: Counter[int] = sum(counts.values(), Counter())
    names = range(max(len(view.target.names), *(number + 1 for number in total), 1))
    what = {"labels": "label", "levels": "level"}.get(view.target.kind, "class")
    few = [number for number in names if total[number] < FEW_OF_CLASS]
    if few:
        shown = some([f"{view.name_of(number)} ({total[number]})" for number in few])
        text = f"fewer than {FEW_OF_CLASS} examples of a {what}: {shown}; add examples, or leave it out"
        yield Finding("few-examples", "warning", view.source, text)
    yield from _missing(view, counts, what, few)
    known = {finding.code for finding in view.findings}
    most, least = max(total.values(), default=0), min((total[number] for number in names if total[number]), default=0)
    if view.target.kind == "classes" and least and most >= IMBALANCE * least:
        text = (
            f"the most frequent class is {most / least:,.0f} times as frequent as the rarest; accuracy hides what happens "
            "to rare classes, so look at macro F1, and consider training.class_weight: balanced"
        )
        yield Finding("imbalance", "warning", view.source, text)
    if "similar-classes" not in known:
        yield from _similar(view)


def _missing(view: DataView, counts: dict[str, Counter[int]], what: str, few: list[int]) -> Iterator[Finding]:
    """Report classes that a split lacks, which folders of splits have not reported themselves."""
    if any(finding.code == "missing-class" for finding in view.findings):
        return
    present = set().union(*counts.values())
    for split, found in counts.items():
        lacking = sorted(present - set(found))
        if lacking:
            shown = some([view.name_of(number) for number in lacking])
            severity: Severity = "error" if split == "train" else "warning"
            text = f"no {split} examples of {len(lacking)} {what if len(lacking) == 1 else plural(what)}: {shown}"
            yield Finding("missing-class", severity, view.source, text)


def plural(what: str) -> str:
    """Return the plural of class, label or level."""
    return what + ("es" if what.endswith("s") else "s")


def _similar(view: DataView) -> Iterator[Finding]:
    groups: dict[str, list[str]] = {}
    for name in view.target.names:
        groups.setdefault(alike(name), []).append(name)
    for names in groups.values():
        if len(names) > 1 and view.target.kind != "numbers":
            text = f"names that differ in case or spaces only: {', '.join(map(repr, names))}; write them alike if they are one"
            yield Finding("similar-classes", "warning", view.source, text)
