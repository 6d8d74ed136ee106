"""The metrics of a spec that leaves their choice to its task."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from deepcli.data import DATASETS, BaseDataset
from deepcli.spec.registry import Spec
from deepcli.spec.yaml12 import Document
from deepcli.tasks import TASKS, Task
from deepcli.tasks.auto import AutoTask


class DataAndTask(Spec):
    """The sections of a spec that say what there is to learn."""

    task: Annotated[Task, TASKS] = Field(AutoTask(), description="What the model is trained for.")
    data: Annotated[BaseDataset, DATASETS] = Field(description="The data.")


def default_metrics(document: Document) -> list[Any]:
    """Return what `metrics: auto` stands for; nothing if data or task are invalid, which validation reports."""
    sections = {key: document.tree[key] for key in ("data", "task") if key in document.tree}
    try:
        chosen = DataAndTask.model_validate(sections)
        signature = chosen.task.posed(chosen.data.bound(chosen.task.reads).signature)
    except (ValidationError, OSError):
        return []
    found = chosen.task.resolve(signature).default_metrics()
    return [metric.model_dump() for metric in found]
