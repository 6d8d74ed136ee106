"""What the torture tests share: a line of what each has counted."""

from collections.abc import Callable

import pytest


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print what a test has counted, and leave it in the report."""

    def write(line: str) -> None:
        record_property("torture", line)
        print(f"torture: {line}")

    return write
