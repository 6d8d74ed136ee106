"""Training to the end, over divergences and into failures that are recorded."""

from __future__ import annotations

import contextlib
import dataclasses

import keras

from deepcli.errors import Interrupted, TrainingError
from deepcli.result import Result
from deepcli.run.checkpoint.file import STATE, CheckpointFile, open_checkpoint
from deepcli.run.reporter import log_line
from deepcli.run.run_state import resume_command
from deepcli.system.atomic import write_text
from deepcli.system.process_group import ALONE
from deepcli.system.signals import Stopped
from deepcli.training.backend import memory_advice, out_of_memory
from deepcli.training.checkpointer import restore_model
from deepcli.training.context import Rollbacks, RunContext
from deepcli.training.device import Choice
from deepcli.training.divergence import ADVICE, Diverged, Origin, find_origin
from deepcli.training.ending import interruption
from deepcli.training.ready import ready_model
from deepcli.training.session import Session
from deepcli.training.stages import enter_stage
from deepcli.training.state import Position, State, begins_stage

MOST_ROLLBACKS = 3


def complete(context: RunContext, model: keras.Model, checkpoint: CheckpointFile | None) -> Result:
    """Train to the end, rolling back after divergences if the spec allows."""
    rollbacks: Rollbacks = ()
    while True:
        session = Session.open(context, model, checkpoint, rollbacks)
        try:
            return session.complete()
        except Diverged as reason:
            rollbacks, checkpoint = _roll_back(context, session, reason)
            model = _ready(context, checkpoint)
        except Stopped:
            raise _interrupted(session) from None
        except TrainingError as error:
            raise _failed(session, error) from error
        except out_of_memory() as error:
            raise _failed(session, TrainingError(memory_advice(error))) from error


def _interrupted(session: Session) -> Interrupted:
    """Say in `train.log` and in an error where a signal stopped a run, and how to continue it."""
    context = session.context
    command = resume_command(context.run.path, context.options.plugins)
    if context.group is not ALONE:
        command = "the same command with --if-exists resume"
    steps = context.settings.order.steps
    text = interruption(context.experiment, session.loop.position, session.best, steps, command)
    with contextlib.suppress(TrainingError):
        log_line(context.run, text)
    interrupted = Interrupted(text, context.options.signals.stop or 0)
    interrupted.run = str(context.run.path)
    return interrupted


def _ready(context: RunContext, checkpoint: CheckpointFile | None) -> keras.Model:
    """Build the model again, to be restored from a checkpoint; None means that it starts from the beginning."""
    return ready_model(
        context.experiment,
        context.splits,
        context.settings,
        context.backend,
        checkpoint is not None,
        sources=context.options.sources,
    )


def _roll_back(context: RunContext, session: Session, reason: Diverged) -> tuple[Rollbacks, CheckpointFile | None]:
    """Roll back after a divergence: return the rollbacks and the checkpoint to resume from, or raise to stop."""
    for file in (context.run.best, context.run.last):
        context.group.bring(file)
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
    found = _origin(context, session, checkpoint, good) if context.group.is_first else None
    origin = context.group.shared("origin", found and str(found))
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
    once = dataclasses.replace(context, settings=settings, backend=context.backend.alone())
    rollbacks = session.checkpointer.rollbacks
    model = _ready(once, checkpoint)
    restore_model(once, model, checkpoint, rollbacks)

    def check(position: Position) -> None:
        context.options.signals.check_here()
        if (stage := begins_stage(context.experiment, position)) is not None:
            enter_stage(model, context.experiment, settings, once.backend, stage, len(rollbacks))

    try:
        return find_origin(model, once.backend, once.batches(), good, end, check)
    except Stopped:
        return None


def _failed(session: Session, failure: TrainingError) -> TrainingError:
    """Record a failure in `train.log` and `metrics.json`, if they can still be written."""
    failure.run = str(session.context.run.path)
    with contextlib.suppress(TrainingError):
        log_line(session.context.run, f"error: {failure}")
    with contextlib.suppress(TrainingError):
        result = session.result("failed", {}, str(failure), ended="failed")
        write_text(session.context.run.metrics, result.to_json() + "\n")
    return failure
