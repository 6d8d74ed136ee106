"""Fast GRU for TensorFlow on a CPU: Keras's formulas in loops that XLA compiles, with explicit gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deepcli.nn import loop_parts as parts
from deepcli.nn.loop_parts import Masks


def gru(
    x: tf.Tensor, weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor], states: Sequence[tf.Tensor],
    input_masks: Masks, recurrent_masks: Masks, training: bool,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """Run a GRU (Cho et al. 2014) with tanh, sigmoid and `reset_after`; gates in the order z, r, h.

    Args:
        x: float32 (batch, steps, features).
        weights: Kernel (features, 3 units), recurrent kernel (units, 3 units) and biases (2, 3 units).
        states: Initial h, (batch, units).
        input_masks: Dropout masks on the input of each gate.
        recurrent_masks: Dropout masks on the state that each gate reads.
        training: Whether gradients are expected; if not, they still work, but take longer.

    Returns:
        h of every step, (batch, steps, units), and the last h.
    """

    def part(x: tf.Tensor, states: Masks, input_masks: Masks, recurrent_masks: Masks) -> tuple[tf.Tensor, ...]:
        kernel, recurrent, biases = (tf.split(weight, 3, axis=-1) for weight in weights)
        # Only the candidate's recurrent bias is multiplied by the reset gate; the others can be added to the input's.
        bias = [biases[0][0] + biases[0][1], biases[1][0] + biases[1][1], biases[2][0]]
        projections = [
            parts.project(x, *gate) for gate in zip(kernel, bias, parts.each_gate(input_masks, 3), strict=True)
        ]
        return (_gru_loop(projections, recurrent, biases[2][1], states, recurrent_masks, training),)

    (outputs,) = parts.in_parts(part, x, states, input_masks, recurrent_masks)
    return outputs, [outputs[:, -1]]


def _gru_loop(
    projections: list[tf.Tensor], recurrent: list[tf.Tensor], bias: tf.Tensor, states: Masks, masks: Masks,
    training: bool,
) -> tf.Tensor:  # fmt: skip
    masks = parts.untracked(masks)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*inputs: tf.Tensor) -> Any:
        projections, recurrent, (bias, h) = (
            parts.untracked(inputs[:3]),
            parts.untracked(inputs[3:6]),
            parts.untracked(inputs[6:]),
        )
        steps = tf.shape(projections[0])[0]
        roomy = parts.with_room(projections)
        if training:
            *gates, outputs = _gru_forward(roomy, recurrent, bias, h, masks, steps)
        else:
            outputs = _gru_inference(roomy, recurrent, bias, h, masks, steps)

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            kept = gates if training else _gru_forward(roomy, recurrent, bias, h, masks, steps)[:-1]
            read = parts.states_before(h, outputs, steps)
            *sums, dh = _gru_backward(
                parts.with_room([upstream])[0], kept, parts.with_room([read])[0], recurrent, masks, steps
            )
            z, r, candidate, product = (rows[:steps] for rows in sums)
            kernels = parts.kernel_gradients(read, masks, [z, r, product])
            return [z, r, candidate, *kernels, tf.reduce_sum(product, axis=(0, 1)), dh]

        return outputs[:steps], gradient

    return run(*projections, *recurrent, bias, *states)


def _gru_step(
    projections: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], bias: tf.Tensor, h: tf.Tensor, masks: Masks
) -> tuple[tf.Tensor, ...]:
    z, r, product = (tf.matmul(parts.masked(h, masks, gate), recurrent[gate]) for gate in range(3))
    z, r, product = tf.sigmoid(projections[0] + z), tf.sigmoid(projections[1] + r), product + bias
    candidate = tf.tanh(projections[2] + r * product)
    return z, r, product, candidate, z * h + (1 - z) * candidate


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_forward(projections: Any, recurrent: Any, bias: Any, h: Any, masks: Any, steps: Any) -> Any:
    """Return z, r, the candidate's recurrent product, the candidate and h of every step."""

    def body(t: Any, h: Any, arrays: Any) -> Any:
        values = _gru_step([z[t] for z in projections], recurrent, bias, h, masks)
        return t + 1, values[-1], parts.write_step(arrays, t, values)

    *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h, parts.step_arrays(projections[0], 5)))
    return [array.stack() for array in arrays]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_inference(projections: Any, recurrent: Any, bias: Any, h: Any, masks: Any, steps: Any) -> Any:
    """Return h of every step."""

    def body(t: Any, h: Any, array: Any) -> Any:
        *_, h = _gru_step([z[t] for z in projections], recurrent, bias, h, masks)
        return t + 1, h, array.write(t, h)

    *_, array = tf.while_loop(lambda t, *_: t < steps, body, (0, h, parts.step_arrays(projections[0], 1)[0]))
    return array.stack()


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_backward(upstream: Any, kept: Any, read: Any, recurrent: Any, masks: Any, steps: Any) -> Any:
    """Return the gradients of the inputs of z, r and the candidate, of its product, at every step, and of the first h."""

    def body(t: Any, dh: Any, arrays: Any) -> Any:
        z, r, product, candidate = (values[t] for values in kept)
        dh = dh + upstream[t]
        dz = dh * (read[t] - candidate) * z * (1 - z)
        dcandidate = dh * (1 - z) * (1 - candidate * candidate)
        dr = dcandidate * product * r * (1 - r)
        dproduct = dcandidate * r
        values = [dz, dr, dcandidate, dproduct]
        return t - 1, dh * z + parts.to_state([dz, dr, dproduct], recurrent, masks), parts.write_step(arrays, t, values)

    start = (steps - 1, tf.zeros_like(read[0]), parts.step_arrays(upstream, 4))
    _, dh, arrays = tf.while_loop(lambda t, *_: t >= 0, body, start)
    return [*(array.stack() for array in arrays), dh]
