"""`deepcli.train`: from a spec to a trained run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.data_findings import findings_told
from deepcli.api.data_sources import data_sources
from deepcli.api.distributed import Known, begun_together, demand_same_data, demand_same_spec
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.train_request import IfExists, TrainRequest, requested_parts
from deepcli.errors import Interrupted, UsageError
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.api.run import Run
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.experiment.load import Loaded
    from deepcli.experiment.schema import Experiment
    from deepcli.result import Result
    from deepcli.run.directory import RunDir
    from deepcli.run.reporter import Reporter
    from deepcli.run.resuming import Resumption
    from deepcli.spec.yaml12 import Document
    from deepcli.system.rendezvous import Place


def train(
    spec: Source | None = None,
    *more: Source,
    output: str | os.PathLike[str] | None = None,
    if_exists: IfExists = "error",
    resume: str | os.PathLike[str] | Run | None = None,
    callbacks: Sequence[Any] = (),
    budget: float | str | None = None,
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> Run:
    """Train the model that a spec describes, and evaluate its best weights once on the test split.

    This is `deepcli train`: the same checks, files, locks and figures. An interrupt (Ctrl-C, or that of a notebook's
    kernel) stops training after the current step and writes a checkpoint; a second one raises KeyboardInterrupt at once.

    Args:
        spec: A spec from `deepcli.load`, a file or a dict. With `resume` it may be left out.
        more: More files, dicts and overrides like `training.epochs=3`, merged over the spec as `load` does.
        output: The run directory; default: a new one in `runs/`, named after the spec and the time.
        if_exists: What to do if there is a run in `output`: `error`, `resume`, `skip` or `overwrite`.
        resume: A run to resume from its last checkpoint.
        callbacks: Any Keras callbacks. They are called after those of deepcli, in this order.
        budget: Time of training and evaluation that `training.epochs` are chosen for: seconds, or a string like `10m`.
        progress: Whether to show notices and progress: a bar on a terminal and in a notebook, else a line an epoch.
        plugins: Python files or modules that register components. They are imported first, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Raises:
        SpecError: The spec is not valid.
        UsageError: The arguments do not fit together, or a plugin cannot be imported.
        DataError: The data cannot be read.
        RunError: The run exists, or cannot be resumed with this spec.
        TrainingError: The run diverged, or ran out of memory or disk.
        Interrupted: An interrupt or SIGTERM stopped it; `run` is the directory, and the text says how to continue.
    """
    from deepcli.api.run import Run
    from deepcli.spec.durations import option_seconds

    if if_exists != "error" and (output is None or resume is not None):
        why = "without output, when each run gets a new directory" if resume is None else "with resume"
        raise UsageError(f"if_exists: has no effect {why}")
    request = TrainRequest(
        tuple(part for part in (spec, *more) if part is not None),
        output=None if output is None else Path(output),
        if_exists=if_exists,
        resume=resume.path if isinstance(resume, Run) else None if resume is None else Path(resume),
        plugins=plugin_names(plugins),
        callbacks=tuple(callbacks),
        started=time.monotonic(),
        kill=False,
        budget=option_seconds("--budget", budget),
    )
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    try:
        with reaching(reach_of(offline, progress)):
            result = run_training(request, at, make_reporter(quiet=not progress))
    except Interrupted as error:
        raise _reworded(error, request.plugins) from None
    return Run(str(result.run))


def run_training(request: TrainRequest, at: Callable[[], Sources], reporter: Reporter) -> Result:
    """Load a spec, read its data, and train, skip or resume the run.

    Args:
        request: What to train.
        at: Returns where data are looked for; it is called only if data are needed.
        reporter: Shows notices and progress.

    Raises:
        DeepcliError: As `train` says.
    """
    parts = requested_parts(request)
    if request.place is None:
        return _run(request, parts, request.output, request.signals or Signals(kill=request.kill), ALONE, at, reporter)
    from deepcli.api.distributed import joined, scratch
    from deepcli.system.agreed_signals import AgreedSignals

    if request.budget is not None:
        raise UsageError("--budget: cannot be used by several processes; set training.epochs or training.max_time")
    output = request.output if request.resume is None else request.resume
    with joined(request.place) as group, scratch(group, output) as mine:
        return _run(request, parts, mine, AgreedSignals(group, request.kill), group, at, reporter)


def _run(
    request: TrainRequest,
    parts: tuple[Source | Document, ...],
    output: Path | None,
    signals: Signals,
    group: ProcessGroup,
    at: Callable[[], Sources],
    reporter: Reporter,
) -> Result:
    """Load a spec, and train, skip or resume its run in `output`, or in the run that the request resumes."""
    with signals.noted(), contextlib.ExitStack() as stack:
        stack.callback(reporter.end)  # also where an error or an interrupt ends the work
        reporter.doing("reading the spec")
        loaded = load_parts(parts, request.overrides, request.plugins)
        for notice in loaded.notices:
            reporter.note(f"notice: {notice}")
        experiment = loaded.experiment
        demand_same_spec(group, experiment)

        def look() -> Known:
            nonlocal experiment
            result, resumption, experiment = _begun(request, experiment, stack, reporter)
            return result, resumption

        result, resumption = begun_together(group, output, look)
        if result is not None:
            return result
        if resumption is not None and resumption.checkpoint is not None:
            experiment = experiment.carrying(resumption.checkpoint.experiment.data.data_schema)
        started = replace(loaded, experiment=experiment)
        where = output or request.resume
        return _trained(request, started, where, resumption, signals, group, at, reporter)


def _begun(
    request: TrainRequest, experiment: Experiment, stack: contextlib.ExitStack, reporter: Reporter
) -> tuple[Result | None, Resumption | None, Experiment]:
    """Look at the run that the request names: return its result if it has finished, or how to resume it.

    The spec is returned too, with the epochs that a budget chose when the run was started.
    """
    from deepcli.run import directory

    output = request.output if request.resume is None else request.resume
    if_exists: IfExists = request.if_exists if request.resume is None else "resume"
    if output is None or not directory.existing(output, if_exists):
        return None, None, experiment
    run = directory.RunDir(output)
    if if_exists == "resume":
        stack.enter_context(run.owned())
    if request.budget is not None:
        from deepcli.run.resuming import with_epochs_of

        experiment = with_epochs_of(run, experiment, request.budget)
    return *_known(run, if_exists, experiment, reporter), experiment


def _trained(
    request: TrainRequest,
    loaded: Loaded,
    output: Path | None,
    resumption: Resumption | None,
    signals: Signals,
    group: ProcessGroup,
    at: Callable[[], Sources],
    reporter: Reporter,
) -> Result:
    """Read the data and train."""
    sources, experiment = at(), loaded.experiment
    splits = read_data(experiment, sources, reporter)
    demand_same_data(group, splits.provenance.fingerprint)

    from deepcli.run.directory import default_path
    from deepcli.system.backend_startup import import_backend

    wanted = experiment.training.backend if request.place is None else "jax"
    import_backend(wanted, doing=reporter.doing)
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    options = TrainOptions(
        output or default_path(experiment.name),
        request.if_exists == "overwrite",
        request.command,
        request.plugins,
        request.started,
        resumption,
        signals,
        callbacks=request.callbacks,
        numbered=output is None,
        sources=sources,
        origins=loaded.origins,
        budget=request.budget if resumption is None else None,
        group=group,
    )
    with _devices_of(group, request.place):
        return train(experiment, splits, options, reporter)


def _devices_of(group: ProcessGroup, place: Place | None) -> AbstractContextManager[None]:
    """Return the context in which this process sees the devices of all."""
    if place is None:
        return contextlib.nullcontext()
    from deepcli.training.jax_processes import connected

    return connected(group, place)


def read_data(experiment: Experiment, sources: Sources, reporter: Reporter) -> Splits:
    """Read a spec's data, and show what is worth knowing about them.

    Raises:
        DataError: They cannot be read.
    """
    reporter.doing("reading the data")
    splits = experiment.data.load(sources)
    if not splits.provenance.verified:
        reporter.note(
            f"notice: {splits.provenance.source} differs from the published file; "
            "results are not comparable with published ones"
        )
    for line in findings_told(splits.findings, experiment.data.path):
        reporter.note(line)
    return splits


def _known(
    run: RunDir, if_exists: IfExists, experiment: Experiment, reporter: Reporter
) -> tuple[Result | None, Resumption | None]:
    """Return the result of a finished run, or how to resume an unfinished one."""
    from deepcli.run.resuming import resume, skip

    if if_exists == "skip":
        result = skip(run, experiment)
        reporter.note(f"the run {run.path} has finished; nothing was trained")
        return result.model_copy(update={"run": str(run.path)}), None
    resumption = resume(run, experiment)
    finished = run.result() if resumption.finished else None
    if finished is None:
        return None, resumption
    reporter.note(resumption.finished or "")
    return finished.model_copy(update={"run": str(run.path)}), None


def _reworded(error: Interrupted, plugins: Sequence[str]) -> Interrupted:
    """Say how to continue from Python."""
    if error.run is None:
        return error
    needed = f", plugins={list(plugins)}" if plugins else ""
    where = str(error).partition("; continue with: ")[0]
    text = f"{where}; continue with: deepcli.train(resume={error.run!r}{needed})"
    reworded = Interrupted(text, error.exit_code - 128)
    reworded.run = error.run
    return reworded
