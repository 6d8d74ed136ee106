"""Where JAX's arrays lie: on one device, or spread over the devices of all processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax import numpy as jnp

from deepcli.errors import UsageError
from deepcli.experiment.schema import Experiment
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.training.device import Device
from deepcli.training.jax_batches import WHOLE, Gather
from deepcli.training.jax_many_devices import Layout, ManyDevices, Values, Variables, all_devices


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
        made: Callable[..., Any] = jax.jit(function)
        return made

    def compiled_step(self, function: Callable[..., Any], groups: Sequence[Variables]) -> Callable[..., Any]:
        made: Callable[..., Any] = jax.jit(function, donate_argnums=0)
        return made

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
