"""`deepcli.train`: from a spec to a trained run."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
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
    from deepcli.system.rendezvous import ProcessPlace


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
        signals = request.signals or Signals(kill=request.kill)
        return _run(_Work(request, request.output or request.resume, signals, ALONE, at, reporter), parts)
    from deepcli.api.distributed import joined, scratch
    from deepcli.system.agreed_signals import AgreedSignals

    if request.budget is not None:
        raise UsageError("--budget: cannot be used by several processes; set training.epochs or training.max_time")
    with joined(request.place) as group, scratch(group, request.resume or request.output) as output:
        return _run(_Work(request, output, AgreedSignals(group, request.kill), group, at, reporter), parts)


@dataclass(frozen=True)
class _Work:
    """What a process trains, and what it needs for that.

    Attributes:
        request: What to train.
        output: Where this process has the run; None: a new directory.
        signals: May request to stop.
        group: The processes that train the run.
        at: Returns where data are looked for.
        reporter: Shows notices and progress.
    """

    request: TrainRequest
    output: Path | None
    signals: Signals
    group: ProcessGroup
    at: Callable[[], Sources]
    reporter: Reporter


def _run(work: _Work, parts: tuple[Source | Document, ...]) -> Result:
    """Load a spec, and train, skip or resume its run."""
    request, reporter = work.request, work.reporter
    with work.signals.noted(), contextlib.ExitStack() as stack:
        stack.callback(reporter.end)  # also where an error or an interrupt ends the work
        reporter.doing("reading the spec")
        loaded = load_parts(parts, request.overrides, request.plugins)
        for notice in loaded.notices:
            reporter.note(f"notice: {notice}")
        experiment = loaded.experiment
        demand_same_spec(work.group, experiment)

        def look() -> Known:
            nonlocal experiment
            result, resumption, experiment = _begun(work, experiment, stack)
            return result, resumption

        result, resumption = begun_together(work.group, work.output, look)
        if result is not None:
            return result
        if resumption is not None and resumption.checkpoint is not None:
            experiment = experiment.carrying(resumption.checkpoint.experiment.data.data_schema)
        return _trained(work, replace(loaded, experiment=experiment), resumption)


def _begun(
    work: _Work, experiment: Experiment, stack: contextlib.ExitStack
) -> tuple[Result | None, Resumption | None, Experiment]:
    """Look at the run: return its result if it has finished, or how to resume it.

    The spec is returned too, with the epochs that a budget chose when the run was started.
    """
    from deepcli.run import directory

    request = work.request
    if_exists: IfExists = request.if_exists if request.resume is None else "resume"
    if work.output is None or not directory.existing(work.output, if_exists):
        return None, None, experiment
    run = directory.RunDir(work.output)
    if if_exists == "resume":
        stack.enter_context(run.owned())
    if request.budget is not None:
        from deepcli.run.resuming import with_epochs_of

        experiment = with_epochs_of(run, experiment, request.budget)
    return *_known(run, if_exists, experiment, work.reporter), experiment


def _trained(work: _Work, loaded: Loaded, resumption: Resumption | None) -> Result:
    """Read the data and train."""
    request, experiment, sources = work.request, loaded.experiment, work.at()
    splits = read_data(experiment, sources, work.reporter)
    demand_same_data(work.group, splits.provenance.fingerprint)

    from deepcli.run.directory import default_path
    from deepcli.system.backend_startup import import_backend

    wanted = experiment.training.backend if request.place is None else "jax"
    import_backend(wanted, doing=work.reporter.doing)
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    options = TrainOptions(
        work.output or default_path(experiment.name),
        request.if_exists == "overwrite",
        request.command,
        request.plugins,
        request.started,
        resumption,
        work.signals,
        callbacks=request.callbacks,
        numbered=work.output is None,
        sources=sources,
        origins=loaded.origins,
        budget=request.budget if resumption is None else None,
        group=work.group,
    )
    with _devices_of(work.group, request.place):
        return train(experiment, splits, options, work.reporter)


def _devices_of(group: ProcessGroup, place: ProcessPlace | None) -> AbstractContextManager[None]:
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
