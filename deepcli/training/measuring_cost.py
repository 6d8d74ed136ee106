"""Measure what a run would cost: real steps, a real evaluation and a real checkpoint, of which nothing is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import psutil

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Split, Splits, Tokens
from deepcli.data.files import OFFLINE, Sources, cache_folder
from deepcli.experiment.schema import Experiment
from deepcli.nn.tracked_rate import saved_variables
from deepcli.run.reporter import Reporter
from deepcli.system.memory import memory_limit
from deepcli.system.signals import Signals
from deepcli.training.averaging import caveat
from deepcli.training.backend import make_backend
from deepcli.training.cost import Cost, DiskCost, MemoryCost, TimeCost
from deepcli.training.device import choose
from deepcli.training.flops import TRAINING, forward_pass
from deepcli.training.in_time import Rehearser, fit_budget
from deepcli.training.memory_check import bytes_of, demand_batch, notice
from deepcli.training.ready import ready_model
from deepcli.training.rehearsal import Rehearsal
from deepcli.training.settings import RunSettings, make_settings
from deepcli.training.time_limit import TrainingClock


def measure_cost(
    experiment: Experiment,
    splits: Splits,
    reporter: Reporter,
    signals: Signals,
    began: float,
    sources: Sources = OFFLINE,
    budget: float | None = None,
) -> Cost:
    """Take a few steps of a run and find out what the whole would cost; nothing is kept.

    Args:
        experiment: The spec.
        splits: The data.
        reporter: Shows notes.
        signals: May request to stop.
        began: `time.monotonic()` when the call began, before the data were read.
        sources: Where the model may look for files that it starts from.
        budget: Seconds that epochs are chosen for; None takes those of the spec.

    Raises:
        SpecError: The data have too few steps for the spec, or the budget is too short.
        DeviceError: The device is not available.
        TrainingError: Memory ran out.
        Interrupted: A signal requested to stop.
    """
    chosen = choose(experiment.training)
    settings = make_settings(experiment, splits, chosen)
    for line in settings.notes(experiment):
        reporter.note(line)
    backend = make_backend(chosen)

    def ready(experiment: Experiment, settings: RunSettings) -> keras.Model:
        return ready_model(experiment, splits, settings, backend, sources=sources, note=reporter.note)

    with signals.deferred(reporter.note):
        clock = TrainingClock()
        model = ready(experiment, settings)
        batch_size = min(experiment.data.batch_size, settings.order.examples)
        if not chosen.is_gpu:
            demand_batch(model, batch_size)
        for line in filter(None, (caveat(model), notice(model, experiment))):
            reporter.note(f"notice: {line}")
        starting = time.monotonic() - began
        stages = Rehearser(splits, backend, signals, ready).stages(experiment, settings, model)
    if budget is not None:
        experiment, line = fit_budget(experiment, budget, stages, clock.seconds)
        reporter.note(line)
    flops = forward_pass(model, one_example(splits.train, np.mean)).flops
    return Cost(
        name=experiment.name,
        device=str(chosen.choice.value),
        precision=str(settings.precision.value),
        parameters=model.count_params(),
        trainable=sum(math.prod(variable.shape) for variable in model.trainable_variables),
        batch_size=batch_size,
        steps_per_epoch=settings.order.steps,
        epochs=experiment.training.epochs,
        flops_example=flops,
        flops_step=TRAINING * flops * batch_size,
        memory=_memory(model, splits, batch_size),
        seconds=_seconds(experiment, stages, starting),
        disk=_disk(experiment, stages[-1], began),
    )


def one_example(split: Split, length: Callable[[np.ndarray], float]) -> np.ndarray:
    """Return one example; of texts, one whose length is computed from all lengths."""
    if isinstance(split.x, PairRows):
        return split.x.example(length)
    if not isinstance(split.x, Tokens):
        return np.asarray(split.x[:1])
    return np.ones((1, max(1, round(float(length(split.x.lengths))))), np.int32)


def _memory(model: keras.Model, splits: Splits, batch_size: int) -> MemoryCost:
    def held(variables: list[keras.Variable]) -> int:
        return sum(bytes_of(variable.shape, variable.dtype) for variable in variables)

    parts = [part for part in (splits.train, splits.validation, splits.test) if part is not None]
    inputs = [part.x for part in parts if part.stored is None]
    return MemoryCost(
        weights=held(model.weights),
        gradients=held(model.trainable_variables),
        optimizer=held(saved_variables(model.optimizer)),
        activations=batch_size * forward_pass(model, one_example(splits.train, np.max)).outputs,
        data=sum(x.values.nbytes if isinstance(x, Tokens) else x.nbytes for x in inputs),
        process=psutil.Process().memory_info().rss,
        available=memory_limit(),
    )


def _seconds(experiment: Experiment, stages: list[Rehearsal], starting: float) -> TimeCost:
    last, steps = stages[-1], stages[-1].steps
    training = 0.0
    for stage, taken in zip(stages, experiment.stage_steps(steps), strict=True):
        whole, rest = divmod(taken, steps)
        training += stage.compiling + whole * stage.epoch + (rest * stage.step + stage.ends().epoch_end if rest else 0)
    run = starting + training + last.final
    limit = experiment.training.max_time
    return TimeCost(
        step=last.step,
        epoch=last.epoch,
        starting=starting + sum(stage.compiling for stage in stages),
        evaluation=last.final,
        run=run if limit is None else min(run, starting + limit),
    )


def _disk(experiment: Experiment, last: Rehearsal, began: float) -> DiskCost:
    """Count checkpoints, and the entries of the cache that reading the data has used."""
    keep = experiment.training.checkpoint.keep
    since = time.time() - (time.monotonic() - began) - 1.0
    return DiskCost(last.checkpoint_bytes, 2 if keep == 1 else 1 + keep, _used_cache(cache_folder(), since))


def _used_cache(folder: Path, since: float) -> int:
    """Return the bytes of the entries that were used since a time; their time of modification is when they were used."""
    total = 0
    for file in folder.glob("*/*"):
        try:
            about = file.stat()
        except OSError:
            continue
        if file.is_file() and not file.name.startswith(".") and about.st_mtime >= since:
            total += about.st_size
    return total
