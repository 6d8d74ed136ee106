"""What was found about own data, as lines that are shown before training and evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.data.sources.findings import Finding

MOST_FINDINGS = 8
"""Findings that are shown; the rest is counted."""
LEFT_OUT = ("left-out", "identifier", "constant")
"""Codes of notes about columns that are left out."""


def findings_told(findings: Sequence[Finding], path: str | None) -> list[str]:
    """Describe what was found about own data, a line each: errors, warnings, and columns that are left out.

    Args:
        findings: What was found.
        path: Where the data are.
    """
    severe = [one for one in findings if one.severity != "note"]
    left_out = [one for one in findings if one.severity == "note" and one.code in LEFT_OUT]
    lines = [f"notice: {one.where}: {one.text}" for one in (*severe, *left_out)]
    if len(lines) > MOST_FINDINGS:
        rest = len(lines) - MOST_FINDINGS
        lines[MOST_FINDINGS:] = [f"notice: and {rest} more; all of them: deepcli data {shlex.quote(path or '')}"]
    return lines
