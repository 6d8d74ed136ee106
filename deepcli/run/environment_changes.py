"""In what the environments of two runs of one spec differ that may change the bits of their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNRECORDED = "not recorded"


@dataclass(frozen=True)
class EnvironmentChange:
    """Something on which bits depend.

    Attributes:
        name: What it is, such as `threads` or `tensorflow`.
        then: What it was for the first run.
        now: What it is for the second.
        known: Whether it is known to differ; not so where the first run did not record it.
    """

    name: str
    then: str
    now: str
    known: bool = True


def environment_changes(
    then: Mapping[str, Any], now: Mapping[str, Any], deterministic: bool
) -> list[EnvironmentChange]:
    """List what differs between two contents of `environment.json`, and what makes bits differ by itself.

    Args:
        then: That of the first run.
        now: That of the second.
        deterministic: Whether the spec says `training.deterministic: true`.
    """
    before, after = facts(then), facts(now)
    found = [
        EnvironmentChange(name, before.get(name, UNRECORDED), after.get(name, "none"), name in before)
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    if after.get("device", "cpu") != "cpu" and not deterministic:
        found.append(EnvironmentChange("training.deterministic", "off on a GPU", "off on a GPU"))
    if then.get("plugins") and not isinstance(then.get("files"), Mapping):
        found.append(EnvironmentChange("plugins", UNRECORDED, "as given", False))
    return [*found, *_resumptions(then)]


def facts(about: Mapping[str, Any]) -> dict[str, str]:
    """Name what bits depend on, as far as it was recorded."""
    processor = _section(about, "processor")
    known: dict[str, Any] = {
        **_section(about, "versions"),
        "threads": about.get("threads"),
        "processor": processor.get("name"),
        "instructions": " ".join(map(str, _list(processor, "instructions"))) or None,
        **{name: _decided(about, name) for name in ("device", "precision", "jit_compile")},
    }
    if known["device"] not in ("cpu", None):
        known["device"] = f"{known['device']} ({_section(about, 'device').get('why')})"
        del known["threads"], known["instructions"]
    found = {name: _text(value) for name, value in known.items() if value is not None}
    if isinstance(about.get("variables"), Mapping):  # where none is set, that is known, too
        found |= {f"${name}": str(value) for name, value in about["variables"].items()}
    return found


def _resumptions(then: Mapping[str, Any]) -> Iterator[EnvironmentChange]:
    """Yield what was different when a run was resumed, which another run of the spec cannot be in one go."""
    first = facts(then)
    for one in _list(then, "resumed"):
        if isinstance(one, Mapping):
            for name, value in facts({"processor": then.get("processor"), **one}).items():
                if name in first and first[name] != value and name not in ("precision", "jit_compile"):
                    yield EnvironmentChange(name, f"{first[name]}, from step {one.get('step')} on {value}", first[name])


def _section(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = about.get(name)
    return section if isinstance(section, Mapping) else {}


def _list(about: Mapping[str, Any], name: str) -> list[Any]:
    value = about.get(name)
    return value if isinstance(value, list) else []


def _decided(about: Mapping[str, Any], name: str) -> Any:
    return _section(about, name).get("value")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
