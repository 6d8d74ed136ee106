"""Layers between a recurrent encoder and a recurrent decoder."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")


@register
class SplitStates(keras.layers.Layer):
    """Divide a vector into the states that a recurrent layer begins with, (batch, count * units) to (batch, units) each.

    Args:
        count: Number of states: 2 for LSTM, 1 for GRU and simple RNN.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, x: Any) -> list[Any]:
        return list(ops.split(x, self.count, axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


@register
class ScoredAttention(keras.layers.Layer):
    """Attention of a decoder's steps to an encoder's: (batch, steps, units) and (batch, steps, width) to (batch, steps, units).

    What is attended to is joined with the step's own state, `tanh(W [context; state])` (Luong et al. 2015). The scores are
    the dot product of a state with the encoder's output, projected to its width (`dot`), or `v tanh(W state + U output)` as
    in Bahdanau et al. (2015) (`additive`).

    Args:
        score: `dot` or `additive`.
        kernel_initializer: Initializer of the kernels.
    """

    def __init__(
        self, score: Literal["dot", "additive"], kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.score, self.kernel_initializer = score, keras.initializers.get(kernel_initializer)

    def build(self, states_shape: tuple[int | None, ...], encoded_shape: tuple[int | None, ...]) -> None:
        units, width = int(states_shape[-1] or 0), int(encoded_shape[-1] or 0)

        def kernel(shape: tuple[int, ...], name: str) -> Any:
            return self.add_weight(shape=shape, initializer=self.kernel_initializer.clone(), name=name)

        self.memory_kernel = kernel((width, units), "memory_kernel")
        self.output_kernel = kernel((width + units, units), "output_kernel")
        if self.score == "additive":
            self.query_kernel = kernel((units, units), "query_kernel")
            self.scale = kernel((units, 1), "scale")

    def call(self, states: Any, encoded: Any, real: Any) -> Any:
        context = ops.matmul(self.weights_of(states, encoded, real), encoded)
        return ops.tanh(ops.matmul(ops.concatenate([context, states], axis=-1), self.output_kernel))

    def weights_of(self, states: Any, encoded: Any, real: Any) -> Any:
        """Return how much each step of the decoder attends to each of the encoder, (batch, steps, steps)."""
        memory = ops.matmul(encoded, self.memory_kernel)
        if self.score == "dot":
            scores = ops.matmul(states, ops.transpose(memory, (0, 2, 1)))
        else:
            queries = ops.matmul(states, self.query_kernel)
            joined = ops.tanh(queries[:, :, None, :] + memory[:, None, :, :])
            scores = ops.matmul(joined, self.scale)[..., 0]
        scores = ops.where(real[:, None, :], ops.cast(scores, "float32"), -1e9)
        return ops.cast(ops.softmax(scores), states.dtype)

    def compute_output_spec(self, states: Any, encoded: Any, real: Any) -> Any:
        return keras.KerasTensor(states.shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "score": self.score,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
