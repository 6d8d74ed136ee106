"""The story of a training run, from a spec and its data to evaluated best weights."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from deepcli import loading
from deepcli.data.splits import Splits
from deepcli.engine.backend import Backend, TensorFlowBackend
from deepcli.engine.build import build_model, compile_model, forget_models
from deepcli.engine.device import Device, choose
from deepcli.engine.environment import describe
from deepcli.engine.plan import Plan, make_plan
from deepcli.engine.session import Request, Session
from deepcli.errors import TrainingError
from deepcli.experiment import Experiment, Training
from deepcli.reporting import Logged, Reporter
from deepcli.result import Result
from deepcli.run import RunDir, write_text


def train(
    experiment: Experiment,
    splits: Splits,
    request: Request,
    reporter: Reporter,
    choose_device: Callable[[Training], Device] = choose,
) -> Result:
    """Train, keep the best weights, and evaluate them once on the test split.

    Raises:
        DeviceError: The device is not there.
        RunError: The run directory cannot be made.
        TrainingError: The run diverged, or memory or disk ran out; `metrics.json` says so too.
        Interrupted: A signal ended it; `last.keras` is where it was.
    """
    chosen = choose_device(experiment.training)
    plan = make_plan(experiment, splits, chosen)
    notes = plan.notes(experiment)
    for line in notes:
        reporter.note(line)
    backend = TensorFlowBackend(chosen.strategy)
    model = ready_model(experiment, splits, plan, backend)
    environment = describe(splits, model, plan, request.command, request.plugins)
    run = RunDir.create(request.output, loading.dump(experiment), environment, request.replace)
    reporter = Logged(reporter, run, notes)
    session = Session(experiment, splits, run, model, backend, plan, request, reporter)
    try:
        return session.complete()
    except (TrainingError, MemoryError, tf.errors.ResourceExhaustedError) as error:
        failure = error if isinstance(error, TrainingError) else TrainingError(_memory_advice(error))
        write_text(run.metrics, session.result("failed", {}, str(failure)).to_json() + "\n")
        raise failure from error


def ready_model(experiment: Experiment, splits: Splits, plan: Plan, backend: Backend) -> keras.Model:
    """Build, compile and adapt a model, up to its first step."""
    forget_models()
    with backend.scope():
        model = build_model(experiment, plan.precision.value)
        compile_model(
            model, experiment, plan.order.steps, jit=plan.jit.value, steps_per_execution=plan.steps_per_execution.value
        )
        experiment.model.adapt(model, splits.train)
    return model


def _memory_advice(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"out of memory; a smaller data.batch_size or model needs less ({first})" if first else "out of memory"
