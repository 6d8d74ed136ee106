"""In which fields the specs of several runs differ, as far as somebody chose it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from deepcli.spec.trees import Value

Specs = Sequence[Mapping[str, Value]]


def varied(specs: Specs, origins: Sequence[Mapping[str, str] | None]) -> list[str]:
    """List the dotted keys, except the name, that have several values among the specs that have them.

    A field that only some families have, and one whose default depends on the type of its section, say nothing more than
    the type does, and are left out.

    Args:
        specs: Every field of each spec by dotted key.
        origins: For each spec where its values were written, without those of defaults; None if that is unknown.
    """
    keys = dict.fromkeys(key for spec in specs for key in spec if key != "name")
    return [key for key in keys if _is_varied(key, specs, origins)]


def recorded_origins(environment: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return where the values of a run's spec were written, from its environment; None in runs that did not record it."""
    found = environment.get("origins")
    return found if isinstance(found, Mapping) else None


def _is_varied(key: str, specs: Specs, origins: Sequence[Mapping[str, str] | None]) -> bool:
    having = [place for place, spec in enumerate(specs) if key in spec]
    if len({_plain(specs[place][key]) for place in having}) < 2:
        return False
    chosen = any((known := origins[place]) is None or key in known for place in having)
    return chosen or _are_alike(key, [specs[place] for place in having])


def _are_alike(key: str, specs: Specs) -> bool:
    """Return whether the sections above a field have one type each; then another default is of another version."""
    parts = key.split(".")
    above = [".".join(parts[:depth]) + ".type" for depth in range(1, len(parts))]
    return all(len({_plain(spec.get(name)) for spec in specs}) == 1 for name in above if name != key)


def _plain(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=str)
