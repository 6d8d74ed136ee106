"""Train a model: from a spec and its data to the best weights, evaluated."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from deepcli.data.arrays.splits import Splits
from deepcli.errors import CheckpointError, Interrupted, RunError, TrainingError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment, Training
from deepcli.result import Result
from deepcli.run.checkpoint.file import STATE, CheckpointFile, find, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.own_data import TrainedOn
from deepcli.run.reporter import LoggingReporter, Reporter
from deepcli.run.resuming import Resumption
from deepcli.spec.paths import absolute_plugins, with_absolute_paths
from deepcli.spec.trees import differences
from deepcli.system.atomic import write_text
from deepcli.system.signals import Stopped
from deepcli.training.averaging import begin_averages, caveat
from deepcli.training.backend import Backend, TensorFlowBackend
from deepcli.training.build import build_model, compile_model, forget_models
from deepcli.training.checkpointer import restore_model
from deepcli.training.context import Rollbacks, RunContext, TrainOptions
from deepcli.training.device import Choice, Device, choose
from deepcli.training.divergence import ADVICE, Diverged, Origin, find_origin
from deepcli.training.environment import describe, describe_resumption
from deepcli.training.memory_check import demand_batch, notice, to_train
from deepcli.training.replicas import mirror
from deepcli.training.saving import load_weights
from deepcli.training.session import Session
from deepcli.training.settings import RunSettings, make_settings
from deepcli.training.state import Position, State

MOST_ROLLBACKS = 3


def train(
    experiment: Experiment,
    splits: Splits,
    options: TrainOptions,
    reporter: Reporter,
    choose_device: Callable[[Training], Device] = choose,
) -> Result:
    """Train, save the best weights, and evaluate them once on the test split.

    Raises:
        UsageError: A tracker is not installed.
        DeviceError: The device is not available.
        RunError: The run directory cannot be created, or the run to resume does not match.
        CheckpointError: The checkpoint to start or resume from is damaged or does not match.
        TrainingError: The run diverged, or memory or disk space ran out; `metrics.json` records the error.
        Interrupted: A signal stopped training; `last.keras` is the checkpoint to resume from.
    """
    for tracker in experiment.training.trackers:
        tracker.demand()
    # From here on nothing depends on the current directory.
    experiment = with_absolute_paths(experiment)
    options = dataclasses.replace(options, plugins=absolute_plugins(options.plugins))
    unknown = _demand_own_data(options.resumption, splits) if options.resumption else []
    chosen = choose_device(experiment.training)
    checkpoint = options.resumption.checkpoint if options.resumption else None
    state = State.from_bytes(checkpoint.read(STATE)) if checkpoint else None
    settings = make_settings(experiment, splits, chosen, state.precision if state else None)
    notes = [*unknown, *settings.notes(experiment)]
    for line in notes:
        reporter.note(line)
    backend = TensorFlowBackend(chosen.strategy)
    with options.signals.deferred(reporter.note), contextlib.ExitStack() as stack:
        build = functools.partial(ready_model, experiment, splits, settings, backend, checkpoint is not None)
        models = options.models if chosen.strategy.num_replicas_in_sync == 1 else None
        model = build() if models is None else models.ready(experiment, settings, build)
        if not chosen.is_gpu:
            demand_batch(model, min(experiment.data.batch_size, settings.order.examples))
        for line in filter(None, (caveat(model), notice(model, experiment))):
            notes.append(f"notice: {line}")
            reporter.note(notes[-1])
        environment = describe(splits, model, settings, options.command, options.plugins)
        if options.signals.stop is not None:
            raise Interrupted("interrupted before training began", options.signals.stop)
        if options.resumption:
            run = options.resumption.run
            step = state.position.total if state else 0
            notes += _reopen(options.resumption, experiment, environment, step, reporter)
        else:
            run = RunDir.create(options.output, load.dump(experiment), environment, options.replace, options.numbered)
            stack.enter_context(run.owned())
        context = RunContext(experiment, splits, run, backend, settings, options, LoggingReporter(reporter, run, notes))
        return _complete(context, model, checkpoint)


def ready_model(
    experiment: Experiment,
    splits: Splits,
    settings: RunSettings,
    backend: Backend,
    resumed: bool = False,
    forget: bool = True,
) -> keras.Model:
    """Build, adapt and compile a model, ready for its first step.

    Args:
        experiment: The spec.
        splits: The data.
        settings: The settings chosen for the device.
        backend: The backend to build for.
        resumed: Whether a checkpoint will be loaded, so that initial weights need not be read.
        forget: Whether to clear earlier models in this process first, so that layers are named as in a new process.

    Raises:
        CheckpointError: `training.initial_weights` are damaged or do not match the model.
    """
    if forget:
        forget_models()
    wanted = None if resumed else experiment.training.initial_weights
    with backend.scope():
        model = build_model(
            experiment, settings.precision.value, lambda: None if settings.device.is_gpu else to_train(experiment)
        )
        experiment.model.adapt(model, splits.train)
        if wanted is not None:
            # The model has no optimizer yet, so the optimizer's state is not loaded.
            _load_initial(model, experiment, open_checkpoint(find(Path(wanted).expanduser())[0]))
        compile_model(
            model,
            experiment,
            settings.order.steps,
            jit=settings.jit.value,
            steps_per_execution=settings.steps_per_execution.value,
        )
        begin_averages(model)
        if settings.device.strategy.num_replicas_in_sync > 1:
            mirror(model)
    return model


def _load_initial(model: keras.Model, experiment: Experiment, checkpoint: CheckpointFile) -> None:
    try:
        load_weights(model, checkpoint)
    except CheckpointError as error:
        before, now = (one.model.model_dump(mode="json") for one in (checkpoint.experiment, experiment))
        lines = [
            f"  model.{path}: {json.dumps(theirs)} in the checkpoint, {json.dumps(ours)} here"
            for path, (theirs, ours) in differences(before, now)
        ]
        raise CheckpointError("\n".join([f"training.initial_weights: {error}", *lines])) from None


def _demand_own_data(resumption: Resumption, splits: Splits) -> list[str]:
    """Check that a run resumes with its own data; return a notice if the run does not record which they were.

    Raises:
        DataError: The data are different.
        RunError: The data are in another place, and the run does not record which they were.
    """
    trained = TrainedOn.of(resumption.checkpoint, resumption.run)
    if trained.demand(
        splits.provenance, "if the data have moved, set data.path=PATH; to train on these data, start a new run"
    ):
        return []
    if resumption.moved:
        raise RunError(
            f"{trained.told(splits.provenance)}; without that, a run cannot be resumed with data from another place"
        )
    return [f"notice: {trained.told(splits.provenance)}"]


def _reopen(
    resumption: Resumption, experiment: Experiment, environment: dict[str, object], step: int, reporter: Reporter
) -> list[str]:
    """Prepare a run directory to resume; return the notes shown."""
    run = resumption.run
    described, notices = describe_resumption(run.described() or environment, environment, step)
    begins = f"resuming {run.path} at step {step}"
    if resumption.checkpoint is None:
        begins = f"notice: {run.path} has no checkpoint yet, so training starts again at step 0"
    notes = [begins, *(f"notice: {notice}" for notice in notices)]
    for note in notes:
        reporter.note(note)
    run.reopen()
    write_text(run.config, load.dump(experiment))
    write_text(run.environment, json.dumps(described, indent=2, ensure_ascii=False) + "\n")
    return notes


def _complete(context: RunContext, model: keras.Model, checkpoint: CheckpointFile | None) -> Result:
    """Train to the end, rolling back after divergences if the spec allows."""
    rollbacks: Rollbacks = ()
    while True:
        session = Session.open(context, model, checkpoint, rollbacks)
        try:
            return session.complete()
        except Diverged as reason:
            rollbacks, checkpoint = _roll_back(context, session, reason)
            model = ready_model(
                context.experiment, context.splits, context.settings, context.backend, checkpoint is not None
            )
        except Stopped:
            interrupted = Interrupted(
                f"interrupted; continue with: deepcli train --resume {shlex.quote(str(context.run.path))}",
                context.options.signals.stop or 0,
            )
            interrupted.run = str(context.run.path)
            raise interrupted from None
        except (TrainingError, MemoryError, tf.errors.ResourceExhaustedError) as error:
            failure = error if isinstance(error, TrainingError) else TrainingError(_memory_advice(error))
            raise _failed(session, failure) from error


def _roll_back(context: RunContext, session: Session, reason: Diverged) -> tuple[Rollbacks, CheckpointFile | None]:
    """Roll back after a divergence: return the rollbacks and the checkpoint to resume from, or raise to stop."""
    checkpoint = open_checkpoint(context.run.last) if context.run.last.is_file() else None
    good = State.from_bytes(checkpoint.read(STATE)).position if checkpoint else Position()
    position, done = session.loop.position, len(session.checkpointer.rollbacks)
    if context.experiment.training.on_divergence == "stop" or done == MOST_ROLLBACKS:
        raise _failed(session, _divergence(context, session, reason, checkpoint, good))
    context.reporter.note(
        f"{reason} by step {position.total}; rollback {done + 1} of {MOST_ROLLBACKS}: back to step {good.total}, with "
        "half the learning rate"
    )
    context.run.reopen()
    return (
        *session.checkpointer.rollbacks,
        {"reason": str(reason), "step": position.total, "back_to": good.total},
    ), checkpoint


def _divergence(
    context: RunContext, session: Session, reason: Diverged, checkpoint: CheckpointFile | None, good: Position
) -> TrainingError:
    """Return the error for a diverged run, with its origin, advice and last good checkpoint."""
    position = session.loop.position
    epoch = position.epoch + (position.step > 0)
    origin = _origin(context, session, checkpoint, good)
    kept = (
        f"the last good checkpoint is {context.run.last}, at step {good.total}"
        if checkpoint
        else "there is no checkpoint"
    )
    return TrainingError(
        f"the run diverged: {reason} in epoch {epoch}, by step {position.total}; {origin or 'the origin is unknown'}; "
        f"{ADVICE}; {kept}"
    )


def _origin(context: RunContext, session: Session, checkpoint: CheckpointFile | None, good: Position) -> Origin | None:
    """Repeat the run step by step from its last good checkpoint to find where it diverged."""
    end = session.loop.position.total
    context.reporter.note(f"repeating steps {good.total + 1} to {end} to find where it began")
    settings = dataclasses.replace(context.settings, steps_per_execution=Choice(1, "to check each step"))
    model = ready_model(context.experiment, context.splits, settings, context.backend, checkpoint is not None)
    restore_model(context, model, checkpoint, session.checkpointer.rollbacks)
    try:
        return find_origin(model, context.backend, context.batches(), good, end, context.options.signals.check)
    except Stopped:
        return None


def _failed(session: Session, failure: TrainingError) -> TrainingError:
    """Record a failure in `metrics.json`, if that can still be written."""
    failure.run = str(session.context.run.path)
    with contextlib.suppress(TrainingError):
        write_text(session.context.run.metrics, session.result("failed", {}, str(failure)).to_json() + "\n")
    return failure


def _memory_advice(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"out of memory; reduce data.batch_size or the model ({first})" if first else "out of memory"
