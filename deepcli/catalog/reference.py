"""The reference of everything a spec can name and of every score, as Markdown: one page per kind of component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deepcli.catalog.components import COMMANDS, KINDS, Entry, FieldRow, documentation, entry, fields
from deepcli.experiment.merge import spec_classes
from deepcli.models.base import PLURALS
from deepcli.spec.registry import Component, Spec
from deepcli.sweeps.spec_file import SpecFile
from deepcli.tasks import Task

MARK = "<!-- Written by `make docs`; edit the classes instead. -->"
"""The first line of every generated page."""
SPEC = """\
# The spec

Every field of a spec file. Only `data` and `model` are required. Fields whose type is "one of …" name a component;
a bare name is short for `{type: name}`. [The spec file](spec-file.md) explains the language.
"""
TITLES = {
    "tasks": ("Tasks", "The field `task` of a spec names one: what the model is trained for."),
    "data": ("Data sets", "The section `data` of a spec names one. [Data files](data-files.md) says where each comes from; [use your own data](../how-to/own-data.md) says how your files are read."),
    "models": ("Models", "The section `model` of a spec names one family. Nearly all take images and tokens; `mlp` and `sequential` also take tables."),
    "layers": ("Layers", "`model.layers` of [`sequential`](models.md#sequential) is a list of these."),
    "activations": ("Activations", "Fields such as `model.activation` name one."),
    "initializers": ("Initializers", "Fields such as `model.kernel_initializer` name one."),
    "losses": ("Losses", "The field `loss` of a spec names one."),
    "metrics": ("Metrics", "The list `metrics` of a spec names those that are computed after every epoch."),
    "optimizers": ("Optimizers", "The section `optimizer` of a spec names one."),
    "schedules": ("Schedules", "The section `schedule` of a spec names one: the learning rate at each step."),
    "pruners": ("Pruners", "`sweep.early_terminate` names one: it stops the trials of a sweep that look hopeless."),
    "callbacks": ("Callbacks", "The list `training.callbacks` names them. [Add callbacks](../how-to/callbacks.md) shows how."),
    "trackers": ("Trackers", "The list `training.trackers` names them. [Use trackers](../how-to/trackers.md) shows how."),
    "formats": ("Export formats", "`deepcli export --format` names one. [Export a model](../how-to/export.md) shows how."),
    "scores": ("Scores", "No spec names a score: `deepcli evaluate` computes all that its task has."),
}  # fmt: skip
"""The title and the introduction of the page of each kind."""


def pages() -> dict[str, str]:
    """Write the page of the spec's own sections, and one page per kind of component, by file name."""
    found = {"spec.md": [SPEC, *_section(SpecFile), *_sections(SpecFile, "")]}
    for kind in KINDS:
        found[f"{kind}.md"] = list(_kind(kind))
    return {name: page(parts) for name, parts in found.items()}


def page(parts: Iterable[str]) -> str:
    """Join the parts of a generated page."""
    return "\n\n".join(part.strip() for part in (MARK, *parts) if part) + "\n"


def _kind(kind: str) -> Iterator[str]:
    title, introduction = TITLES[kind]
    yield f"# {title}"
    yield f"{introduction} `deepcli list {kind}` prints this page in a terminal, with what your plugins add."
    yield ", ".join(f"[{name}](#{name})" for name in KINDS[kind])
    for name in KINDS[kind]:
        yield from _entry(kind, entry(kind, name))


def _sections(cls: type[Spec], path: str) -> Iterator[str]:
    """Describe the sections inside a section that are not components, at any depth."""
    for key in cls.model_fields:
        kinds = [inner for inner in spec_classes(cls, key) if not issubclass(inner, Component)]
        for inner in kinds:
            yield f"## {path}{key}" + (f": {inner.__name__.lower()}" if len(kinds) > 1 else "")
            yield from _section(inner)
            yield from _sections(inner, f"{path}{key}.")


def _section(cls: type[Spec]) -> Iterator[str]:
    yield documentation(cls)
    yield _fields(row for row in fields(cls) if not row.depth)


def _entry(kind: str, entry: Entry) -> Iterator[str]:
    yield f"## {entry.type}"
    yield entry.doc
    yield _suited(kind, entry.type)
    yield _fields(entry.fields)
    yield f"```{'text' if kind in COMMANDS else 'yaml'}\n{entry.example}\n```"


def _suited(kind: str, name: str) -> str:
    """Say what goes with a component: data of a model, losses and metrics of a task, tasks of a score; else nothing."""
    cls = KINDS[kind][name]
    if kind == "models":
        return f"Takes: {', '.join(PLURALS[data] for data in cls.kinds)}."
    if kind == "scores":
        return f"Computed for {_linked('tasks', cls.tasks)}."
    if kind == "tasks" and cls.losses:
        return f"Losses, the default first: {_known('losses', cls)}.\n\nMetrics, the default first: {_known('metrics', cls)}."
    return ""


def _known(kind: str, task: type[Task]) -> str:
    named: tuple[str, ...] = getattr(task, kind)
    name, auto = task.model_fields["type"].default, "auto"
    others = [one for one in KINDS[kind] if one not in (*named, auto) and name in KINDS[kind][one].tasks]
    return _linked(kind, [*named, *others])


def _linked(kind: str, names: Iterable[str]) -> str:
    return ", ".join(f"[{name}]({kind}.md#{name})" for name in names)


def _fields(rows: Iterable[FieldRow]) -> str:
    cells = [(_name(row), _type(row.type), _code(row.default), cell(row.description)) for row in rows]
    return table(("field", "type", "default", ""), cells) if cells else "No fields of its own."


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a Markdown table."""
    head = list(head)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def _name(row: FieldRow) -> str:
    return "&emsp;" * row.depth + f"`{row.name}`"


def _type(text: str) -> str:
    """Write a type, with a link to the page of the components that it names."""
    for kind, registry in KINDS.items():
        text = text.replace(f"one of {registry.kind}", f"one of [{registry.kind}]({kind}.md)")
    return cell(text)


def cell(text: str) -> str:
    """Escape a text for a cell of a table."""
    return text.replace("|", r"\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return f"`{text}`" if text and text != "required" else text
