"""Notices of a call as Python warnings, at the line that called deepcli."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from deepcli.errors import Notice
from deepcli.run.reporter import NullReporter

PREFIX = "notice: "
PACKAGE = str(Path(__file__).parent.parent)


def warn(notice: str) -> None:
    """Warn of a notice."""
    warnings.warn(notice.removeprefix(PREFIX), Notice, stacklevel=_level_outside())


def _level_outside() -> int:
    """Count the calls from `warn` up to the first file that is not part of deepcli."""
    level, frame = 1, sys._getframe(1)
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level


class WarningReporter(NullReporter):
    """A reporter for calls that return an answer: notices become warnings, and nothing else is shown."""

    def note(self, text: str) -> None:
        """Warn of a notice; leave other lines out."""
        if text.startswith(PREFIX):
            warn(text)
