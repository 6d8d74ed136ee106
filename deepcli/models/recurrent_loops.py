"""LSTM and GRU over time on TensorFlow's CPU: Keras's formulas, in loops that XLA compiles, with gradients written out.

What needs no earlier step is left outside: the input projections before a loop, the kernels' gradients after it. A
loop holds one small product per gate and fused elementwise work, so that neither TensorFlow's dispatch nor its
bookkeeping for automatic gradients costs anything per step. Both halves of a batch run at once, each on one core.

Inside, sequences are time-major, (steps, rows, ...). XLA compiles for fixed sizes, so loops are given sizes rounded up
and the number of steps to take: a batch of another length seldom means compiling again. AutoGraph has nothing to
convert here and would take nearly half a second to find that out, so it is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

PARTS = 2
ROUND_ROWS = 32
# Few sizes: each costs a second of compiling, and a size too large only some zeros.
SIZES = [32, *(256 << power for power in range(12))]

Masks = Sequence[tf.Tensor]
"""One dropout mask (batch, width) for each gate, or none."""


def lstm(
    x: tf.Tensor, weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor], states: Sequence[tf.Tensor],
    input_masks: Masks, recurrent_masks: Masks, training: bool,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """Run an LSTM (Hochreiter & Schmidhuber 1997) with tanh and sigmoid, gates in Keras's order i, f, c, o.

    Args:
        x: float32 (batch, steps, features).
        weights: Kernel (features, 4 units), recurrent kernel (units, 4 units) and bias (4 units,).
        states: First h and c, (batch, units) each.
        input_masks: On the input of each gate.
        recurrent_masks: On the state that each gate reads.
        training: Whether a gradient is about to be asked for; it can be had either way.

    Returns:
        h of every step, (batch, steps, units), and the last h and c.
    """

    def part(x: tf.Tensor, states: Masks, input_masks: Masks, recurrent_masks: Masks) -> tuple[tf.Tensor, ...]:
        kernel, recurrent, bias = (tf.split(weight, 4, axis=-1) for weight in weights)
        projections = [_project(x, *gate) for gate in zip(kernel, bias, _each(input_masks, 4), strict=True)]
        return _lstm_loop(projections, recurrent, states, recurrent_masks, training)

    outputs, c = _in_parts(part, x, states, input_masks, recurrent_masks)
    return outputs, [outputs[:, -1], c]


def gru(
    x: tf.Tensor, weights: tuple[tf.Tensor, tf.Tensor, tf.Tensor], states: Sequence[tf.Tensor],
    input_masks: Masks, recurrent_masks: Masks, training: bool,
) -> tuple[tf.Tensor, list[tf.Tensor]]:  # fmt: skip
    """Run a GRU (Cho et al. 2014) with tanh and sigmoid that resets after the product, gates in order z, r, h.

    Args:
        x: float32 (batch, steps, features).
        weights: Kernel (features, 3 units), recurrent kernel (units, 3 units) and biases (2, 3 units).
        states: First h, (batch, units).
        input_masks: On the input of each gate.
        recurrent_masks: On the state that each gate reads.
        training: Whether a gradient is about to be asked for; it can be had either way.

    Returns:
        h of every step, (batch, steps, units), and the last h.
    """

    def part(x: tf.Tensor, states: Masks, input_masks: Masks, recurrent_masks: Masks) -> tuple[tf.Tensor, ...]:
        kernel, recurrent, biases = (tf.split(weight, 3, axis=-1) for weight in weights)
        # Only the candidate's recurrent bias is inside the reset; the others may join the input's.
        bias = [biases[0][0] + biases[0][1], biases[1][0] + biases[1][1], biases[2][0]]
        projections = [_project(x, *gate) for gate in zip(kernel, bias, _each(input_masks, 3), strict=True)]
        return (_gru_loop(projections, recurrent, biases[2][1], states, recurrent_masks, training),)

    (outputs,) = _in_parts(part, x, states, input_masks, recurrent_masks)
    return outputs, [outputs[:, -1]]


def _in_parts(part: Callable[..., Sequence[tf.Tensor]], x: tf.Tensor, *rowwise: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Divide a batch by rows, run the parts side by side, and put what they return together again.

    Of what a part returns the first is a sequence (steps, rows, units), which becomes batch-major; others are states.
    """
    batch = tf.shape(x)[0]
    share = _rounded(-(-batch // PARTS))
    pad = [[0, PARTS * share - batch]]
    sequences = tf.split(tf.transpose(tf.pad(x, [*pad, [0, 0], [0, 0]]), (1, 0, 2)), PARTS, axis=1)
    padded = [[tf.split(tf.pad(value, [*pad, [0, 0]]), PARTS) for value in values] for values in rowwise]
    done = [part(rows, *([value[i] for value in values] for values in padded)) for i, rows in enumerate(sequences)]
    outputs, *states = zip(*done, strict=True)
    joined = tf.transpose(tf.concat(outputs, axis=1), (1, 0, 2))[:batch]
    joined = tf.ensure_shape(joined, (x.shape[0], x.shape[1], outputs[0].shape[-1]))
    return [joined, *(tf.concat(state, axis=0)[:batch] for state in states)]


def _rounded(rows: tf.Tensor) -> tf.Tensor:
    """Round the rows of a part up: to a power of two if they are few, else to a multiple of it."""
    few = _at_least([1, 2, 4, 8, 16, ROUND_ROWS], tf.minimum(rows, ROUND_ROWS))
    return tf.where(rows <= ROUND_ROWS, few, -(-rows // ROUND_ROWS) * ROUND_ROWS)


def _at_least(sizes: list[int], wanted: tf.Tensor) -> tf.Tensor:
    """Choose the smallest size that is enough."""
    return tf.reduce_min(tf.where(sizes >= wanted, sizes, sizes[-1]))


def _each(masks: Masks, gates: int) -> Sequence[Any]:
    return masks or [None] * gates


def _project(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Project the inputs of one gate at all steps: (steps, rows, features) to (steps, rows, units)."""
    return tf.tensordot(x if mask is None else x * mask, kernel, 1) + bias


def _untracked(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Hide values from an eager gradient tape, which would look for gradients inside the compiled loops."""
    return [tf.stop_gradient(value) for value in values]


def _room(sequences: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Round the number of steps up, for XLA."""
    steps = tf.shape(sequences[0])[0]
    more = _at_least(SIZES, steps) - steps
    return [tf.pad(sequence, [[0, more], [0, 0], [0, 0]]) for sequence in sequences]


def _before(h: tf.Tensor, outputs: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the state that each step has read."""
    return tf.concat([h[None], outputs[: steps - 1]], axis=0)


def _kernel_gradients(read: tf.Tensor, masks: Masks, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Sum the recurrent kernels' gradients over all steps at once."""
    reads = [read * mask for mask in masks] if masks else [read] * len(gradients)
    return [tf.tensordot(read, gradient, [[0, 1], [0, 1]]) for read, gradient in zip(reads, gradients, strict=True)]


def _lstm_loop(
    projections: list[tf.Tensor], recurrent: list[tf.Tensor], states: Masks, masks: Masks, training: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    masks = _untracked(masks)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*inputs: tf.Tensor) -> Any:
        projections, recurrent, (h, c) = _untracked(inputs[:4]), _untracked(inputs[4:8]), _untracked(inputs[8:])
        steps = tf.shape(projections[0])[0]
        roomy = _room(projections)
        if training:
            *gates, cells, outputs = _lstm_forward(roomy, recurrent, h, c, masks, steps)
            last = cells[steps - 1]
        else:
            outputs, last = _lstm_inference(roomy, recurrent, h, c, masks, steps)

        def gradient(upstream: tf.Tensor, upstream_c: tf.Tensor) -> list[tf.Tensor]:
            kept = (*gates, cells) if training else _lstm_forward(roomy, recurrent, h, c, masks, steps)[:-1]
            *sums, dh, dc = _lstm_backward(_room([upstream])[0], upstream_c, kept, recurrent, c, masks, steps)
            sums = [rows[:steps] for rows in sums]
            return [*sums, *_kernel_gradients(_before(h, outputs, steps), masks, sums), dh, dc]

        return (outputs[:steps], last), gradient

    return run(*projections, *recurrent, *states)  # type: ignore[no-any-return]


def _masked(h: tf.Tensor, masks: Masks, gate: int) -> tf.Tensor:
    return h * masks[gate] if masks else h


def _lstm_step(
    projections: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], h: tf.Tensor, c: tf.Tensor, masks: Masks
) -> tuple[tf.Tensor, ...]:
    i, f, g, o = (tf.matmul(_masked(h, masks, gate), recurrent[gate]) + projections[gate] for gate in range(4))
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    return i, f, g, o, c, o * tf.tanh(c)


def _arrays(like: tf.Tensor, count: int) -> list[tf.TensorArray]:
    return [tf.TensorArray(like.dtype, tf.shape(like)[0]) for _ in range(count)]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_forward(projections: Any, recurrent: Any, h: Any, c: Any, masks: Any, steps: Any) -> Any:
    """Return i, f, g, o, c and h of every step."""

    def body(t: Any, h: Any, c: Any, arrays: Any) -> Any:
        values = _lstm_step([z[t] for z in projections], recurrent, h, c, masks)
        return t + 1, values[-1], values[-2], _write(arrays, t, values)

    *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h, c, _arrays(projections[0], 6)))
    return [array.stack() for array in arrays]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_inference(projections: Any, recurrent: Any, h: Any, c: Any, masks: Any, steps: Any) -> Any:
    """Return h of every step and the last c."""

    def body(t: Any, h: Any, c: Any, array: Any) -> Any:
        *_, c, h = _lstm_step([z[t] for z in projections], recurrent, h, c, masks)
        return t + 1, h, c, array.write(t, h)

    _, h, c, array = tf.while_loop(lambda t, *_: t < steps, body, (0, h, c, _arrays(projections[0], 1)[0]))
    return array.stack(), c


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _lstm_backward(upstream: Any, dc: Any, kept: Any, recurrent: Any, first_c: Any, masks: Any, steps: Any) -> Any:
    """Return the gradients of the four sums before their activations, at every step, and of the first h and c."""

    def body(t: Any, dh: Any, dc: Any, arrays: Any) -> Any:
        i, f, g, o, c = (values[t] for values in kept)
        before = tf.where(t > 0, kept[-1][tf.maximum(t - 1, 0)], first_c)
        dh = dh + upstream[t]
        squashed = tf.tanh(c)
        dc = dc + dh * o * (1 - squashed * squashed)
        sums = [
            dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * squashed * o * (1 - o),
        ]  # fmt: skip
        return t - 1, _to_state(sums, recurrent, masks), dc * f, _write(arrays, t, sums)

    start = (steps - 1, tf.zeros_like(dc), dc, _arrays(upstream, 4))
    _, dh, dc, arrays = tf.while_loop(lambda t, *_: t >= 0, body, start)
    return [*(array.stack() for array in arrays), dh, dc]


def _to_state(sums: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], masks: Masks) -> tf.Tensor:
    """Carry gradients of the gates' sums back to the state that they have read."""
    return sum(
        _masked(tf.matmul(value, kernel, transpose_b=True), masks, gate)
        for gate, (value, kernel) in enumerate(zip(sums, recurrent, strict=True))
    )


def _write(arrays: list[tf.TensorArray], t: tf.Tensor, values: Sequence[tf.Tensor]) -> list[tf.TensorArray]:
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def _gru_loop(
    projections: list[tf.Tensor], recurrent: list[tf.Tensor], bias: tf.Tensor, states: Masks, masks: Masks,
    training: bool,
) -> tf.Tensor:  # fmt: skip
    masks = _untracked(masks)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(*inputs: tf.Tensor) -> Any:
        projections, recurrent, (bias, h) = _untracked(inputs[:3]), _untracked(inputs[3:6]), _untracked(inputs[6:])
        steps = tf.shape(projections[0])[0]
        roomy = _room(projections)
        if training:
            *gates, outputs = _gru_forward(roomy, recurrent, bias, h, masks, steps)
        else:
            outputs = _gru_inference(roomy, recurrent, bias, h, masks, steps)

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            kept = gates if training else _gru_forward(roomy, recurrent, bias, h, masks, steps)[:-1]
            read = _before(h, outputs, steps)
            *sums, dh = _gru_backward(_room([upstream])[0], kept, _room([read])[0], recurrent, masks, steps)
            z, r, candidate, product = (rows[:steps] for rows in sums)
            kernels = _kernel_gradients(read, masks, [z, r, product])
            return [z, r, candidate, *kernels, tf.reduce_sum(product, axis=(0, 1)), dh]

        return outputs[:steps], gradient

    return run(*projections, *recurrent, bias, *states)


def _gru_step(
    projections: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], bias: tf.Tensor, h: tf.Tensor, masks: Masks
) -> tuple[tf.Tensor, ...]:
    z, r, product = (tf.matmul(_masked(h, masks, gate), recurrent[gate]) for gate in range(3))
    z, r, product = tf.sigmoid(projections[0] + z), tf.sigmoid(projections[1] + r), product + bias
    candidate = tf.tanh(projections[2] + r * product)
    return z, r, product, candidate, z * h + (1 - z) * candidate


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_forward(projections: Any, recurrent: Any, bias: Any, h: Any, masks: Any, steps: Any) -> Any:
    """Return z, r, the candidate's recurrent product, the candidate and h of every step."""

    def body(t: Any, h: Any, arrays: Any) -> Any:
        values = _gru_step([z[t] for z in projections], recurrent, bias, h, masks)
        return t + 1, values[-1], _write(arrays, t, values)

    *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, (0, h, _arrays(projections[0], 5)))
    return [array.stack() for array in arrays]


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_inference(projections: Any, recurrent: Any, bias: Any, h: Any, masks: Any, steps: Any) -> Any:
    """Return h of every step."""

    def body(t: Any, h: Any, array: Any) -> Any:
        *_, h = _gru_step([z[t] for z in projections], recurrent, bias, h, masks)
        return t + 1, h, array.write(t, h)

    *_, array = tf.while_loop(lambda t, *_: t < steps, body, (0, h, _arrays(projections[0], 1)[0]))
    return array.stack()


@tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
def _gru_backward(upstream: Any, kept: Any, read: Any, recurrent: Any, masks: Any, steps: Any) -> Any:
    """Return the gradients of z's, r's and the candidate's sums and of its product, at every step, and of the first h."""

    def body(t: Any, dh: Any, arrays: Any) -> Any:
        z, r, product, candidate = (values[t] for values in kept)
        dh = dh + upstream[t]
        dz = dh * (read[t] - candidate) * z * (1 - z)
        dcandidate = dh * (1 - z) * (1 - candidate * candidate)
        dr = dcandidate * product * r * (1 - r)
        dproduct = dcandidate * r
        values = [dz, dr, dcandidate, dproduct]
        return t - 1, dh * z + _to_state([dz, dr, dproduct], recurrent, masks), _write(arrays, t, values)

    start = (steps - 1, tf.zeros_like(read[0]), _arrays(upstream, 4))
    _, dh, arrays = tf.while_loop(lambda t, *_: t >= 0, body, start)
    return [*(array.stack() for array in arrays), dh]
