"""The workers of a sweep while a command watches them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.api.sweep_progress import SweepView
    from deepcli.api.sweeping import SweepRequest
    from deepcli.data.files import Sources
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.engines.engine import Engine, Launch
    from deepcli.sweeps.study.study import Study
    from deepcli.system.signals import Signals

SECONDS_BETWEEN_LOOKS = 0.25


def launch_of(request: SweepRequest, folder: SweepDir, sources: Sources) -> Launch:
    """Return the workers that a request asks for."""
    from deepcli.sweeps.engines.engine import Launch

    options = [word for plugin in request.plugins for word in ("--plugin", plugin)]
    options += ["--data-dir", str(sources.data_dir)] if sources.data_dir else []
    options += ["--offline"] if sources.offline else []
    storage = {"DEEPCLI_STORAGE": request.storage} if request.storage else {}
    environment = storage if sources.offline else {**storage, "DEEPCLI_OFFLINE": "0"}
    return Launch(folder, request.workers, tuple(options), environment)


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
    """Wait while a worker on another machine evaluates the best trial, whose runs are there."""
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
