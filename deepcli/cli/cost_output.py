"""What a run would cost, in words: `train --dry-run` and `show --cost`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from deepcli.cli.answers import emit

if TYPE_CHECKING:
    from deepcli.api.train_request import TrainRequest
    from deepcli.data.files import Sources
    from deepcli.run.reporter import Reporter
    from deepcli.training.cost import Cost


def show_cost(
    command: Literal["train", "show"],
    request: TrainRequest,
    at: Callable[[], Sources],
    reporter: Reporter,
    json: bool,
) -> None:
    """Measure what a run would cost, and print it as a few lines or as a JSON object."""
    from deepcli.api.costing import run_cost

    cost = run_cost(request, at, reporter)
    if json:
        from dataclasses import asdict

        from deepcli.cli.json_objects import Costed

        emit(Costed.model_validate({"schema": 1, "command": command, "status": "completed", **asdict(cost)}))
        return
    for name, text in _lines(cost):
        print(f"{name:<12}{text}")
    print("nothing was written; --json has every figure")


def _lines(cost: Cost) -> list[tuple[str, str]]:
    """Describe a cost in lines of at most 80 columns."""
    memory, seconds, disk = cost.memory, cost.seconds, cost.disk
    training = memory.weights + memory.gradients + memory.optimizer
    where = f"measured on {cost.device}, {cost.precision}"
    return [
        ("parameters", f"{cost.parameters:,}, of which {cost.trainable:,} train"),
        ("memory", f"{_bytes(memory.process)} for the process, of {_bytes(memory.available)} available; in it"),
        ("", f"{_bytes(training)} weights, gradients and optimizer; {_bytes(memory.data)} data;"),
        ("", f"{_bytes(memory.activations)} outputs of all layers for a batch of {cost.batch_size}"),
        ("FLOPs", f"{_count(cost.flops_example)} to predict an example; {_count(cost.flops_step)} to train a step"),
        ("an epoch", f"{_seconds(seconds.epoch)}: {cost.steps_per_epoch:,} steps of {_seconds(seconds.step)}; {where}"),
        (
            "the run",
            f"{_seconds(seconds.run)}: {_seconds(seconds.starting)} to start, epochs: {cost.epochs:,}, then the test split",
        ),
        (
            "disk",
            f"{_bytes(disk.checkpoint * disk.checkpoints)}: {disk.checkpoints} checkpoints of {_bytes(disk.checkpoint)}; in the cache: {_bytes(disk.cache)}",
        ),
    ]


def _bytes(count: int) -> str:
    """Write a number of bytes with a unit: 812 MiB, 1.2 MiB."""
    size, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if size >= 10 or units[0] == "bytes" else f"{size:.1f} {units[0]}"


def _count(count: float) -> str:
    """Write a large number with a unit: 1.3 M, 42 G."""
    units = ["", " k", " M", " G", " T", " P"]
    while count >= 1000 and len(units) > 1:
        count, units = count / 1000, units[1:]
    return f"{count:.3g}{units[0]}"


def _seconds(seconds: float) -> str:
    """Write a time: 3.1 ms, 0.42 s, 12 min, 1 h 20 min."""
    if seconds < 0.1:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
