"""What users' machines do to a run, and strangers to their files. DEEPCLI_TORTURE=1, or `make torture`, counts in full."""

import os
from typing import TypeVar

T = TypeVar("T")
FULL = os.environ.get("DEEPCLI_TORTURE") == "1"


def count(few: T, many: T) -> T:
    """Choose between what fits into `make test` and what `make torture` counts to."""
    return many if FULL else few
