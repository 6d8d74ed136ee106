"""Activations with parameters, as serializable callables (in Keras they are plain functions) and as layers."""

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
        """Return the arguments for `from_config`."""
        return {"function": self.function, "arguments": self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ParametricActivation:
        """Rebuild the activation from the result of `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("deepcli")
class ChannelPReLU(keras.layers.PReLU):
    """Leaky ReLU with one trained slope per channel (He et al. 2015), for inputs of any rank and length.

    Args:
        alpha_initializer: Initial slopes on the negative side.
    """

    def __init__(self, alpha_initializer: Any = "zeros", **kwargs: Any) -> None:
        kwargs.pop("shared_axes", None)
        super().__init__(alpha_initializer, **kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.shared_axes = list(range(1, len(input_shape) - 1))
        super().build(input_shape)
