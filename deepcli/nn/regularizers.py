"""Activity regularizers that work in mixed precision."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class ActivityL2(keras.regularizers.L2):
    """Keras's L2 penalty in float32: of half-precision outputs, Keras's own has a dtype that cannot be added to the loss."""

    def __call__(self, x: Any) -> Any:
        """Return the penalty of outputs of any shape, a float32 scalar."""
        return super().__call__(ops.cast(x, "float32"))


@keras.saving.register_keras_serializable("deepcli")
class ActivityL1(keras.regularizers.L1):
    """Keras's L1 penalty in float32: of half-precision outputs, Keras's own has a dtype that cannot be added to the loss."""

    def __call__(self, x: Any) -> Any:
        """Return the penalty of outputs of any shape, a float32 scalar."""
        return super().__call__(ops.cast(x, "float32"))
