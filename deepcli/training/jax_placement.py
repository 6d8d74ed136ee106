"""Where JAX's arrays lie: on one device, or spread over the devices of all processes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import keras
import numpy as np
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from deepcli.errors import UsageError
from deepcli.experiment.schema import Experiment
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.training.device import Device
from deepcli.training.jax_batches import WHOLE, Gather

Values = list[Any]
Variables = Sequence[keras.Variable]
Pairs = dict[int, tuple[Any, Any]]
"""By the identity of a value that a variable holds: that value, and the one that a compiled function takes."""


class Placement(Protocol):
    """Puts batches and variables where a compiled function takes them, and takes its results from there."""

    multiple: int
    """Predictions are computed in batches of a multiple of this number."""

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function of lent variables and a batch."""

    def compiled_step(self, function: Callable[..., Any], groups: Sequence[Variables]) -> Callable[..., Any]:
        """Compile a function of owned variables, in groups, and a batch; it returns figures and the variables again."""

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        """Gather a batch of training."""

    def inputs(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        """Gather a batch for predictions, of a multiple of `multiple` examples."""

    def owned(self, variables: Variables) -> Values:
        """Return values that a step may overwrite; those of process 0 count."""

    def lent(self, variables: Variables) -> Values:
        """Return values that a function only reads."""

    def keep(self, variables: Variables, values: Values) -> None:
        """Let variables hold what a step returned, until the next one."""

    def here(self, figures: Any) -> Any:
        """Return other results of a compiled function, on the device of this process."""


class OneDevice:
    """Everything lies on the default device."""

    multiple = 1

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(function)

    def compiled_step(self, function: Callable[..., Any], groups: Sequence[Variables]) -> Callable[..., Any]:
        return jax.jit(function, donate_argnums=0)

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        found: tuple[Any, ...] = jax.device_put(gather(positions, WHOLE))
        return found

    inputs = batch

    def owned(self, variables: Variables) -> Values:
        values = [variable.value for variable in variables]
        return [value if id(value) in self._kept else jnp.array(value, copy=True) for value in values]

    def lent(self, variables: Variables) -> Values:
        return [variable.value for variable in variables]

    def keep(self, variables: Variables, values: Values) -> None:
        self._kept = {id(value): value for value in values}
        for variable, value in zip(variables, values, strict=True):
            variable._value = value

    def here(self, figures: Any) -> Any:
        return figures


class ManyDevices:
    """Variables lie on every device, a batch is divided between them; what is computed is that of the whole batch.

    A batch of training is divided between as many devices as divide its size; the others compute the same as one of them.

    Args:
        group: The processes.
        devices: The devices of all processes, in the order of the processes.
        batch_size: Examples of a training step, on all devices together.
        layout: Which axis of which variables several devices share.
    """

    def __init__(self, group: ProcessGroup, devices: Sequence[Any], batch_size: int, layout: Layout) -> None:
        self.multiple = len(devices) // layout.parts
        self._group, self._layout = group, layout
        shape = (math.gcd(batch_size, self.multiple), -1, layout.parts)
        self._mesh = Mesh(np.array(devices).reshape(shape), ("batch", "copies", "model"))
        own = [device for device in devices if device.process_index == jax.process_index()]
        self._own_mesh = Mesh(np.array(own[: layout.parts]), ("model",))
        self._everywhere = NamedSharding(self._mesh, PartitionSpec())
        self._rows = NamedSharding(self._mesh, PartitionSpec("batch"))
        self._all_rows = NamedSharding(self._mesh, PartitionSpec(("batch", "copies")))
        self._kept: Pairs = {}
        self._lent: Pairs = {}
        self._sum = self.compiled(_sum)

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(function, out_shardings=self._everywhere)

    def compiled_step(self, function: Callable[..., Any], groups: Sequence[Variables]) -> Callable[..., Any]:
        places = tuple([self._place(variable) for variable in group] for group in groups)
        return jax.jit(function, donate_argnums=0, out_shardings=(self._everywhere, places))

    def batch(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        # The last batch of an epoch may be of any size; then each device computes all of it.
        divides = len(positions) % self._mesh.shape["batch"] == 0
        return self._gathered(gather, positions, self._rows if divides else self._everywhere)

    def inputs(self, gather: Gather, positions: np.ndarray) -> tuple[Any, ...]:
        return self._gathered(gather, positions, self._all_rows)

    def _gathered(self, gather: Gather, positions: np.ndarray, sharding: NamedSharding) -> tuple[Any, ...]:
        """Gather the examples that the devices of this process need, and no others."""
        count = len(positions)
        rows = self._own_rows(sharding, count)
        parts = gather(positions, slice(rows.start, rows.stop))
        return tuple(jax.make_array_from_process_local_data(sharding, part, (count, *part.shape[1:])) for part in parts)

    @staticmethod
    def _own_rows(sharding: NamedSharding, count: int) -> range:
        needed = [index[0].indices(count) for index in sharding.addressable_devices_indices_map((count,)).values()]
        return range(min(first for first, _, _ in needed), max(end for _, end, _ in needed))

    def owned(self, variables: Variables) -> Values:
        foreign = [variable for variable in variables if id(variable.value) not in self._kept]
        values = self._of_process_0([np.asarray(variable.value) for variable in foreign])
        spread = iter(map(self._spread, foreign, values))
        pairs = [self._kept.get(id(variable.value)) for variable in variables]
        return [next(spread) if pair is None else pair[1] for pair in pairs]

    def lent(self, variables: Variables) -> Values:
        known, values = {**self._lent, **self._kept}, [variable.value for variable in variables]
        pairs = [
            known.get(id(value)) or (value, self._spread(variable, np.asarray(value)))
            for variable, value in zip(variables, values, strict=True)
        ]
        self._lent = {id(value): pair for value, pair in zip(values, pairs, strict=True) if id(value) not in self._kept}
        return [pair[1] for pair in pairs]

    def keep(self, variables: Variables, values: Values) -> None:
        self._kept = {}
        for variable, value in zip(variables, values, strict=True):
            # After a failed step, values may be gone.
            variable._value = value if value.is_deleted() else self._own(value)
            self._kept[id(variable._value)] = variable._value, value

    def here(self, figures: Any) -> Any:
        return jax.tree.map(self._own, figures)

    def _own(self, value: Any) -> Any:
        """Return a value as the devices of this process hold it, in the same memory."""
        if value.is_fully_replicated:
            return value.addressable_data(0)
        place = NamedSharding(self._own_mesh, PartitionSpec(*value.sharding.spec))
        parts = {part.device: part.data for part in value.addressable_shards}
        return jax.make_array_from_single_device_arrays(
            value.shape, place, [parts[device] for device in self._own_mesh.devices]
        )

    def _place(self, variable: keras.Variable) -> NamedSharding:
        axis = self._layout.axis(variable)
        if axis is None:
            return self._everywhere
        return NamedSharding(self._mesh, PartitionSpec(*(None,) * axis, "model"))

    def _spread(self, variable: keras.Variable, value: np.ndarray) -> Any:
        return jax.make_array_from_callback(value.shape, self._place(variable), value.__getitem__)

    def _of_process_0(self, values: list[np.ndarray]) -> list[np.ndarray]:
        """Return the values of process 0, to the bit, as words that are passed through one sum."""
        if self._group.count == 1 or not values:
            return values
        content = b"".join(value.tobytes() for value in values)
        words = np.frombuffer(content + bytes(-len(content) % 4), np.uint32)
        local = np.zeros((len(self._own_rows(self._all_rows, self.multiple)), len(words)), np.uint32)
        if self._group.is_first:
            local[0] = words
        spread = jax.make_array_from_process_local_data(self._all_rows, local, (self.multiple, len(words)))
        found = np.asarray(self.here(self._sum(spread))).tobytes()
        ends = np.cumsum([value.nbytes for value in values])
        return [
            np.frombuffer(found[end - value.nbytes : end], value.dtype).reshape(value.shape)
            for value, end in zip(values, ends, strict=True)
        ]


@dataclass(frozen=True)
class Layout:
    """Which variables several devices share; those of the optimizer lie as the weights that they belong to.

    Attributes:
        parts: How many devices share one copy of the variables.
        axes: As in `Model.divided_axes`.
    """

    parts: int = 1
    axes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def axis(self, variable: keras.Variable) -> int | None:
        """Return the axis of a variable that is divided; None if every device has all of it."""
        if self.parts > 1:
            for pattern, (rank, axis) in self.axes.items():
                if len(variable.shape) == rank and re.search(pattern, variable.path):
                    return axis
        return None


def division(processes: int, devices: int, parts: int, batch_size: int, examples: int) -> str:
    """Say how a training step is divided, in a line for the user.

    Args:
        processes: The processes of the run.
        devices: The devices of all of them.
        parts: How many devices share one copy of the model.
        batch_size: Examples of a step.
        examples: Examples of the training split.

    Raises:
        UsageError: There are more devices than examples.
    """
    copies = devices // parts
    if copies > batch_size:
        raise UsageError(
            f"data.batch_size: {batch_size} examples a step are too few for {copies} devices; set at least {copies}, or "
            "start fewer processes"
        )
    if copies > examples:
        raise UsageError(
            f"the training split has {examples} examples, too few for {copies} devices; start fewer processes"
        )
    told = f"{processes} process{'es' * (processes != 1)}, {devices} device{'s' * (devices != 1)}"
    each = f"{parts} devices together" if parts > 1 else "each"
    if (shared := math.gcd(batch_size, copies)) == copies:
        return (
            f"{told}: {each} compute{'s' * (parts == 1)} {batch_size // copies} of the {batch_size} examples of a step"
        )
    return (
        f"notice: {told}, and {batch_size} examples of a step can be divided by {shared}, so {devices - parts * shared} "
        f"devices repeat the work of others; set data.batch_size to a multiple of {copies}"
    )


def _sum(rows: Any) -> Any:
    return rows.sum(0, dtype=rows.dtype)


def make_placement(device: Device, group: ProcessGroup, experiment: Experiment | None) -> Placement:
    """Return where the arrays of a run lie; a process that has not joined a group computes on one device alone.

    Raises:
        UsageError: Fewer devices are in each process than are to share the variables.
    """
    if experiment is None:
        return OneDevice()
    layout = Layout(experiment.training.model_parallel, experiment.model.divided_axes)
    devices = [] if group is ALONE else all_devices(device)
    own = len(devices) // max(group.count, 1) or 1
    if own % layout.parts:
        raise UsageError(
            f"training.model_parallel: is {layout.parts}, which does not divide the {own} device{'s' * (own != 1)} of this "
            "process; with several devices, start the run with --coordinator 127.0.0.1:6000 --processes 1 --process 0"
        )
    return OneDevice() if group is ALONE else ManyDevices(group, devices, experiment.data.batch_size, layout)


def all_devices(device: Device) -> list[Any]:
    """Return the devices of all processes, those of a process together, of the kind that this process computes on."""
    return sorted(jax.devices("gpu" if device.is_gpu else "cpu"), key=lambda one: (one.process_index, one.id))
