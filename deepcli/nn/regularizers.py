"""A penalty on outputs that mixed precision can take."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("deepcli")
class ActivityL2(keras.regularizers.L2):
    """Keras's L2 penalty, computed in float32: of a half-precision output, Keras's has a type that no loss can be added to."""

    def __call__(self, x: Any) -> Any:
        """Return the penalty of outputs of any shape, a float32 scalar."""
        return super().__call__(ops.cast(x, "float32"))
