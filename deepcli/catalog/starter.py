"""Commented specs to start from, written from the same classes that read them."""

from __future__ import annotations

from deepcli.catalog.components import FieldRow, example_value, fields, summary
from deepcli.data import DATASETS
from deepcli.data.base import TokenDataset
from deepcli.experiment.schema import Experiment, Training
from deepcli.models import MODELS, Model
from deepcli.optim import OPTIMIZERS, SCHEDULES
from deepcli.spec import yaml12
from deepcli.spec.registry import Component, Spec

MARGIN = 44


def starter(data: str, model: str, command: str) -> str:
    """Write a spec for a data set and a family: what matters most written out, every default beside its meaning.

    Args:
        data: A data set.
        model: A model family.
        command: What trains it.
    """
    rest: list[tuple[str, str, type[Component]]] = [
        ("data", data, DATASETS[data]),
        ("model", model, MODELS[model]),
        ("optimizer", "adam", OPTIMIZERS["adam"]),
        ("schedule", "constant", SCHEDULES["constant"]),
    ]
    lines = [
        f"# {model} on {data}. Lines behind `# ` are defaults: remove it to change one.",
        f"# Train it:  {command}",
        "",
        f"# name: {data}-{model}".ljust(MARGIN) + "# " + (Experiment.model_fields["name"].description or ""),
        "seed: 0".ljust(MARGIN) + "# " + (Experiment.model_fields["seed"].description or ""),
    ]
    for section, name, cls in rest:
        lines += ["", f"{section}:", f"  type: {name}".ljust(MARGIN) + f"# {summary(cls)}"]
        if issubclass(cls, Model):
            lines += _written_out(cls, "tokens" if issubclass(DATASETS[data], TokenDataset) else "image")
        else:
            lines += _required(cls)
        lines += _defaults(cls, "  ")
    lines += ["", "loss: auto".ljust(MARGIN) + "# `deepcli list losses` shows the others", "metrics: [accuracy]"]
    return "\n".join([*lines, "", "training:", "  epochs: 10", *_defaults(Training, "  ", skip="epochs"), ""])


def _defaults(cls: type[Spec], indent: str, skip: str = "") -> list[str]:
    # The fields of a section that is null by default cannot stand below it: they would be no YAML.
    rows = [row for row in fields(cls) if row.name != skip and row.default != "required" and not row.absent]
    return [_line(row, indent) for row in rows]


def _required(cls: type[Component]) -> list[str]:
    """Write the fields that have no default, with an example or `...` for the user to replace."""
    return [
        f"  {yaml12.dump_line({name: example_value(cls, name, field)})}".ljust(MARGIN)
        + f"# {field.description or name}"
        for name, field in cls.model_fields.items()
        if field.is_required()
    ]


def _written_out(cls: type[Model], kind: str) -> list[str]:
    """Write what has no default, and so cannot be left to a comment."""
    lines = []
    for name, value in cls.starter(kind).items():
        first, *rest = yaml12.dump({name: value}).splitlines()
        lines += [
            f"  {first}".ljust(MARGIN) + f"# {cls.model_fields[name].description}",
            *(f"  {line}" for line in rest),
        ]
    return lines


def _line(row: FieldRow, indent: str) -> str:
    written = f"{indent}# {'  ' * row.depth}{row.name}: {row.default}".rstrip()
    return written.ljust(MARGIN) + ("# " + row.description if row.description else "")
