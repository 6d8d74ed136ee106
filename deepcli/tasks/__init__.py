"""What a model is trained for, as a spec says it: `classification`, `multilabel`, `regression`, `ordinal`."""

from deepcli.tasks import auto, classification, multilabel, regression
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.classification import Classification, Ordinal
from deepcli.tasks.multilabel import Multilabel
from deepcli.tasks.regression import Regression

__all__ = [
    "TASKS",
    "Classification",
    "Multilabel",
    "Ordinal",
    "Regression",
    "Task",
    "auto",
    "classification",
    "multilabel",
    "regression",
]
