"""Callbacks that end training."""

from __future__ import annotations

from collections.abc import Mapping

import keras


class StopAtValue(keras.callbacks.Callback):
    """Stops after the first epoch in which a metric reaches a value.

    Args:
        monitor: The metric's name in the logs of an epoch.
        value: The value that is good enough.
        smaller: Whether smaller values are better.
    """

    def __init__(self, monitor: str, value: float, smaller: bool) -> None:
        super().__init__()
        self.monitor, self.value, self.smaller = monitor, value, smaller
        self.why_stopped = ""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        reached = (logs or {}).get(self.monitor)
        if reached is not None and (reached <= self.value if self.smaller else reached >= self.value):
            self.model.stop_training = True
            self.why_stopped = f"{self.monitor} reached {reached:.4g}"
