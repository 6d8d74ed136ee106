"""Sections of a spec that are not components, such as `training` and its `early_stopping`, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

from deepcli.catalog.components import KINDS, Entry, documentation, fields, plain_default
from deepcli.experiment.merge import registry_of, spec_classes
from deepcli.spec.registry import Component, Registry, Spec
from deepcli.spec.yaml12 import dump
from deepcli.sweeps.spec_file import SpecFile

SECTIONS = "sections"
"""The kind of these entries."""


def sections() -> dict[str, type[Spec]]:
    """Return the class of each section by its dotted path, with the component's name where it depends on that."""
    classes: dict[str, dict[type[Spec], str]] = {}
    for path, cls in _inside(SpecFile, ""):
        classes.setdefault(path, {}).setdefault(cls, "")
    for kind, top in (("data", "data"), ("models", "model")):
        for name in KINDS[kind]:
            for path, cls in _inside(KINDS[kind][name], f"{top}."):
                classes.setdefault(path, {}).setdefault(cls, name)
    return {
        f"{path} ({name})" if len(named) > 1 else path: cls
        for path, named in classes.items()
        for cls, name in named.items()
    }


def section_entries(word: str) -> list[Entry]:
    """Describe the sections of a name or dotted path; an empty list if no section has it."""
    return [
        Entry(path, documentation(cls), _example(path.split(" ")[0], cls), tuple(fields(cls)), None, SECTIONS)
        for path, cls in sections().items()
        if word in (path, path.split(" ")[0], path.split(" ")[0].rpartition(".")[2])
    ]


def kind_of_field(word: str) -> str | None:
    """Return the kind of component that a section of a spec, such as `model`, names; None if it names none."""
    registry: Registry[Any] | None = registry_of(SpecFile, word)
    return next((kind for kind, one in KINDS.items() if one is registry), None)


def _inside(cls: type[Spec], path: str) -> Iterator[tuple[str, type[Spec]]]:
    for key in cls.model_fields:
        for inner in spec_classes(cls, key):
            if not issubclass(inner, Component) and registry_of(cls, key) is None and key != "parameters":
                yield f"{path}{key}", inner
                yield from _inside(inner, f"{path}{key}.")
                break


def _example(path: str, cls: type[Spec]) -> str:
    """Write the section with its defaults, without those that are null or sections themselves."""
    defaults = {
        name: plain_default(field.default) for name, field in cls.model_fields.items() if not field.is_required()
    }
    shown = {
        name: value
        for name, value in defaults.items()
        if value is not None and value != [] and not isinstance(value, Spec)
    }
    inner: Any = shown
    return dump(reduce(lambda value, key: {key: value}, reversed(path.split(".")), inner)).rstrip()
