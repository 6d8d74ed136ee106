"""The interface between training and a backend: take steps, predict, and read and write variables.

`make_backend` is the only function that chooses an implementation: for TensorFlow, or for JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Inputs, Split
from deepcli.errors import UsageError
from deepcli.evaluation.beam_search import BeamSteps
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.signals import heed
from deepcli.training.order import Order

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment
    from deepcli.models.base import Stepper, Translator
    from deepcli.training.device import Device

Check = Callable[[], None]
Kept = Callable[[Any, Any], Any]
"""Takes targets and a model's outputs, tensors both, and returns what is kept of each example."""


Steps = Callable[[np.ndarray, int, Any], tuple[np.ndarray, Any]]
"""Takes tokens, int32 (1, steps), the number of tokens before them and the state, None at the start of a text.

Returns the logits after the last token, float32 (vocabulary,), and the state.
"""


Translating = tuple[Callable[[np.ndarray], Any], BeamSteps]
"""What takes rows of inputs, int32 (batch, steps), and returns the state before the first token; and what takes a step."""


class Batches(Protocol):
    """The training batches of every epoch."""

    order: Order

    def epoch(self, epoch: int, start: int, stop: int) -> Iterator[Any]:
        """Yield the batches of an epoch (counted from 0), from step `start` up to, not including, `stop`."""


class Backend(Protocol):
    """Runs a model on one or several devices.

    Attributes:
        replicas: On how many devices each batch is divided.
    """

    replicas: int

    def alone(self) -> Backend:
        """Return a backend that computes without the other processes of the run; itself, if there are none."""

    def prepare(self, model: keras.Model) -> None:
        """Make a compiled model ready to take steps on these devices."""

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables must be created."""

    def batches(self, split: Split, order: Order, class_weights: np.ndarray | None) -> Batches:
        """Prepare a split for training."""

    def take_steps(self, model: keras.Model, batches: Iterator[Any]) -> Mapping[str, Any]:
        """Take the next `steps_per_execution` steps, or the remaining ones; return the epoch's metrics so far."""

    def take_single_steps(self, model: keras.Model) -> None:
        """Take one step per call from now on, regardless of the model's `steps_per_execution`."""

    def complete_update(self, model: keras.Model) -> None:
        """Apply the gradients accumulated since the last update, if any, at the end of an epoch."""

    def whole(self, batch: Any) -> Any:
        """Return a batch in one piece, even if its parts are on several devices."""

    def gradients(self, model: keras.Model, batch: Any) -> list[np.ndarray]:
        """Return the gradient of each trainable variable for one batch that is in one piece."""

    def predict(self, model: keras.Model, x: Inputs, batch_size: int, check: Check = heed) -> np.ndarray:
        """Return the model's float32 outputs (examples, units), in the order of the inputs.

        Args:
            model: The model.
            x: The inputs.
            batch_size: Examples per batch.
            check: Called after each batch; may raise. By default it raises an interrupt that was swallowed.
        """

    def keep(self, model: keras.Model, split: Split, batch_size: int, kept: Kept, check: Check = heed) -> np.ndarray:
        """Return what is kept of a model's outputs for a split, float32 (examples, ...), in the order of the examples.

        It is computed batch by batch, so that the outputs themselves are never all in memory.

        Args:
            model: The model.
            split: The examples.
            batch_size: Examples per batch.
            kept: What is kept.
            check: As in `predict`.
        """

    def function(self, model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that maps a batch of any size to the model's float32 outputs (batch, units)."""

    def gpu_memory(self, reset: bool = False) -> tuple[int, int]:
        """Return the bytes in use and at the peak, on the GPU that has most; `reset` counts the peak from now on."""

    def stepping(self, stepper: Stepper) -> Steps:
        """Return a function that computes a language model's logits from further tokens of one text."""

    def translating(self, translator: Translator, candidates: int, forbidden: Sequence[int]) -> Translating:
        """Return functions that write the targets of inputs.

        Args:
            translator: Computes logits.
            candidates: How many of the likeliest next tokens to return.
            forbidden: Tokens that are never written.
        """

    def read(self, variable: keras.Variable) -> np.ndarray:
        """Return a variable's value."""

    def write(self, variable: keras.Variable, value: np.ndarray) -> None:
        """Set a variable's value."""


def make_backend(device: Device, group: ProcessGroup = ALONE, experiment: Experiment | None = None) -> Backend:
    """Return the backend that computes on a device.

    Args:
        device: The device of this process.
        group: The processes that take each step together.
        experiment: The spec that is trained; None for predictions alone.

    Raises:
        UsageError: The spec needs more devices than there are.
    """
    if device.backend.value == "jax":
        from deepcli.training.jax_backend import JaxBackend
        from deepcli.training.jax_placement import make_placement

        return JaxBackend(make_placement(device, group, experiment), group)
    if experiment is not None and experiment.training.model_parallel > 1:
        raise UsageError("training.model_parallel: weights are divided on JAX only; set training.backend=jax")
    from deepcli.training.tensorflow_backend import TensorFlowBackend

    return TensorFlowBackend(device.strategy)


def out_of_memory() -> tuple[type[BaseException], ...]:
    """Return the exceptions of the backend and of Python that mean that memory ran out."""
    if keras.backend.backend() == "jax":
        from deepcli.training import jax_backend

        return jax_backend.OUT_OF_MEMORY
    from deepcli.training import tensorflow_backend

    return tensorflow_backend.OUT_OF_MEMORY


def memory_advice(error: BaseException) -> str:
    """Describe that memory ran out, with the first line of the backend's message."""
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"out of memory; reduce data.batch_size or the model ({first})" if first else "out of memory"


def in_order(parts: Iterable[np.ndarray], positions: np.ndarray, split: Split, check: Check) -> np.ndarray:
    """Put what is kept of each batch of a split into the order of its examples.

    Args:
        parts: What is kept, batch by batch; of pairs as wide as the longest target of the batch.
        positions: The position of each example, in the order of the batches.
        split: The split.
        check: Called after each batch.

    Returns:
        float32 (examples, …); (0, 0) if there is no batch.
    """
    whole, done = None, 0
    for part in parts:
        if whole is None:
            # Targets of different lengths are trimmed batch by batch; behind them there is nothing to keep.
            of_pairs = isinstance(split.x, PairRows)
            whole = np.full(split.y.shape if of_pairs else (len(split), *part.shape[1:]), np.nan, np.float32)
        rows = positions[done : done + len(part)]
        whole[(rows, slice(part.shape[1])) if part.ndim > 1 else rows] = part
        done += len(part)
        check()
    return np.empty((0, 0), np.float32) if whole is None else whole
