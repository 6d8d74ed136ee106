"""The override that stands for an option of another tool: `training.epochs=3` for `--epochs 3`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepcli.errors import DeepcliError


def override_for(name: str, value: str | None, files: Sequence[str] = (), only: str = "") -> tuple[bool, str]:
    """Find the field of a spec that a word means, and say how to set it.

    Args:
        name: The word, such as `lr`.
        value: What it should be; None if that is not known.
        files: The specs that it should be set in, whose types decide which fields there are.
        only: The only section that can be set; empty for all.

    Returns:
        Whether the word is the field's name or a synonym, not only spelled like it; and what to write, an empty string if
        nothing is alike.
    """
    from deepcli.experiment.load import gather
    from deepcli.experiment.pointers import Pointer, pointer
    from deepcli.spec.yaml12 import YamlError, parse

    tree: Any = {}
    plain: Any = value
    with contextlib.suppress(DeepcliError):
        tree = gather([Path(file) for file in files])[0].tree if files else {}
    with contextlib.suppress(YamlError):
        plain = None if value is None else parse(value, "").tree
    found = pointer((name,), plain, tree)
    places = tuple(place for place in found.places if not only or place[0] == only)
    if not places:
        return False, ""
    return found.sure, Pointer(places, found.value, found.sure, found.values).as_override()
