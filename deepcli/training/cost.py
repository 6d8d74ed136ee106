"""What a run would cost: parameters, memory, operations, time and disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryCost:
    """Bytes of memory.

    Attributes:
        weights: Parameters.
        gradients: One value for each trained parameter.
        optimizer: What the optimizer keeps.
        activations: The outputs of all layers for a batch, of texts of the longest; training keeps most until the step ends.
        data: The three splits, as they are read.
        process: The whole process after a few steps, measured: with Python, TensorFlow and its buffers.
        available: What this process may use.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    data: int
    process: int
    available: int


@dataclass(frozen=True)
class TimeCost:
    """Seconds.

    Attributes:
        step: A training step.
        epoch: An epoch, with its validation and checkpoints; in the last stage of a model with several.
        starting: From the beginning to the first epoch: reading data, building the model, compiling its steps.
        evaluation: The final evaluation.
        run: The whole run, if nothing stops it early.
    """

    step: float
    epoch: float
    starting: float
    evaluation: float
    run: float


@dataclass(frozen=True)
class DiskCost:
    """Bytes on disk.

    Attributes:
        checkpoint: One checkpoint.
        checkpoints: Number of checkpoints in the finished run.
        cache: What the data have in deepcli's cache.
    """

    checkpoint: int
    checkpoints: int
    cache: int


@dataclass(frozen=True)
class Cost:
    """What a run would cost.

    Attributes:
        name: The experiment's name.
        device: The device that was measured.
        precision: Keras's dtype policy.
        parameters: All parameters.
        trainable: The parameters that train, in the last stage of a model with several.
        batch_size: Examples of a step.
        steps_per_epoch: Steps of an epoch.
        epochs: Epochs of the run.
        flops_example: Floating-point operations of one prediction.
        flops_step: Those of a training step.
        memory: Bytes of memory.
        seconds: Seconds.
        disk: Bytes on disk.
    """

    name: str
    device: str
    precision: str
    parameters: int
    trainable: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    flops_example: int
    flops_step: int
    memory: MemoryCost
    seconds: TimeCost
    disk: DiskCost
