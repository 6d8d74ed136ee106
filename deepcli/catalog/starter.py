"""Commented specs to start from, generated from the classes that read specs."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from deepcli.catalog.components import FieldRow, example_value, fields, summary
from deepcli.data import DATASETS
from deepcli.data.base import TokenDataset
from deepcli.experiment.schema import Experiment, Training
from deepcli.models import MODELS, Model
from deepcli.optim import OPTIMIZERS, SCHEDULES
from deepcli.spec import yaml12
from deepcli.spec.registry import Component, Spec
from deepcli.tasks import Reconstruction

MARGIN = 44


def starter(data: str, model: str, command: str) -> str:
    """Write a spec for a data set and a model family, with all other fields as comments that show defaults.

    Args:
        data: The name of the data set.
        model: The name of the model family.
        command: The command that trains the spec.
    """
    of_inputs = MODELS[model].predicts_inputs
    metrics = Reconstruction.metrics[0] if of_inputs else "accuracy"
    rest: list[tuple[str, str, type[Component]]] = [
        ("data", data, DATASETS[data]),
        ("model", model, MODELS[model]),
        ("optimizer", "adam", OPTIMIZERS["adam"]),
        ("schedule", "constant", SCHEDULES["constant"]),
    ]
    lines = [
        f"# {model} on {data}. Commented lines show defaults; delete `# ` to change one.",
        f"# Train it:  {command}",
        "",
        f"# name: {data}-{model}".ljust(MARGIN) + "# " + (Experiment.model_fields["name"].description or ""),
        "seed: 0".ljust(MARGIN) + "# " + (Experiment.model_fields["seed"].description or ""),
        *(["task: reconstruction".ljust(MARGIN) + "# " + summary(Reconstruction)] if of_inputs else []),
    ]
    for section, name, cls in rest:
        lines += ["", f"{section}:", f"  type: {name}".ljust(MARGIN) + f"# {summary(cls)}"]
        if issubclass(cls, Model):
            lines += _written_out(cls, "tokens" if issubclass(DATASETS[data], TokenDataset) else "image")
        else:
            lines += _required(cls)
        lines += _defaults(cls, "  ")
    lines += ["", "loss: auto".ljust(MARGIN) + "# `deepcli list losses` shows the others", f"metrics: [{metrics}]"]
    return "\n".join([*lines, "", "training:", "  epochs: 10", *_defaults(Training, "  ", skip="epochs"), ""])


def _defaults(cls: type[Spec], indent: str, skip: str = "") -> list[str]:
    rows = [row for row in fields(cls) if row.name != skip and row.default != "required"]
    headed = {one.name for one, after in itertools.pairwise(rows) if after.absent and not one.absent}
    return [_line(row, indent, headed) for row in rows]


def _required(cls: type[Component]) -> list[str]:
    """Write the required fields, each with an example or `...` for the user to replace."""
    return [
        f"  {yaml12.dump_line({name: example_value(cls, name, field)})}".ljust(MARGIN)
        + f"# {field.description or name}"
        for name, field in cls.model_fields.items()
        if field.is_required()
    ]


def _written_out(cls: type[Model], kind: str) -> list[str]:
    """Write the fields of a model that a starter spec sets, each with its description."""
    lines = []
    for name, value in cls.starter(kind).items():
        first, *rest = yaml12.dump({name: value}).splitlines()
        lines += [
            f"  {first}".ljust(MARGIN) + f"# {cls.model_fields[name].description}",
            *(f"  {line}" for line in rest),
        ]
    return lines


def _line(row: FieldRow, indent: str, headed: Collection[str]) -> str:
    """Write a field as a comment; one in a section that is null by default stays a comment when that one is set."""
    twice = "# " if row.absent else ""
    written = f"{indent}# {'  ' * row.depth}{twice}{row.name}: {row.default}".rstrip()
    more = "; its fields, instead of null:" if row.name in headed and not row.absent else ""
    description = row.description.rstrip(".") + more if more else row.description
    return written.ljust(MARGIN) + ("# " + description if description else "")
