"""Where the values of a run's spec came from: a file and its line, the command line, a sweep, or a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepcli.errors import RunError, UsageError
from deepcli.run.directory import RunDir
from deepcli.run.varied import recorded_origins
from deepcli.spec import yaml12
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import Value, flat

DECIDED = {
    "training.device": "device",
    "training.backend": "backend",
    "training.precision": "precision",
    "training.jit_compile": "jit_compile",
    "training.steps_per_execution": "steps_per_execution",
}
"""Fields that a run decides itself if they are `auto`, and what its environment calls the decision."""
DEFAULT = "default"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class ValueOrigin:
    """A value of a run's spec.

    Attributes:
        key: Its dotted key.
        value: The value; a list as JSON.
        origin: Where it was written, such as `config.yaml:3:5`, `command line` or `the sweep`; else `default`, or
            `unknown` in runs of versions that did not record it.
        decided: What the run made of `auto`, and why; None for other values.
    """

    key: str
    value: Value
    origin: str
    decided: str | None = None


def value_origins(path: Path, key: str | None = None) -> list[ValueOrigin]:
    """Return where values of a run's spec came from.

    Args:
        path: The run.
        key: A dotted key, or a section for all that is in it; None for all values that were set.

    Raises:
        RunError: The path is not a run, or its spec is damaged.
        UsageError: The spec has no such key.
    """
    run = RunDir.open(path)
    try:
        spec = dict(flat(yaml12.quick(run.config.read_text(encoding="utf-8"))))
    except (OSError, ValueError) as error:
        raise RunError(f"{run.config}: is damaged: {error}") from None
    about = run.described()
    origins = recorded_origins(about)
    if key is None:
        if origins is None:
            raise RunError(f"{path} is of a version of deepcli that did not record where its values came from")
        keys = [name for name in spec if name in origins]
    else:
        keys = [name for name in spec if name == key or name.startswith(f"{key}.")]
        if not keys:
            raise UsageError(f"{path}: its spec has no {key!r}; {did_you_mean(key, _names(spec))}".rstrip("; "))
    return [_origin(name, spec[name], origins, about) for name in keys]


def _origin(key: str, value: Value, origins: Mapping[str, Any] | None, about: Mapping[str, Any]) -> ValueOrigin:
    where = UNKNOWN if origins is None else str(origins.get(key, DEFAULT))
    choice = about.get(DECIDED.get(key, ""))
    decided = (
        f"{_word(choice.get('value'))} ({choice.get('why')})" if value == "auto" and isinstance(choice, dict) else None
    )
    return ValueOrigin(key, value, where, decided)


def _names(spec: Mapping[str, Value]) -> list[str]:
    """Return all keys and all sections of a spec."""
    parts = [name.split(".") for name in spec]
    return list(dict.fromkeys(".".join(part[:depth]) for part in parts for depth in range(1, len(part) + 1)))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
