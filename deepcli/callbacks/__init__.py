"""Callbacks that a spec can name: what else happens at the end of each epoch."""

from deepcli.callbacks.base import CALLBACKS, Callback
from deepcli.callbacks.stop_at import StopAt

__all__ = ["CALLBACKS", "Callback", "StopAt"]
