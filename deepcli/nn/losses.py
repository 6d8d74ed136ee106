"""Wrappers that make the targets a Keras loss needs, so that labels can be class numbers everywhere else."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class _Targets(keras.losses.Loss):
    """A loss whose targets are made from class numbers (batch,).

    Args:
        loss: The Keras loss that takes these targets.
    """

    def __init__(self, loss: keras.losses.Loss, **kwargs: Any) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype="float32")
        self.loss = loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss.call(self.targets(y_true), y_pred)

    def targets(self, y_true: Any) -> Any:
        """Make the targets from class numbers (batch,)."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _Targets:
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


@keras.saving.register_keras_serializable("deepcli")
class OneHot(_Targets):
    """Targets (batch, classes), one-hot.

    Args:
        loss: The Keras loss that takes these targets.
        classes: Number of classes.
    """

    def __init__(self, loss: keras.losses.Loss, classes: int) -> None:
        super().__init__(loss)
        self.classes = classes

    def targets(self, y_true: Any) -> Any:
        return ops.one_hot(ops.cast(y_true, "int32"), self.classes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable("deepcli")
class Column(_Targets):
    """Targets (batch, 1), as float."""

    def targets(self, y_true: Any) -> Any:
        return ops.cast(y_true, "float32")[:, None]
