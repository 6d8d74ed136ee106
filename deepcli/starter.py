"""Commented specs to start from, written from the same classes that read them."""

from __future__ import annotations

from deepcli.catalog import FieldRow, fields, summary
from deepcli.data import DATASETS
from deepcli.experiment import Experiment, Training
from deepcli.models import MODELS
from deepcli.optim import OPTIMIZERS, SCHEDULES
from deepcli.registry import Spec

MARGIN = 44


def starter(data: str, model: str) -> str:
    """Write a spec for a data set and a family: what matters most written out, every default beside its meaning."""
    rest = [
        ("data", data, DATASETS[data]),
        ("model", model, MODELS[model]),
        ("optimizer", "adam", OPTIMIZERS["adam"]),
        ("schedule", "constant", SCHEDULES["constant"]),
    ]
    lines = [
        f"# {model} on {data}. Lines behind `# ` are defaults: remove it to change one.",
        f"# Train it:  deepcli train {data}-{model}.yaml",
        "",
        f"# name: {data}-{model}".ljust(MARGIN) + "# " + (Experiment.model_fields["name"].description or ""),
        "seed: 0".ljust(MARGIN) + "# " + (Experiment.model_fields["seed"].description or ""),
    ]
    for section, name, cls in rest:
        lines += ["", f"{section}:", f"  type: {name}".ljust(MARGIN) + f"# {summary(cls)}", *_defaults(cls, "  ")]
    lines += ["", "loss: auto".ljust(MARGIN) + "# `deepcli list losses` shows the others", "metrics: [accuracy]"]
    return "\n".join([*lines, "", "training:", "  epochs: 10", *_defaults(Training, "  ", skip="epochs"), ""])


def _defaults(cls: type[Spec], indent: str, skip: str = "") -> list[str]:
    # The fields of a section that is null by default cannot stand below it: they would be no YAML.
    return [_line(row, indent) for row in fields(cls) if row.name != skip and not row.absent]


def _line(row: FieldRow, indent: str) -> str:
    written = f"{indent}# {'  ' * row.depth}{row.name}: {row.default}".rstrip()
    return written.ljust(MARGIN) + ("# " + row.description if row.description else "")
