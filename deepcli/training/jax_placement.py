"""Where JAX's arrays lie: on one device, or spread over the devices of all processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.training.device import Device
from deepcli.training.jax_batches import WHOLE, Gather

Values = list[Any]
Pairs = dict[int, tuple[Any, Any]]
"""By the identity of a value that a variable holds: that value, and the one that a compiled function takes."""


class Placement(Protocol):
    """Puts batches and variables where a compiled function takes them, and takes its results from there."""

    multiple: int
    """Predictions are computed in batches of a multiple of this number."""

    def compiled(self, function: Callable[..., Any], donated: tuple[int, ...] = ()) -> Callable[..., Any]:
        """Compile a function of variables and batches."""

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        """Gather a batch of training."""

    def inputs(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        """Gather a batch for predictions, of a multiple of `multiple` examples."""

    def owned(self, values: Values) -> Values:
        """Return values that a compiled function may overwrite; those of process 0 count."""

    def lent(self, values: Values) -> Values:
        """Return values that a compiled function only reads."""

    def kept(self, values: Values) -> Values:
        """Return values that a compiled function returned, for variables to hold until it is called again."""

    def here(self, values: Any) -> Any:
        """Return other results of a compiled function, on the device of this process."""


class OneDevice:
    """Everything lies on the default device."""

    multiple = 1

    def __init__(self) -> None:
        self._kept: Pairs = {}

    def compiled(self, function: Callable[..., Any], donated: tuple[int, ...] = ()) -> Callable[..., Any]:
        return jax.jit(function, donate_argnums=donated)

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        found: tuple[Any, ...] = jax.device_put(gather(positions, WHOLE))
        return found

    inputs = batch

    def owned(self, values: Values) -> Values:
        return [value if id(value) in self._kept else jnp.array(value, copy=True) for value in values]

    def lent(self, values: Values) -> Values:
        return values

    def kept(self, values: Values) -> Values:
        self._kept = {id(value): (value, value) for value in values}
        return values

    def here(self, values: Any) -> Any:
        return values


class DataParallel:
    """Variables lie on every device, a batch is divided between them; what is computed is that of the whole batch.

    A batch of training is divided between as many devices as divide its size; the others compute the same as one of them.

    Args:
        group: The processes.
        devices: The devices of all processes, in the order of the processes.
        batch_size: Examples of a training step, on all devices together.
    """

    def __init__(self, group: ProcessGroup, devices: Sequence[Any], batch_size: int) -> None:
        self.multiple = len(devices)
        self.divided = math.gcd(batch_size, len(devices))
        self._group = group
        mesh = Mesh(np.array(devices).reshape(self.divided, -1), ("batch", "copies"))
        self._everywhere = NamedSharding(mesh, PartitionSpec())
        self._rows = NamedSharding(mesh, PartitionSpec("batch"))
        self._all_rows = NamedSharding(mesh, PartitionSpec(("batch", "copies")))
        self._kept: Pairs = {}
        self._lent: Pairs = {}
        self._sum = self.compiled(_sum)

    def compiled(self, function: Callable[..., Any], donated: tuple[int, ...] = ()) -> Callable[..., Any]:
        return jax.jit(function, donate_argnums=donated, out_shardings=self._everywhere)

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        # The last batch of an epoch may be of any size; then each device computes all of it.
        whole = len(positions) % self.divided != 0
        return self._gathered(gather, positions, self._everywhere if whole else self._rows)

    def inputs(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        return self._gathered(gather, positions, self._all_rows)

    def _gathered(self, gather: Gather, positions: np.ndarray, sharding: NamedSharding) -> tuple[Any, ...]:
        """Gather the examples that the devices of this process need, and no others."""
        count = len(positions)
        needed = [index[0].indices(count) for index in sharding.addressable_devices_indices_map((count,)).values()]
        rows = slice(min(first for first, _, _ in needed), max(end for _, end, _ in needed))
        parts = gather(positions, rows)
        return tuple(jax.make_array_from_process_local_data(sharding, part, (count, *part.shape[1:])) for part in parts)

    def owned(self, values: Values) -> Values:
        foreign = [np.asarray(value) for value in values if id(value) not in self._kept]
        spread = iter([self._spread(value) for value in self._of_process_0(foreign)])
        return [self._kept[id(value)][1] if id(value) in self._kept else next(spread) for value in values]

    def lent(self, values: Values) -> Values:
        known = {**self._lent, **self._kept}
        pairs = {id(one): known.get(id(one)) or (one, self._spread(np.asarray(one))) for one in values}
        self._lent = {number: pair for number, pair in pairs.items() if number not in self._kept}
        return [pairs[id(value)][1] for value in values]

    def kept(self, values: Values) -> Values:
        # After a failed step, values may be gone.
        shown = [value if value.is_deleted() else value.addressable_data(0) for value in values]
        self._kept = {id(here): (here, value) for here, value in zip(shown, values, strict=True)}
        return shown

    def here(self, values: Any) -> Any:
        return jax.tree.map(lambda value: value.addressable_data(0), values)

    def _spread(self, value: np.ndarray) -> Any:
        return jax.make_array_from_process_local_data(self._everywhere, value, value.shape)

    def _of_process_0(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Return the values of process 0, to the bit, as words that are passed through one sum."""
        if self._group.count == 1 or not values:
            return values
        content = b"".join(value.tobytes() for value in values)
        words = np.frombuffer(content + bytes(-len(content) % 4), np.uint32)
        own = words if self._group.is_first else np.zeros_like(words)
        first = self._all_rows.addressable_devices_indices_map((self.multiple,))
        local = np.zeros((len(first), len(words)), np.uint32)
        local[0] = own
        spread = jax.make_array_from_process_local_data(self._all_rows, local, (self.multiple, len(words)))
        found = np.asarray(self.here(self._sum(spread))).tobytes()
        ends = np.cumsum([value.nbytes for value in values])
        return [
            np.frombuffer(found[end - value.nbytes : end], value.dtype).reshape(value.shape)
            for value, end in zip(values, ends, strict=True)
        ]


def _sum(rows: Any) -> Any:
    return rows.sum(0, dtype=rows.dtype)


def make_placement(device: Device, group: ProcessGroup, batch_size: int) -> Placement:
    """Return where the arrays of a run lie; a process that has not joined a group computes on one device alone."""
    if group is ALONE:
        return OneDevice()
    devices = sorted(jax.devices("gpu" if device.is_gpu else "cpu"), key=lambda one: (one.process_index, one.id))
    return DataParallel(group, devices, batch_size)
