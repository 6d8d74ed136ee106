"""Wrappers that make the targets a Keras loss needs, so that targets are class numbers or plain numbers everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
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


@keras.saving.register_keras_serializable("deepcli", "Column")
class ColumnTargets(_Targets):
    """Targets (batch, 1), as float."""

    def targets(self, y_true: Any) -> Any:
        return ops.cast(y_true, "float32")[:, None]


Column = ColumnTargets
"""The name by which plugins of version 0.2 and before import it."""


@keras.saving.register_keras_serializable("deepcli")
class Standardized(keras.losses.Loss):
    """A loss of numbers in any units: targets and predictions are both standardized before they are compared.

    Args:
        loss: The Keras loss of numbers (batch, targets).
        means: Mean of each target.
        scales: Standard deviation of each target.
    """

    def __init__(self, loss: keras.losses.Loss, means: Sequence[float], scales: Sequence[float], **kwargs: Any) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype="float32")
        self.loss, self.means, self.scales = loss, list(means), list(scales)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss.call(self._standardized(y_true), self._standardized(y_pred))

    def _standardized(self, values: Any) -> Any:
        if not self.means:
            return ops.cast(values, "float32")
        means, scales = (ops.convert_to_tensor(figures, "float32") for figures in (self.means, self.scales))
        return (ops.cast(values, "float32") - means) / scales

    def get_config(self) -> dict[str, Any]:
        loss = keras.saving.serialize_keras_object(self.loss)
        return {"loss": loss, "means": self.means, "scales": self.scales}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Standardized:
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
