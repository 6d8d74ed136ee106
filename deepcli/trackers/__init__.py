"""Trackers that a spec can name: where else the figures of a run go."""

from deepcli.trackers.base import TRACKERS, Log, Tracked, Tracker
from deepcli.trackers.mlflow import Mlflow
from deepcli.trackers.tensorboard import Tensorboard
from deepcli.trackers.wandb import Wandb

__all__ = ["TRACKERS", "Log", "Mlflow", "Tensorboard", "Tracked", "Tracker", "Wandb"]
