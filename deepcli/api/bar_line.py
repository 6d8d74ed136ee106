"""The live line of a run: epoch, bar, figures and the time left."""

from __future__ import annotations

from deepcli.api.line_fields import GAP, NEVER, Field, cells, fit, live_fields
from deepcli.run.reporter import Course, Progress

SMALLEST_BAR = 10
"""Columns that the bar has at least; figures are left out for it."""


def live_line(course: Course, progress: Progress | None, width: int, unicode: bool = True) -> str:
    """Format the live line: the epoch, a bar, and the time left of the whole run; figures as far as there is room.

    Args:
        course: The run's length.
        progress: Where it is; None before the first step, which may take long.
        width: The terminal's width.
        unicode: Whether the terminal can show the characters of a smooth bar.
    """
    epoch, step = (progress.epoch, progress.step) if progress else (course.epoch, course.step)
    begins = Field(f"epoch {epoch}/{course.epochs}")
    ends = [Field(f"{step}/{course.steps}", rank=1)]
    if progress is None:
        ends.append(Field("first step: compiling", rank=2))
    else:
        ends += live_fields(progress.logs, course.monitor)
        ends.append(Field(f"{progress.samples_per_second:,.0f} samples/s", rank=7))
        ends.append(Field(time_left(progress.seconds_left)))
    room = width - cells(begins.text) - SMALLEST_BAR - 2 * len(GAP)
    needed = [field for field in ends if field.rank == NEVER]
    if sum(cells(field.text) for field in needed) > room:
        return fit([begins, *needed], width)
    right = fit(ends, room)
    bar = width - cells(begins.text) - cells(right) - 2 * len(GAP)
    return GAP.join([begins.text, draw_bar(step, course.steps, bar, unicode), right]).rstrip()


def draw_bar(done: int, total: int, width: int, unicode: bool = True) -> str:
    """Draw a bar of a width."""
    full = width * min(done, total) // max(total, 1)
    return ("━" if unicode else "#") * full + ("─" if unicode else "-") * (width - full)


def time_left(seconds: float | None) -> str:
    """Write the time left of a run."""
    if seconds is None:
        return "ETA --:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"ETA {hours}:{minutes:02}:{rest:02}" if hours else f"ETA {minutes:02}:{rest:02}"
