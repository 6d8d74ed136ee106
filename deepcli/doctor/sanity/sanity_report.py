"""What the checks of a spec found, as values, as lines and as JSON; light to import."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

INDENT, WIDTH = 20, 80
WORDS = {"ok": "OK", "failed": "FAILED", "skipped": "skipped"}


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
        status: `ok`, `failed`, or `skipped` if the spec gives it nothing to check.
        text: The figure, in words.
        figures: The figures by name, for programs.
        advice: What to do if it failed.
        check: The check's name.
    """

    status: Literal["ok", "failed", "skipped"]
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""
    check: str = ""

    def __str__(self) -> str:
        """Return the check's line; what to do about a failure is on lines of its own."""
        shown = f"{self.check:<{INDENT - 1}} {WORDS[self.status]}: {self.text}"
        parts = [shown, " " * INDENT + self.advice] if self.advice else [shown]
        return "\n".join(
            textwrap.fill(part, WIDTH, subsequent_indent=" " * INDENT, break_on_hyphens=False, break_long_words=False)
            for part in parts
        )


@dataclass(frozen=True)
class SanityReport:
    """What the checks of a spec found.

    Attributes:
        name: The spec's name.
        settings: On what the checks ran: model, data, examples, device and precision.
        checks: Each check with its figure, in their order.
        seconds: How long they took.
    """

    name: str
    settings: str
    checks: tuple[CheckResult, ...]
    seconds: float

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(one for one in self.checks if one.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def verdict(self) -> str:
        """One sentence on the whole."""
        if self.ok:
            return "no check failed"
        names = ", ".join(one.check for one in self.failed)
        return f"{len(self.failed)} of {len(self.checks)} checks failed: {names}"

    def __getitem__(self, check: str) -> CheckResult:
        """Return what a check found, by its name."""
        return {one.check: one for one in self.checks}[check]

    def __repr__(self) -> str:
        """Return the lines that the command prints."""
        return "\n".join([self.settings, *map(str, self.checks), f"{self.verdict} ({self.seconds:.0f} s)"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        checks = [{**vars(one), "figures": dict(one.figures)} for one in self.checks]
        return {"name": self.name, "settings": self.settings, "checks": checks, "seconds": round(self.seconds, 1)}


def judged(ok: bool, text: str, advice: str, **figures: Any) -> CheckResult:
    """Return the result of a check; the advice is shown only if it failed."""
    return CheckResult("ok" if ok else "failed", text, figures, "" if ok else advice)


def skipped(why: str) -> CheckResult:
    """Return that a spec gives a check nothing to do."""
    return CheckResult("skipped", why)
