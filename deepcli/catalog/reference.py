"""The reference of all fields of a spec and all scores, as Markdown; `make docs` writes it to `docs/reference.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deepcli.catalog.components import COMMANDS, KINDS, Entry, FieldRow, documentation, entry, fields
from deepcli.experiment.merge import spec_classes
from deepcli.spec.registry import Component, Spec
from deepcli.sweeps.spec_file import SpecFile

INTRODUCTION = """\
# Reference

Everything that a spec can contain. `make docs` generates this page from the classes that read a spec. `deepcli list`
shows the same in a terminal, including components of your own plugins. A bare name is short for `{type: name}`. The
scores are at the end: a spec does not name them; `deepcli evaluate` computes them for every run.
"""


def reference() -> str:
    """Return the whole page: the sections of a spec first, then all components by kind."""
    lines = [INTRODUCTION, "## The spec", *_section("", SpecFile), *_sections(SpecFile, "")]
    for kind, registry in KINDS.items():
        lines += [f"## {kind}", ", ".join(f"[{name}](#{kind}-{name})" for name in registry)]
        for name in registry:
            lines += _entry(kind, entry(kind, name))
    return "\n\n".join(line.strip() for line in lines) + "\n"


def _sections(cls: type[Spec], path: str) -> Iterator[str]:
    """Describe the sections nested in a section at any depth, except components."""
    for key in cls.model_fields:
        kinds = [inner for inner in spec_classes(cls, key) if not issubclass(inner, Component)]
        for inner in kinds:
            yield f"### {path}{key}" + (f": {inner.__name__.lower()}" if len(kinds) > 1 else "")
            yield from _section(path + key, inner)
            yield from _sections(inner, f"{path}{key}.")


def _section(path: str, cls: type[Spec]) -> Iterator[str]:
    yield documentation(cls)
    yield _table(row for row in fields(cls) if not row.depth)


def _entry(kind: str, entry: Entry) -> Iterator[str]:
    yield f'### <a id="{kind}-{entry.type}"></a>{entry.type}'
    yield entry.doc
    yield _table(entry.fields)
    yield f"```{'sh' if kind in COMMANDS else 'yaml'}\n{entry.example}\n```"


def _table(rows: Iterable[FieldRow]) -> str:
    cells = [(_name(row), _cell(row.type), _code(row.default), _cell(row.description)) for row in rows]
    if not cells:
        return "No fields of its own."
    head = ["| field | type | default | |", "|---|---|---|---|"]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in cells)])


def _name(row: FieldRow) -> str:
    return "&emsp;" * row.depth + f"`{row.name}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return f"`{text}`" if text and text != "required" else text


if __name__ == "__main__":
    print(reference(), end="")
