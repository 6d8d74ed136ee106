"""Trackers that a spec can name: they also record a run's metrics elsewhere."""

from deepcli.trackers.base import TRACKERS, Log, Tracked, Tracker
from deepcli.trackers.mlflow import Mlflow
from deepcli.trackers.tensorboard import Tensorboard
from deepcli.trackers.wandb import Wandb

__all__ = ["TRACKERS", "Log", "Mlflow", "Tensorboard", "Tracked", "Tracker", "Wandb"]
