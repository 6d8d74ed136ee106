"""Stopping as soon as a metric is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from deepcli.callbacks.base import CALLBACKS, Callback

if TYPE_CHECKING:
    import keras


@CALLBACKS.register
class StopAt(Callback):
    """Stop after the first epoch in which a metric reaches a value."""

    type: Literal["stop_at"] = "stop_at"
    monitor: str = Field("val_accuracy", description="The metric.")
    value: float = Field(0.99, description="The value that is good enough.")
    mode: Literal["auto", "max", "min"] = Field(
        "auto",
        description="Whether larger or smaller values are better; auto: smaller ones of a loss, else larger ones.",
    )

    def watched(self) -> Mapping[str, str]:
        return {"monitor": self.monitor}

    def build(self) -> keras.callbacks.Callback:
        from deepcli.nn.stopping import StopAtValue

        smaller = self.monitor.endswith("loss") if self.mode == "auto" else self.mode == "min"
        return StopAtValue(self.monitor, self.value, smaller)
