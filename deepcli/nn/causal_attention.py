"""Self-attention that looks back only, for whole windows and token by token with cached keys and values."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

register = keras.saving.register_keras_serializable("deepcli")

FAR = {"float16": -3e4}
"""What is added to the logits of attention where it may not look, by dtype; -1e9 for others."""
ROTARY_BASE = 10_000.0


@register
class CausalSelfAttention(keras.layers.Layer):
    """Multi-head self-attention over the steps so far: (batch, steps, width) to the same shape.

    Args:
        num_heads: Attention heads; must divide the width.
        rotary: Whether queries and keys are rotated by their positions (Su et al. 2021), in halves as in GPT-NeoX.
        kernel_initializer: Initializer of the kernels of queries, keys, values and outputs.
        bias_initializer: Initializer of their biases.
        kernel_regularizer: Penalty on the kernels.
        bias_regularizer: Penalty on the biases.
    """

    def __init__(
        self,
        num_heads: int,
        rotary: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads, self.rotary = num_heads, rotary
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)

    def build(self, shape: tuple[int | None, ...]) -> None:
        width = int(shape[-1] or 0)
        self.head_dim = width // self.num_heads

        def joined(_: Any, dtype: Any = None) -> Any:
            # An initializer gives the same values each time, so each kernel has one of its own.
            parts = [self.kernel_initializer.clone()((width, width), dtype) for _ in range(3)]
            return ops.concatenate(parts, axis=1)

        self.kernel = self._weight((width, 3 * width), joined, "kernel", self.kernel_regularizer)
        self.bias = self._weight((3 * width,), self.bias_initializer, "bias", self.bias_regularizer)
        output = self.kernel_initializer.clone()
        self.output_kernel = self._weight((width, width), output, "output_kernel", self.kernel_regularizer)
        self.output_bias = self._weight((width,), self.bias_initializer, "output_bias", self.bias_regularizer)

    def _weight(self, shape: tuple[int, ...], initializer: Any, name: str, regularizer: Any) -> Any:
        return self.add_weight(shape=shape, initializer=initializer, name=name, regularizer=regularizer)

    def call(self, x: Any) -> Any:
        queries, keys, values = self._project(x, 0)
        steps = ops.arange(ops.shape(x)[1])
        return self._attend(queries, keys, values, steps[:, None] >= steps[None, :])

    def step(self, x: Any, before: Any, keys: Any, values: Any) -> tuple[Any, Any, Any]:
        """Compute the outputs of further steps.

        Args:
            x: Their inputs, (batch, steps, width).
            before: Number of steps before them.
            keys: The keys so far, (batch, heads, longest, width of a head); those from `before` on are not used.
            values: The values so far, in the same shape.

        Returns:
            The outputs, and the keys and values with those of the new steps.
        """
        queries, new_keys, new_values = self._project(x, before)
        # What was computed before is kept in float32, whatever the precision of the layer.
        keys = ops.slice_update(keys, (0, 0, before, 0), ops.cast(new_keys, keys.dtype))
        values = ops.slice_update(values, (0, 0, before, 0), ops.cast(new_values, values.dtype))
        places = before + ops.arange(ops.shape(x)[1])
        seen = ops.arange(keys.shape[2])[None, :] <= places[:, None]
        known_keys, known_values = ops.cast(keys, queries.dtype), ops.cast(values, queries.dtype)
        return self._attend(queries, known_keys, known_values, seen), keys, values

    def _project(self, x: Any, before: Any) -> list[Any]:
        """Return queries, keys and values, (batch, heads, steps, width of a head)."""
        shape = ops.shape(x)
        joined = ops.matmul(x, ops.cast(self.kernel, x.dtype)) + ops.cast(self.bias, x.dtype)
        parts = ops.reshape(joined, (shape[0], shape[1], 3, self.num_heads, self.head_dim))
        parts = ops.transpose(parts, (2, 0, 3, 1, 4))
        if self.rotary:
            both, values = ops.split(parts, [2], axis=0)
            queries, keys = ops.unstack(_rotated(both, before), 2)
            values = values[0]
        else:
            queries, keys, values = ops.unstack(parts, 3)
        return [queries * self.head_dim**-0.5, keys, values]

    def _attend(self, queries: Any, keys: Any, values: Any, seen: Any) -> Any:
        logits = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
        far = FAR.get(keras.backend.standardize_dtype(logits.dtype), -1e9)
        logits = logits + ops.cast(ops.where(seen, 0.0, far), logits.dtype)
        mixed = ops.matmul(ops.softmax(logits), values)
        shape = ops.shape(mixed)
        x = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (shape[0], shape[2], self.num_heads * self.head_dim))
        return ops.matmul(x, ops.cast(self.output_kernel, x.dtype)) + ops.cast(self.output_bias, x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "rotary": self.rotary,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }


def _rotated(x: Any, before: Any) -> Any:
    """Rotate pairs of channels by angles that grow with the position, (…, steps, width)."""
    half = x.shape[-1] // 2
    frequencies = ops.power(ROTARY_BASE, -ops.cast(ops.arange(half), "float32") / half)
    angles = ops.cast(before + ops.arange(ops.shape(x)[-2]), "float32")[:, None] * frequencies[None, :]
    cosine, sine = ops.cast(ops.cos(angles), x.dtype), ops.cast(ops.sin(angles), x.dtype)
    first, second = ops.split(x, 2, axis=-1)  # the gradient of slices is several times slower
    return ops.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


@register
class TokenEmbedding(keras.layers.Embedding):
    """An embedding whose transpose gives the logits of tokens, so that both share their weights (Press & Wolf 2017)."""

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Embed ids, (batch, steps); or, in reverse, return the logits of vectors (batch, steps, width), in float32."""
        if not reverse:
            return super().call(inputs)
        matrix = ops.cast(self._embeddings, "float32")
        return ops.matmul(ops.cast(inputs, "float32"), ops.transpose(matrix))

    def compute_output_shape(self, shape: tuple[int | None, ...], reverse: bool = False) -> tuple[int | None, ...]:
        return (*shape[:-1], self.input_dim) if reverse else (*shape, self.output_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        shape = self.compute_output_shape(inputs.shape, reverse)
        return keras.KerasTensor(shape, "float32" if reverse else self.compute_dtype)
