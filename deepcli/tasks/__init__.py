"""What a model is trained for, as a spec says it, such as `classification`, `regression` or `language_model`."""

from deepcli.tasks import (
    auto,
    classification,
    forecasting,
    language_model,
    multilabel,
    reconstruction,
    regression,
    sequence_to_sequence,
)
from deepcli.tasks.base import TASKS, Task
from deepcli.tasks.classification import Classification, Ordinal
from deepcli.tasks.forecasting import Forecasting
from deepcli.tasks.language_model import LanguageModel
from deepcli.tasks.multilabel import Multilabel
from deepcli.tasks.reconstruction import Reconstruction
from deepcli.tasks.regression import Regression
from deepcli.tasks.sequence_to_sequence import SequenceToSequence

__all__ = [
    "TASKS",
    "Classification",
    "Forecasting",
    "LanguageModel",
    "Multilabel",
    "Ordinal",
    "Reconstruction",
    "Regression",
    "SequenceToSequence",
    "Task",
    "auto",
    "classification",
    "forecasting",
    "language_model",
    "multilabel",
    "reconstruction",
    "regression",
    "sequence_to_sequence",
]
