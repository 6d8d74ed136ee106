"""What is worth telling about data: problems and peculiarities, each with a code, a severity and a place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """Something found in data.

    Attributes:
        code: A short name of the kind of finding, such as `bad-row`; the same for all findings of that kind.
        severity: `error` for what cannot be used, `warning` for what makes results doubtful, `note` for the rest.
        where: The file, with line or column if there is one.
        text: What was found, and what to do about it.
        places: Where it is, if it is in several places: each of the first 1,000.
    """

    code: str
    severity: Severity
    where: str
    text: str
    places: tuple[str, ...] = ()
