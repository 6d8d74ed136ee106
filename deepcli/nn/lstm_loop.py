"""Fast LSTM for TensorFlow on a CPU: Keras's formulas in loops that XLA compiles, with explicit gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deepcli.nn import loop_parts as parts
from deepcli.nn.loop_parts import Masks


def lstm(
    x: tf.Tensor, weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor], states: Sequence[tf.Tensor],
    input_masks: Masks, recurrent_masks: Masks, training: bool,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """Run an LSTM (Hochreiter & Schmidhuber 1997) with tanh and sigmoid; gates in Keras's order i, f, c, o.

    Args:
        x: float32 (batch, steps, features).
        weights: Kernel (features, 4 units), recurrent kernel (units, 4 units) and bias (4 units,).
        states: Initial h and c, (batch, units) each.
        input_masks: Dropout masks on the input of each gate.
        recurrent_masks: Dropout masks on the state that each gate reads.
        training: Whether gradients are expected; if not, they still work, but take longer.

    Returns:
        h of every step, (batch, steps, units), and the last h and c.
    """

    def part(x: tf.Tensor, states: Masks, input_masks: Masks, recurrent_masks: Masks) -> tuple[tf.Tensor, ...]:
        kernel, recurrent, bias = (tf.split(weight, 4, axis=-1) for weight in weights)
        projections = [
            parts.project(x, *gate) for gate in zip(kernel, bias, parts.each_gate(input_masks, 4), strict=True)
        ]
        return _lstm_loop(projections, recurrent, states, recurrent_masks, training)

    outputs, c = parts.in_parts(part, x, states, input_masks, recurrent_masks)
    return outputs, [outputs[:, -1], c]


def _lstm_loop(
    projections: list[tf.Tensor], recurrent: list[tf.Tensor], states: Masks, masks: Masks, training: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    masks = parts.untracked(masks)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*inputs: tf.Tensor) -> Any:
        projections, recurrent, (h, c) = (
            parts.untracked(inputs[:4]),
            parts.untracked(inputs[4:8]),
            parts.untracked(inputs[8:]),
        )
        steps = tf.shape(projections[0])[0]
        roomy = parts.with_room(projections)
        if training:
            *gates, cells, outputs = _lstm_forward(roomy, recurrent, h, c, masks, steps)
            last = cells[steps - 1]
        else:
            outputs, last = _lstm_inference(roomy, recurrent, h, c, masks, steps)

        def gradient(upstream: tf.Tensor, upstream_c: tf.Tensor) -> list[tf.Tensor]:
            kept = (*gates, cells) if training else _lstm_forward(roomy, recurrent, h, c, masks, steps)[:-1]
            *sums, dh, dc = _lstm_backward(parts.with_room([upstream])[0], upstream_c, kept, recurrent, c, masks, steps)
            sums = [rows[:steps] for rows in sums]
            return [*sums, *parts.kernel_gradients(parts.states_before(h, outputs, steps), masks, sums), dh, dc]

        return (outputs[:steps], last), gradient

    return run(*projections, *recurrent, *states)  # type: ignore[no-any-return]


def _lstm_step(
    projections: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], h: tf.Tensor, c: tf.Tensor, masks: Masks
) -> tuple[tf.Tensor, ...]:
    i, f, g, o = (tf.matmul(parts.masked(h, masks, gate), recurrent[gate]) + projections[gate] for gate in range(4))
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    return i, f, g, o, c, o * tf.tanh(c)


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_forward(projections: Any, recurrent: Any, h: Any, c: Any, masks: Any, steps: Any) -> Any:
    """Return i, f, g, o, c and h of every step."""

    def body(t: Any, h: Any, c: Any, arrays: Any) -> Any:
        values = _lstm_step([z[t] for z in projections], recurrent, h, c, masks)
        return t + 1, values[-1], values[-2], parts.write_step(arrays, t, values)

    *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h, c, parts.step_arrays(projections[0], 6)))
    return [array.stack() for array in arrays]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_inference(projections: Any, recurrent: Any, h: Any, c: Any, masks: Any, steps: Any) -> Any:
    """Return h of every step and the last c."""

    def body(t: Any, h: Any, c: Any, array: Any) -> Any:
        *_, c, h = _lstm_step([z[t] for z in projections], recurrent, h, c, masks)
        return t + 1, h, c, array.write(t, h)

    _, h, c, array = tf.while_loop(lambda t, *_: t < steps, body, (0, h, c, parts.step_arrays(projections[0], 1)[0]))
    return array.stack(), c


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_backward(upstream: Any, dc: Any, kept: Any, recurrent: Any, first_c: Any, masks: Any, steps: Any) -> Any:
    """Return the gradients of the four gates before activation, at every step, and of the first h and c."""

    def body(t: Any, dh: Any, dc: Any, arrays: Any) -> Any:
        i, f, g, o, c = (values[t] for values in kept)
        before = tf.where(t > 0, kept[-1][tf.maximum(t - 1, 0)], first_c)
        dh = dh + upstream[t]
        squashed = tf.tanh(c)
        dc = dc + dh * o * (1 - squashed * squashed)
        sums = [
            dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * squashed * o * (1 - o),
        ]  # fmt: skip
        return t - 1, parts.to_state(sums, recurrent, masks), dc * f, parts.write_step(arrays, t, sums)

    start = (steps - 1, tf.zeros_like(dc), dc, parts.step_arrays(upstream, 4))
    _, dh, dc, arrays = tf.while_loop(lambda t, *_: t >= 0, body, start)
    return [*(array.stack() for array in arrays), dh, dc]
