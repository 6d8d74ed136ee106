"""Train, evaluate and compare Keras models from one YAML file: on the command line, or from Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.api.checking import sanity
    from deepcli.api.comparing import compare, runs
    from deepcli.api.costing import cost
    from deepcli.api.finding_batch_size import find_batch_size
    from deepcli.api.finding_rate import find_learning_rate
    from deepcli.api.group_comparing import compare_groups
    from deepcli.api.loading import load
    from deepcli.api.looking import look
    from deepcli.api.reporting import report
    from deepcli.api.reproducing import reproduce
    from deepcli.api.resume_verifying import verify_resume
    from deepcli.api.run import Run
    from deepcli.api.seed_training import train_seeds
    from deepcli.api.sweep import Sweep
    from deepcli.api.sweeping import sweep
    from deepcli.api.training import train
    from deepcli.errors import (
        CheckpointError,
        DataError,
        DeepcliError,
        DeviceError,
        Interrupted,
        Notice,
        RunError,
        SpecError,
        TrainingError,
        UsageError,
    )

__version__ = "0.2.0"

__all__ = [
    "CheckpointError",
    "DataError",
    "DeepcliError",
    "DeviceError",
    "Interrupted",
    "Notice",
    "Run",
    "RunError",
    "SpecError",
    "Sweep",
    "TrainingError",
    "UsageError",
    "__version__",
    "compare",
    "compare_groups",
    "cost",
    "find_batch_size",
    "find_learning_rate",
    "load",
    "look",
    "report",
    "reproduce",
    "runs",
    "sanity",
    "sweep",
    "train",
    "train_seeds",
    "verify_resume",
]

_MODULES = {
    "Run": "deepcli.api.run",
    "Sweep": "deepcli.api.sweep",
    "compare": "deepcli.api.comparing",
    "compare_groups": "deepcli.api.group_comparing",
    "cost": "deepcli.api.costing",
    "find_batch_size": "deepcli.api.finding_batch_size",
    "find_learning_rate": "deepcli.api.finding_rate",
    "load": "deepcli.api.loading",
    "look": "deepcli.api.looking",
    "report": "deepcli.api.reporting",
    "reproduce": "deepcli.api.reproducing",
    "runs": "deepcli.api.comparing",
    "sanity": "deepcli.api.checking",
    "sweep": "deepcli.api.sweeping",
    "train": "deepcli.api.training",
    "train_seeds": "deepcli.api.seed_training",
    "verify_resume": "deepcli.api.resume_verifying",
}
"""Where each name is defined, other than the errors; importing deepcli imports none of these modules."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import deepcli` itself takes no time."""
    if name not in __all__:
        raise AttributeError(f"module 'deepcli' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES.get(name, "deepcli.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
