"""What `evaluate --threshold` and `--calibrate` chose, in lines of at most 80 columns where names allow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deepcli.data.sources.naming import printable

if TYPE_CHECKING:
    from deepcli.result import Calibration, Result, ThresholdUsed


def decision_lines(result: Result) -> Iterator[str]:
    """Yield the lines about a threshold and a temperature, then an empty one; nothing if the result has neither."""
    split = next(iter(result.metrics), "")
    if result.calibration is not None:
        yield from _calibration(split, result.calibration)
        yield ""
    if result.threshold is not None:
        yield from _wrapped(_threshold(result.threshold), result.threshold.caveat)
        yield ""


def temperature_lines(
    temperature: float, interval: tuple[float, float] | None, examples: int, caveat: str | None
) -> Iterator[str]:
    """Yield the lines that say which temperature was fitted, on how much, and what speaks against it."""
    within = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    yield from _wrapped(f"temperature {temperature:.3f}{within}, fitted on {examples:,} validation examples", caveat)


def _calibration(split: str, one: Calibration) -> Iterator[str]:
    yield from temperature_lines(one.temperature, one.interval, one.validation_examples, one.caveat)
    width = max(len(f"{split} {name}") for name in one.before)
    yield f"{'':<{width}}  before   after"
    for name, before in one.before.items():
        figures = "  ".join("nan   " if value is None else f"{value:.4f}" for value in (before, one.after[name]))
        yield f"{f'{split} {name}':<{width}}  {figures}"


def _threshold(one: ThresholdUsed) -> str:
    of = "each label" if one.name is None else printable(one.name)
    calibrated = ", calibrated" if one.calibrated else ""
    what = f"threshold{'' if one.value is None else f' {one.value:.4g}'} for {of}{calibrated}"
    if one.rule == "given":
        return f"{what}: given"
    there = "" if one.validation_f1 is None else f" ({one.validation_f1:.4f} there)"
    return f"{what}: best F1 on {one.validation_examples:,} validation examples{there}"


def _wrapped(line: str, caveat: str | None) -> Iterator[str]:
    yield from textwrap.wrap(line, 80, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    if caveat:
        yield from textwrap.wrap(f"caution: {caveat}", 80, subsequent_indent="  ", break_on_hyphens=False)
