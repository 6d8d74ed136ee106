"""Train a model: from a spec and its data to the best weights, evaluated."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable

import keras

from deepcli.data.arrays.splits import Splits
from deepcli.errors import Interrupted, RunError
from deepcli.experiment import load
from deepcli.experiment.schema import Experiment, Training
from deepcli.result import Result
from deepcli.run.checkpoint.file import STATE
from deepcli.run.directory import RunDir
from deepcli.run.own_data import TrainedOn
from deepcli.run.reporter import LoggingReporter, Reporter
from deepcli.run.resuming import Resumption
from deepcli.spec.paths import absolute_plugins, with_absolute_paths
from deepcli.system.atomic import write_text
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.training.averaging import caveat
from deepcli.training.backend import make_backend
from deepcli.training.comparing_baselines import add_baselines
from deepcli.training.completing import complete
from deepcli.training.context import RunContext, TrainOptions
from deepcli.training.device import Device, choose
from deepcli.training.environment import describe, describe_resumption
from deepcli.training.in_time import Rehearser, TimedRun, chosen_by_budget
from deepcli.training.memory_check import demand_batch, notice
from deepcli.training.ready import ready_model
from deepcli.training.settings import RunSettings, make_settings
from deepcli.training.state import State


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
        SpecError: The data have too few steps for the spec, or the time is too short for one step.
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
    notes = [*unknown, *settings.notes(experiment), *_division(options.group, settings, experiment)]
    for line in notes:
        reporter.note(line)
    backend = make_backend(chosen, options.group, experiment)
    with options.signals.deferred(reporter.note, reporter.end), contextlib.ExitStack() as stack:
        stack.callback(reporter.end)

        def tell(line: str) -> None:
            notes.append(line)
            reporter.note(line)

        def ready(experiment: Experiment, settings: RunSettings) -> keras.Model:
            build = functools.partial(
                ready_model,
                experiment,
                splits,
                settings,
                backend,
                checkpoint is not None,
                sources=options.sources,
                note=tell,
            )
            models = options.models if backend.replicas == 1 else None
            return build() if models is None else models.ready(experiment, settings, build)

        reporter.doing("building the model")
        model = ready(experiment, settings)
        if not chosen.is_gpu:
            demand_batch(model, min(experiment.data.batch_size, settings.order.examples))
        for line in filter(None, (caveat(model), notice(model, experiment))):
            tell(f"notice: {line}")
        rehearser = Rehearser(splits, backend, options.signals, ready)
        timed = rehearser.timed(TimedRun(experiment, settings, model), state, options, tell)
        experiment, settings, model = timed.experiment, timed.settings, timed.model
        if options.budget is not None:
            options = dataclasses.replace(options, origins={**options.origins, **chosen_by_budget(experiment)})
        environment = describe(experiment, splits, model, settings, options)
        if stop := int(options.group.agree("stop before training", options.signals.stop or 0)[0]):
            raise Interrupted("interrupted before training began", stop)
        if options.resumption:
            run = options.resumption.run
            step = state.position.total if state else 0
            notes += _reopen(options.resumption, experiment, environment, step, reporter)
        else:
            run = RunDir.create(
                options.output,
                load.dump(experiment),
                environment,
                options.replace,
                options.numbered,
                experiment.data.data_schema,
            )
            stack.enter_context(run.owned())
        logging = LoggingReporter(reporter, run, notes)
        context = RunContext(experiment, splits, run, backend, settings, options, logging, timed.clock, timed.ends)
        return add_baselines(context, complete(context, model, checkpoint))


def _division(group: ProcessGroup, settings: RunSettings, experiment: Experiment) -> list[str]:
    """Say how each step is divided between the processes of the run.

    Raises:
        UsageError: There are more devices than examples.
    """
    if group is ALONE:
        return []
    from deepcli.training.jax_many_devices import all_devices, division

    devices, order = len(all_devices(settings.device)), settings.order
    parts = experiment.training.model_parallel
    return [division(group.count, devices, parts, order.batch_size, order.examples)]


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
