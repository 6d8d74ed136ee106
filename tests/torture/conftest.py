"""What torture tests have in common: a way to say what they counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Give a function that keeps a line for the end of the whole session."""
    return lambda text: record_property("counted", text)
