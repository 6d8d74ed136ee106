"""Losses, metrics, optimizers and learning-rate schedules that a spec can name."""

from deepcli.optim.losses import LOSSES, Loss
from deepcli.optim.metrics import METRICS, Metric
from deepcli.optim.optimizers import OPTIMIZERS, Optimizer
from deepcli.optim.schedules import SCHEDULES, Schedule

__all__ = ["LOSSES", "METRICS", "OPTIMIZERS", "SCHEDULES", "Loss", "Metric", "Optimizer", "Schedule"]
