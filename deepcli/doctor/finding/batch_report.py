"""Batch sizes that were tried, and what follows from them; light to import."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

WIDTH = 80
NOISE = 0.05
"""Share of the speed by which two sizes differ at least; below it, nothing but the machine's mood may be the reason."""
ERRORS = 2.0
"""Standard errors of the difference by which they differ at least."""

Limit = Literal["training split", "memory", "time", "option"]


@dataclass(frozen=True)
class SizeTried:
    """A batch size that was trained with.

    Attributes:
        batch_size: Examples of a step.
        steps: Steps of an epoch.
        steps_per_second: Training steps a second.
        examples_per_second: Examples a second.
        standard_error: The standard error of `examples_per_second`, over blocks of steps.
        epoch_seconds: Seconds of an epoch's steps, without validation and checkpoints.
        memory: Bytes at the peak: of the whole process, or on a GPU of its own memory.
        blocks: Blocks of steps that were measured.
    """

    batch_size: int
    steps: int
    steps_per_second: float
    examples_per_second: float
    standard_error: float
    epoch_seconds: float
    memory: int
    blocks: int

    @classmethod
    def of(cls, batch_size: int, examples: int, steps: int, epochs: Sequence[float], memory: int) -> SizeTried:
        """Make one of the seconds of an epoch that each block of steps has given."""
        speeds = [examples / seconds for seconds in epochs]
        mean = sum(speeds) / len(speeds)
        spread = math.sqrt(sum((speed - mean) ** 2 for speed in speeds) / max(len(speeds) - 1, 1))
        return cls(
            batch_size=batch_size,
            steps=steps,
            steps_per_second=mean * steps / examples,
            examples_per_second=mean,
            standard_error=spread / math.sqrt(len(speeds)),
            epoch_seconds=examples / mean,
            memory=memory,
            blocks=len(speeds),
        )


@dataclass(frozen=True)
class BatchSizeReport:
    """The batch sizes of a spec that were tried.

    Attributes:
        name: The spec's name.
        settings: Model, data, device and precision, in words.
        current: The spec's own batch size.
        sizes: The sizes that fit, rising.
        limit: Why no larger one was tried: `training split`, `memory`, `time` or `option`.
        reason: The same in words.
        seconds: How long it took.
    """

    name: str
    settings: str
    current: int
    sizes: tuple[SizeTried, ...]
    limit: Limit
    reason: str
    seconds: float

    @property
    def largest(self) -> int:
        """The largest size that was tried and fits."""
        return self.sizes[-1].batch_size

    @property
    def peak(self) -> SizeTried:
        """The size with the most examples a second."""
        return max(self.sizes, key=lambda one: one.examples_per_second)

    @property
    def fastest(self) -> int:
        """The smallest size that is as fast as any, within noise."""
        return next(one.batch_size for one in self.sizes if within_noise(one, self.peak))

    @property
    def override(self) -> str:
        """What to write behind a spec to train with the fastest size."""
        return f"data.batch_size={self.fastest}"

    def rows(self) -> list[str]:
        """Return the table's lines, with its header."""
        return [HEADER, *(table_row(one, self.current) for one in self.sizes)]

    def summary(self, spec: str = "SPEC") -> list[str]:
        """Return what follows, in lines of at most 80 columns.

        Args:
            spec: How the spec is called in a command that is shown.
        """
        best, at_peak = next(one for one in self.sizes if one.batch_size == self.fastest), self.peak
        fastest = f"fastest: {best.batch_size}, with {_count(best.examples_per_second)} examples a second"
        if at_peak is not best:
            fastest += (
                f" ({at_peak.batch_size} has {_count(at_peak.examples_per_second)}, which is within noise: two standard "
                f"errors of {at_peak.blocks} blocks of steps, or {NOISE:.0%})"
            )
        lines = [fastest, f"largest that fits: {self.largest} (limit: {self.reason})"]
        if self.fastest != self.current:
            lines += [
                "Another batch size changes what is learned, not only the speed: an epoch has "
                f"{best.steps:,} update{'s' * (best.steps != 1)} with it, and it usually wants another rate. Compare validation "
                f"figures, after deepcli find lr {spec} {self.override}",
            ]
        lines.append(f"to use it: {self.override}" if self.fastest != self.current else "the spec has it already")
        return [
            textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
            for line in lines
        ]

    def __repr__(self) -> str:
        """Return the lines that the command prints."""
        return "\n".join([self.settings, *self.rows(), *self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "name": self.name,
            "settings": self.settings,
            "batch_size": self.current,
            "sizes": [asdict(one) for one in self.sizes],
            "fastest": self.fastest,
            "largest": self.largest,
            "limit": self.limit,
            "reason": self.reason,
            "override": self.override,
            "seconds": round(self.seconds, 1),
        }


def within_noise(one: SizeTried, fastest: SizeTried) -> bool:
    """Return whether a size is as fast as the fastest, as far as was measured."""
    error = math.hypot(one.standard_error, fastest.standard_error)
    least = max(ERRORS * error, NOISE * fastest.examples_per_second)
    return fastest.examples_per_second - one.examples_per_second <= least


HEADER = f"{'batch size':>10}{'steps/s':>10}{'examples/s':>18}{'an epoch':>11}{'memory':>11}"


def table_row(one: SizeTried, current: int) -> str:
    """Return the table's line of a size; the spec's own is marked."""
    speed = f"{_count(one.examples_per_second)} ± {_percent(one.standard_error / one.examples_per_second)}"
    return (
        f"{one.batch_size:>10,}{_count(one.steps_per_second):>10}{speed:>18}"
        f"{seconds_of(one.epoch_seconds):>11}{size_of(one.memory):>11}" + "  the spec's" * (one.batch_size == current)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %".rjust(4)


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds_of(seconds: float) -> str:
    """Write a time: 3.1 ms, 0.42 s, 12 s, 5 min."""
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min"


def size_of(count: float) -> str:
    """Write a number of bytes: 812 MiB, 1.2 GiB."""
    size, units = count / 2**20, ["MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if size >= 10 else f"{size:.1f} {units[0]}"
