"""Shared parts of the LSTM and GRU loops for TensorFlow on a CPU.

Work that does not depend on earlier steps is outside the loop: input projections before it, kernel gradients after it.
The loop itself has one small product per gate and fused elementwise work, so that neither TensorFlow's dispatch nor its
bookkeeping for automatic gradients costs anything per step. Both halves of a batch run at once, each on one core.

Inside, sequences are time-major, (steps, rows, ...). XLA compiles for fixed sizes, so sizes are rounded up and the
number of steps is a separate argument: a batch of another length rarely needs compiling again. AutoGraph is off: it has
nothing to convert here and takes nearly half a second to find that out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

PARTS = 2
ROUND_ROWS = 32
# Few sizes: each takes a second to compile, while a size that is too large only adds zeros.
SIZES = [32, *(256 << power for power in range(12))]

Masks = Sequence[tf.Tensor]
"""One dropout mask (batch, width) for each gate, or none."""


def in_parts(part: Callable[..., Sequence[tf.Tensor]], x: tf.Tensor, *rowwise: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Split a batch by rows, run the parts in parallel, and join their results.

    The first result of a part is a sequence (steps, rows, units), which becomes batch-major; the others are states.
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
    """Round the rows of a part up: to a power of two up to `ROUND_ROWS`, beyond that to a multiple of it."""
    few = _at_least([1, 2, 4, 8, 16, ROUND_ROWS], tf.minimum(rows, ROUND_ROWS))
    return tf.where(rows <= ROUND_ROWS, few, -(-rows // ROUND_ROWS) * ROUND_ROWS)


def _at_least(sizes: list[int], wanted: tf.Tensor) -> tf.Tensor:
    """Return the smallest size that is at least the one wanted."""
    return tf.reduce_min(tf.where(sizes >= wanted, sizes, sizes[-1]))


def each_gate(masks: Masks, gates: int) -> Sequence[Any]:
    """Return the mask of each gate, None where there are none."""
    return masks or [None] * gates


def project(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Project the inputs of one gate at all steps: (steps, rows, features) to (steps, rows, units)."""
    return tf.tensordot(x if mask is None else x * mask, kernel, 1) + bias


def untracked(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Hide values from an eager gradient tape, which would look for gradients inside the compiled loops."""
    return [tf.stop_gradient(value) for value in values]


def with_room(sequences: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Pad sequences to one of the numbers of steps that XLA compiles for."""
    steps = tf.shape(sequences[0])[0]
    more = _at_least(SIZES, steps) - steps
    return [tf.pad(sequence, [[0, more], [0, 0], [0, 0]]) for sequence in sequences]


def states_before(h: tf.Tensor, outputs: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return the state that each step reads."""
    return tf.concat([h[None], outputs[: steps - 1]], axis=0)


def kernel_gradients(read: tf.Tensor, masks: Masks, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Sum the recurrent kernels' gradients over all steps at once."""
    reads = [read * mask for mask in masks] if masks else [read] * len(gradients)
    return [tf.tensordot(read, gradient, [[0, 1], [0, 1]]) for read, gradient in zip(reads, gradients, strict=True)]


def masked(h: tf.Tensor, masks: Masks, gate: int) -> tf.Tensor:
    """Return the state as one gate reads it."""
    return h * masks[gate] if masks else h


def step_arrays(like: tf.Tensor, count: int) -> list[tf.TensorArray]:
    """Make arrays for what each step of a sequence (steps, rows, units) returns."""
    return [tf.TensorArray(like.dtype, tf.shape(like)[0]) for _ in range(count)]


def to_state(sums: Sequence[tf.Tensor], recurrent: Sequence[tf.Tensor], masks: Masks) -> tf.Tensor:
    """Compute the gradient of a state from those of the gates that read it."""
    return sum(
        masked(tf.matmul(value, kernel, transpose_b=True), masks, gate)
        for gate, (value, kernel) in enumerate(zip(sums, recurrent, strict=True))
    )


def write_step(arrays: list[tf.TensorArray], t: tf.Tensor, values: Sequence[tf.Tensor]) -> list[tf.TensorArray]:
    """Write the results of a step into their arrays."""
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]
