"""Activations with parameters as serializable callables, which Keras itself has only as plain functions."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("deepcli")
class ParametricActivation:
    """A Keras activation with some of its arguments fixed.

    Args:
        function: Its name in `keras.activations`.
        arguments: The arguments to fix, by name.
    """

    def __init__(self, function: str, arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self._call = keras.activations.get(function)

    def __call__(self, x: Any) -> Any:
        return self._call(x, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"function": self.function, "arguments": self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ParametricActivation:
        """Rebuild it from `get_config`."""
        return cls(**config)
