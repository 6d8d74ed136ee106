"""`deepcli.sweep`: train a spec at many points, and rank them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import opened, plain, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.sweep import Sweep, storage_url
from deepcli.api.sweep_engine import engine_of
from deepcli.api.sweep_outcome import RankedOutcome, outcome_of
from deepcli.errors import Interrupted, UsageError
from deepcli.sweeps.engines.engine_settings import EngineSettings
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.data.files import Sources
    from deepcli.run.reporter import Reporter
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.engines.engine import Engine
    from deepcli.sweeps.plan import Plan
    from deepcli.sweeps.study.study import Study


@dataclass(frozen=True)
class SweepRequest:
    """What to sweep, and where the sweep goes.

    Attributes:
        spec: The parts of the spec, as `deepcli.load` takes them; strings like `optimizer.learning_rate=[1e-3, 1e-2]` are
            parameters.
        varied: More parameters by dotted key, in the form of the section `sweep`.
        overrides: Overrides that are never parameters.
        options: Fields of the section `sweep` by name; None leaves a field unchanged.
        plugins: Python files or modules to import first.
        output: The sweep's directory; None: `sweeps/NAME`, with the spec's name.
        workers: Number of processes; None: as many as fit on this machine.
        storage: The URL of an Optuna storage; None: a journal file in the directory.
        started: `time.monotonic()` when the call began.
        kill: Whether a second SIGINT may end the process.
        again: How to continue after an interrupt.
        engine: Where the workers run.
    """

    spec: tuple[Source, ...]
    varied: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    output: Path | None = None
    workers: int | None = None
    storage: str | None = None
    started: float = 0.0
    kill: bool = True
    again: str = "run the same command again"
    engine: EngineSettings = field(default_factory=EngineSettings)


def sweep(
    spec: Source,
    parameters: Mapping[str, Any] | None = None,
    *,
    method: Literal["grid", "random", "bayes"] | None = None,
    metric: str | None = None,
    max_trials: int | None = None,
    max_time: float | str | None = None,
    max_failures: int | None = None,
    seeds: int | Sequence[int] | None = None,
    seed: int | None = None,
    workers: int | None = None,
    on: str = "local",
    ray: Mapping[str, object] | None = None,
    slurm: Mapping[str, object] | None = None,
    output: str | os.PathLike[str] | None = None,
    storage: str | None = None,
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> Sweep:
    """Train a spec at many points, rank them on the validation split, and evaluate the best once on the test split.

    ```python
    deepcli.sweep("config.yaml", {"optimizer.learning_rate": "log:1e-4:1e-1", "model.activation": ["relu", "tanh"]})
    ```

    This is `deepcli sweep run`: the same checks, files and figures. Call it again with the same arguments to continue an
    interrupted sweep, or with a larger `max_trials` to extend it. An interrupt (Ctrl-C, or that of a notebook's kernel)
    stops each worker after its current step, with a checkpoint; a second one raises KeyboardInterrupt.

    The workers are processes of `deepcli sweep worker`, not copies of this program: a script needs no
    `if __name__ == "__main__":`. They know a component of your own only if it is in one of the `plugins`.

    Args:
        spec: A spec from `deepcli.load`, a file or a dict. Of a file or dict, the section `sweep` counts too.
        parameters: What varies, by dotted key: a list of candidates; a dict like `{"min": 0.0, "max": 0.5}`; or a string as
            on the command line: `log:1e-4:1e-1`, `uniform:0:0.5`, `int:1:4`, `int_log:8:256`, `[1, 2]`. Any other string
            sets a single value, and keys like `sweep.keep` set fields of the section `sweep` by strings.
        method: How points are chosen; default: grid if every parameter is a list, else bayes.
        metric: The metric to optimize; default: the one that decides the best epoch.
        max_trials: Number of points to try; default: the whole grid, else 20.
        max_time: Stop starting trials after this time: seconds, or a string like `90m` or `2h`.
        max_failures: Stop the sweep after more failed trials than this; default: a tenth of all, at least 3.
        seeds: Number of seeds per point, or a list of offsets to the spec's seed.
        seed: Seed for sampling points.
        workers: Number of processes; default: as many as fit on this machine, which share its threads.
        on: Where workers run: `local`, `ray`, `ray://HOST:PORT`, `slurm`, or `none` to start none.
        ray: What each worker on Ray needs, as `--ray` takes it: `{"gpus": 1}`.
        slurm: Options of sbatch, as `--slurm` takes them; also `time` and `partition`.
        output: The sweep's directory; default: `sweeps/NAME`, with the spec's name.
        storage: The URL of an Optuna storage; default: `DEEPCLI_STORAGE`, else a journal file in the directory.
        progress: Whether to show notices and trials: a table on a terminal, a bar in a notebook, else a line a trial.
        plugins: Python files or modules that register components. They are imported first, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Raises:
        SpecError: The spec, a parameter or an option is not valid, or the directory has a sweep with another plan.
        UsageError: The arguments do not fit together, or a plugin cannot be imported.
        DataError: The data cannot be read.
        RunError: The directory cannot be written, or is not a sweep.
        TrainingError: Too many trials failed, none completed, or the workers failed.
        Interrupted: An interrupt or SIGTERM stopped it; the text says how to continue.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers: should be at least 1, not {workers}")
    limits = {"max_trials": max_trials, "max_time": max_time, "max_failures": max_failures}
    words, varied = _sorted(parameters or {})
    request = SweepRequest(
        (spec, *words),
        varied,
        options=plain({"method": method, "metric": metric, **limits, "seeds": seeds, "seed": seed}, ()),
        plugins=plugin_names(plugins),
        output=None if output is None else Path(output),
        workers=workers,
        storage=storage_url(storage),
        started=time.monotonic(),
        kill=False,
        again="call deepcli.sweep again with the same arguments",
        engine=engine_of(on, ray or {}, slurm or {}),
    )
    report = make_reporter(quiet=not progress)
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    with reaching(reach_of(offline, progress)):
        ended = run_sweep(request, load_plan(request, report), at, report, quiet=not progress)
    if ended.problem is not None:
        raise ended.problem
    return Sweep(str(ended.outcome.sweep), storage=request.storage, plugins=request.plugins, outcome=ended.outcome)


def load_plan(request: SweepRequest, report: Reporter) -> Plan:
    """Load and check everything before training, and show the notices.

    Raises:
        SpecError: The spec, a parameter or an option is not valid.
        UsageError: There is no spec, the arguments do not fit together, or a plugin cannot be imported.
    """
    from deepcli.sweeps.load import load_sweep

    words = [part if isinstance(part, str) else opened(part) for part in request.spec]
    planned = load_sweep(words, request.overrides, request.plugins, request.options, request.varied)
    for notice in planned.notices:
        report.note(f"notice: {notice}")
    return planned


def run_sweep(
    request: SweepRequest, planned: Plan, at: Callable[[], Sources], report: Reporter, quiet: bool
) -> RankedOutcome:
    """Train the trials of a plan in worker processes, and write the ranking and the outcome.

    Args:
        request: What to sweep.
        planned: Its plan, from `load_plan`.
        at: Returns where data are looked for.
        report: Shows notices.
        quiet: Whether to show no trials.

    Raises:
        SpecError: A parameter sets another backend than that of the spec.
        DeepcliError: As `sweep` says, other than those in the outcome's `problem`.
    """
    from deepcli.sweeps.engines.choose import check_engine, make_engine
    from deepcli.sweeps.one_backend import demand_one_backend

    demand_one_backend(planned)
    check_engine(request.engine, request.workers)
    sources = at()
    # The workers load the data again; here, downloads are shown, and a failure leaves no sweep behind.
    base = planned.experiment({})
    report.doing("reading the data")
    try:
        data = base.data.load(sources).provenance
    finally:
        report.end()

    from deepcli.api.sweep_engine import is_over, launch_of, left_alone, sweep_path
    from deepcli.sweeps.start import open_study, publish, start_sweep

    folder, known = start_sweep(sweep_path(request, planned), planned, request.storage)
    report.note(f"{'continuing' if known else 'starting'} {folder.path}: {summary(planned)}")
    signals = Signals(kill=request.kill)
    with signals.deferred(report.note):
        publish(folder, request.storage, planned, data)
        if request.engine.name == "none":
            return left_alone(open_study(folder, request.storage), request, report.note)
        if known and request.engine.name != "local" and is_over(study := open_study(folder, request.storage)):
            return _concluded(study, request, None)  # rather than wait in a queue to find nothing to do
        engine = make_engine(launch_of(request, folder, sources), request.engine, sources, request.plugins, report.note)
        if request.engine.slurm.detach:
            return left_alone(open_study(folder, request.storage), request, report.note)
        study = _watched(request, folder, engine, signals, report, quiet)
    return _concluded(study, request, signals.stop)


def _watched(
    request: SweepRequest, folder: SweepDir, engine: Engine, signals: Signals, report: Reporter, quiet: bool
) -> Study:
    """Show a sweep until its workers have ended; return its study."""
    from deepcli.api.sweep_engine import wait_for_winner, watch
    from deepcli.api.sweep_progress import make_view
    from deepcli.sweeps.joining import join_lines
    from deepcli.sweeps.start import open_study
    from deepcli.sweeps.study.connection import PATIENCE, Patience

    try:
        study = open_study(folder, request.storage, patience=Patience(PATIENCE, signals, report.note))
        for line in join_lines(study):
            report.note(line)
        watch(study, engine, signals, make_view(study.plan, study.size, quiet))
    finally:
        engine.end()
    wait_for_winner(study, signals, report.note)
    return study


def summary(planned: Plan) -> str:
    """Describe a sweep in one line."""
    seeds = f" with {len(planned.seeds)} seeds each" if len(planned.seeds) > 1 else ""
    goal = "maximizing" if planned.metric.goal == "maximize" else "minimizing"
    return f"{planned.max_trials} trials{seeds}, {planned.method}, {goal} {planned.metric.name}"


def _sorted(parameters: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Separate parameters that are written as on the command line from those in the form of the section `sweep`."""
    from deepcli.experiment.load import is_override

    words, varied = list[str](), dict[str, Any]()
    for key, value in parameters.items():
        if not isinstance(key, str):
            raise UsageError(f"a parameter should be a dotted key, like optimizer.learning_rate, not {key!r}")
        if isinstance(value, str) and is_override(f"{key}="):
            words.append(f"{key}={value}")
        else:
            array = type(value).__module__ == "numpy" and hasattr(value, "tolist")
            varied[key] = value.tolist() if array else list(value) if isinstance(value, range) else value
    return words, plain(varied, ())


def _concluded(study: Study, request: SweepRequest, stop: int | None) -> RankedOutcome:
    """Write the ranking and the outcome."""
    from deepcli.sweeps.ranking import write
    from deepcli.system.atomic import write_text

    text = f"interrupted; {request.again} to continue {study.folder.path}"
    interrupted = None if stop is None else Interrupted(text, stop)
    write(study)
    ended = outcome_of(study, "sweep run", stop is None, time.monotonic() - request.started, interrupted)
    write_text(study.folder.outcome, ended.outcome.to_json() + "\n")
    study.close()
    return ended
