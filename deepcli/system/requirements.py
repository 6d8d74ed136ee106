"""What deepcli needs besides TensorFlow: `python -m deepcli.system.requirements EXTRA …` prints it for `pip install -r`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import requires

EXTRA = re.compile(r"""\s*(?:and\s+)?extra\s*==\s*["']([\w.-]+)["']""")


def without_tensorflow(extras: Sequence[str] = ()) -> list[str]:
    """Return the requirements of deepcli and of some of its extras, without TensorFlow."""
    found = []
    for line in requires("deepcli") or []:
        wanted, _, marker = line.partition(";")
        extra = EXTRA.search(marker)
        if extra and extra[1] not in extras:
            continue
        if not re.match(r"tensorflow\b(?!-)", wanted.strip()):
            rest = EXTRA.sub("", marker).strip()
            found.append(f"{wanted.strip()}; {rest}" if rest else wanted.strip())
    return found


if __name__ == "__main__":
    print("\n".join(without_tensorflow(sys.argv[1:])))
