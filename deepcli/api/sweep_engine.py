"""The workers of a sweep while a command watches them."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.sweeps.engines.engine_settings import EngineSettings, engine_settings

if TYPE_CHECKING:
    from deepcli.api.sweep_outcome import RankedOutcome
    from deepcli.api.sweep_progress import SweepView
    from deepcli.api.sweeping import SweepRequest
    from deepcli.data.files import Sources
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.engines.engine import Engine, Launch
    from deepcli.sweeps.plan import Plan
    from deepcli.sweeps.study.study import Study
    from deepcli.system.signals import Signals

SECONDS_BETWEEN_LOOKS = 0.25


def engine_of(on: str, ray: Mapping[str, object], slurm: Mapping[str, object]) -> EngineSettings:
    """Read where workers run from a program's arguments."""
    special = {name: slurm.get(name) for name in ("time", "partition")}
    rest = {name: value for name, value in slurm.items() if name not in special}
    needs, options = (
        [key if value is True else f"{key}={value}" for key, value in given.items()] for given in (ray, rest)
    )
    limit, partition = (None if value is None else str(value) for value in special.values())
    return engine_settings(on, needs, options, limit, partition)


def launch_of(request: SweepRequest, folder: SweepDir, sources: Sources) -> Launch:
    """Return the workers that a request asks for."""
    from deepcli.sweeps.engines.engine import Launch

    options = [word for plugin in request.plugins for word in ("--plugin", plugin)]
    options += ["--data-dir", str(sources.data_dir)] if sources.data_dir else []
    options += ["--offline"] if sources.offline else []
    storage = {"DEEPCLI_STORAGE": request.storage} if request.storage else {}
    environment = storage if sources.offline else {**storage, "DEEPCLI_OFFLINE": "0"}
    return Launch(folder, request.workers, tuple(options), environment)


def is_over(study: Study) -> bool:
    """Return whether a sweep needs no worker any more; plot it if so, as nobody else will."""
    from deepcli.sweeps.ranking import tested
    from deepcli.sweeps.study import plots

    over = study.done and (study.winner is None or bool(tested(study)))
    if over:
        plots.draw(study.optuna, study.plan.metric.name, study.folder.path)
    return over


def watch(study: Study, engine: Engine, signals: Signals, view: SweepView) -> None:
    """Show the sweep until its workers end or a signal stops them, and plot it."""
    from deepcli.sweeps.ranking import ranking
    from deepcli.sweeps.study import plots  # a slow import, done while the workers start

    drawn, metric = False, study.plan.metric.name
    try:
        while engine.at_work() and signals.stop is None:
            # If a database does not answer, nothing is shown, as its workers may still be training.
            rows = study.leases.at_once(lambda: ranking(study))
            if rows is not None:
                view.show(rows, engine.jobs())
            if not drawn and study.leases.at_once(lambda: study.done):  # while a worker evaluates the best trial
                drawn = True
                plots.draw(study.optuna, metric, study.folder.path)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if signals.stop is not None:
            engine.end()
        view.show(ranking(study))
    finally:
        view.end()
    if not drawn:
        plots.draw(study.optuna, metric, study.folder.path)


def wait_for_winner(study: Study, signals: Signals, note: Callable[[str], None]) -> None:
    """Wait while a worker on another machine evaluates the best trial: its runs are on that machine."""
    from deepcli.sweeps.study.whereabouts import Whereabouts

    told = False
    while signals.stop is None and study.done and (winner := study.winner) and not study.is_here(winner):
        where = Whereabouts.of(winner)
        if study.noted_test or where is None or not study.leases.is_present(where.place):
            return
        if not told:
            note(f"waiting for {where.host}, which evaluates the best trial on the test split")
            told = True
        time.sleep(SECONDS_BETWEEN_LOOKS)


def job_script(request: SweepRequest, planned: Plan, at: Callable[[], Sources]) -> str | None:
    """Return the script that would be submitted to SLURM; None for other engines. Nothing is written.

    Raises:
        UsageError: submitit is not installed, or the number of jobs is missing.
    """
    from deepcli.sweeps.engines.choose import check_engine

    check_engine(request.engine, request.workers)
    if request.engine.name != "slurm":
        return None
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.engines.slurm_submission import submission_script

    launch = launch_of(request, SweepDir(sweep_path(request, planned)), at())
    return submission_script(launch, request.engine.slurm)


def sweep_path(request: SweepRequest, planned: Plan) -> Path:
    """Return the directory of a sweep."""
    from deepcli.sweeps.directory import default_path

    return request.output or default_path(planned.experiment({}).name)


def left_alone(study: Study, request: SweepRequest, note: Callable[[str], None]) -> RankedOutcome:
    """Return the outcome of a sweep whose workers are not watched."""
    from deepcli.api.sweep_outcome import outcome_of
    from deepcli.sweeps.joining import join_lines

    with contextlib.closing(study):
        if request.engine.name == "none":
            note(f"no workers are started; start them with: deepcli sweep worker {shlex.quote(str(study.folder.path))}")
            for line in join_lines(study):
                note(line)
        return outcome_of(study, "sweep run", study.done, time.monotonic() - request.started)
