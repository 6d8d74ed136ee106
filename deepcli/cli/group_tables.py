"""Two groups of runs side by side, and what can be said about the difference."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcli.cli.answers import emit
from deepcli.cli.fitting_tables import print_table, shortened, width

if TYPE_CHECKING:
    from deepcli.evaluation.seed_groups import SeedDifference
    from deepcli.reports.group_comparison import GroupComparison

LONGEST = 30
"""Characters of a group's name in the table."""


def compare_groups(first: Sequence[str], second: Sequence[str], plugins: Sequence[str], json: bool) -> None:
    """Compare two groups of runs and print what was found."""
    import sys

    from deepcli.api.group_comparing import compare_words

    found = compare_words(first, second, plugins)
    for notice in found.notices:
        print(f"notice: {notice}", file=sys.stderr)
    if json:
        from deepcli.cli.json_objects import Compared

        emit(Compared.model_validate({**found.to_dict(), "status": "completed"}))
    else:
        group_comparison(found.comparison)


def group_comparison(found: GroupComparison) -> None:
    """Print the figures of both groups, in what their specs differ, and the difference over seeds and over examples."""
    names = [shortened(group.name, LONGEST) for group in found.groups]
    shown = [group.to_json() for group in found.groups]
    columns = ["group", "seeds", f"test {found.score}", f"validation {found.validation_figure}"]
    rows = [
        (name, str(len(one["seeds"])), _figure(one["test"]), _figure(one["validation"]))
        for name, one in zip(names, shown, strict=True)
    ]
    print_table(columns, rows, numbers=columns[1:2])
    if any(len(one["seeds"]) > 1 for one in shown):
        print("± standard deviation over seeds")
    for key, (first, second) in found.changed.items():
        _wrapped(f"{key}: {_value(first)} in {names[0]}, {_value(second)} in {names[1]}")
    seeds = found.seeds
    print(f"\n{names[1]} against {names[0]}, on test {found.score}: {seeds.verdict}")
    digits = _digits(seeds.difference, seeds.interval or found.examples_interval)
    rows = [
        ("  over seeds", *_range(seeds.difference, seeds.interval, digits), _tested(seeds)),
        (
            "  over examples",
            *_range(seeds.difference, found.examples_interval, digits),
            f"{found.examples:,} examples, these models",
        ),
    ]
    print_table(("", "difference", "95 % interval", ""), rows, numbers=("difference",))
    print()
    for line in _remarks(found):
        _wrapped(line)


def _tested(seeds: SeedDifference) -> str:
    if seeds.p_value is None:
        return ""
    how = f"{len(seeds.seeds)} pairs of seeds" if seeds.seeds else "not paired"
    return f"p = {seeds.p_value:.2g}, {how}"


def _remarks(found: GroupComparison) -> list[str]:
    """Say how many seeds it would take, what is rough, and what the verdict is about."""
    from deepcli.evaluation.paired import ALPHA
    from deepcli.evaluation.seed_groups import FEW_SEEDS, MOST_SEEDS

    seeds, lines = found.seeds, list[str]()
    single = [group.name for group in found.groups if len(group.seeds) == 1]
    if single:
        lines.append(
            f"Nothing can be said about seeds: {' and '.join(single)} {'have' if len(single) > 1 else 'has'} one. "
            "Train more with: deepcli train SPEC --seeds 5"
        )
    elif seeds.interval is None:
        lines.append("All seeds give the same difference, so they say nothing about how much it varies.")
    else:
        needed = f"{seeds.seeds_needed}" if seeds.seeds_needed else f"more than {MOST_SEEDS}"
        lines.append(
            f"seeds needed: {needed} of each to see a difference of this size (80 % power at p < {ALPHA:g})"
            + (f"; a rough estimate, from fewer than {FEW_SEEDS} seeds" if seeds.few else "")
        )
    left = [str(one) for group in found.groups for one in group.seeds if seeds.seeds and one not in seeds.seeds]
    if left:
        lines.append(f"left out of the difference: seeds that only one group has ({', '.join(left)})")
    if seeds.interval is not None:
        kind = "paired t test" if seeds.method == "paired" else "Welch's t test"
        lines.append(f"better, worse: p < {ALPHA:g} in a {kind} over seeds")
    return lines


def _range(difference: float, ends: Any, digits: int) -> tuple[str, str]:
    interval = f"[{ends[0]:+.{digits}f}, {ends[1]:+.{digits}f}]" if ends else "none"
    return f"{difference:+.{digits}f}", interval


def _digits(difference: float, ends: Any) -> int:
    """Return the decimals that show an interval with two significant digits, at least four."""
    width = (ends[1] - ends[0]) if ends else abs(difference)
    return min(max(4 if width < 10 else 0, 1 - math.floor(math.log10(width))), 12) if width > 0 else 4


def _figure(figures: dict[str, Any]) -> str:
    return with_spread(figures["mean"], figures["standard_deviation"])


def with_spread(mean: float | None, spread: float | None) -> str:
    """Format a mean and a standard deviation with equal decimals: four or more, or those of two digits of the latter."""
    if mean is None:
        return ""
    if not spread or not math.isfinite(spread):
        return f"{mean:.5g}" + (" ± 0" if spread == 0 else "")
    digits = min(max(1 - math.floor(math.log10(spread)), 4 if abs(mean) < 10 else 0), 12)
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"


def _value(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _wrapped(text: str) -> None:
    print(
        textwrap.fill(text, min(width(), 120), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    )
