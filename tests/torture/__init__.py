"""What users' machines do to a run, and strangers to their files. DEEPCLI_TORTURE=1, or `make torture`, counts in full."""

import os

FULL = os.environ.get("DEEPCLI_TORTURE") == "1"


def count(few: int, many: int) -> int:
    """Choose between what fits into `make test` and what `make torture` counts to."""
    return many if FULL else few
