"""Check that training on several devices gives the metrics of one; what cannot be the same is an error at the start."""

from __future__ import annotations

from collections.abc import Iterator

from deepcli.errors import UsageError
from deepcli.experiment.schema import Experiment


def demand_same_figures(experiment: Experiment, replicas: int) -> None:
    """Check that training on several devices gives the same metrics as on one.

    Raises:
        UsageError: A field of the spec prevents that.
    """
    if replicas == 1:
        return
    for field, why in _differences(experiment, replicas):
        raise UsageError(f"{field}: {why} on {replicas} devices; train on one (--device gpu:0) or change the field")


def _differences(experiment: Experiment, replicas: int) -> Iterator[tuple[str, str]]:
    training, size = experiment.training, experiment.data.batch_size
    if size < replicas:
        yield "data.batch_size", f"{size} leaves a device without examples"
    if experiment.signature.kind == "pairs":
        yield "task", f"{experiment.resolved_task.type} weighs tokens and not examples, which cannot be divided"
    if experiment.optimizer.gradient_accumulation_steps:
        yield "optimizer.gradient_accumulation_steps", "gradients cannot be accumulated"
    if training.jit_compile is True:
        yield "training.jit_compile", "XLA cannot compile a step"
    if experiment.optimizer.ema_overwrite_frequency:
        yield "optimizer.ema_overwrite_frequency", "weights cannot be overwritten by their average"
    if training.steps_per_execution not in ("auto", 1):
        yield "training.steps_per_execution", "several steps cannot be taken in one call"
