"""`deepcli.cost`: what a run would cost, from a few real steps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.progress import make_reporter
from deepcli.api.slow_work import download_progress, reach_of
from deepcli.api.train_request import TrainRequest, requested_parts
from deepcli.system.reach import reaching
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.data.files import Sources
    from deepcli.run.reporter import Reporter
    from deepcli.training.cost import Cost


def cost(
    spec: Source,
    *more: Source,
    budget: float | str | None = None,
    progress: bool = True,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> Cost:
    """Take a few steps of a run and say what the whole would cost: parameters, memory, operations, time and disk.

    This is `deepcli train --dry-run`: data are read as for training, and no run is made.

    Args:
        spec: A spec from `deepcli.load`, a file or a dict.
        more: More files, dicts and overrides like `data.batch_size=64`, merged over the spec as `load` does.
        budget: Time that epochs are chosen for, as `train` does: seconds, or a string like `10m`.
        progress: Whether to show notices.
        plugins: Python files or modules that register components. They are imported first, which runs their code.
        data_dir: A folder with data files; default: `DEEPCLI_DATA_DIR`.
        offline: Whether downloads are forbidden; default: `DEEPCLI_OFFLINE`.

    Raises:
        SpecError: The spec is not valid, or the budget is too short.
        UsageError: A plugin cannot be imported.
        DataError: The data cannot be read.
        TrainingError: Memory ran out.
    """
    started = time.monotonic()
    from deepcli.spec.durations import option_seconds

    request = TrainRequest(
        (spec, *more),
        plugins=plugin_names(plugins),
        started=started,
        kill=False,
        budget=option_seconds("--budget", budget),
    )
    at = partial(data_sources, data_dir, offline, download_progress if progress else None)
    with reaching(reach_of(offline, progress)):
        return run_cost(request, at, make_reporter(quiet=not progress))


def run_cost(request: TrainRequest, at: Callable[[], Sources], reporter: Reporter) -> Cost:
    """Load a spec, read its data, and measure what training it would cost.

    Args:
        request: What would be trained.
        at: Returns where data are looked for.
        reporter: Shows notices.

    Raises:
        DeepcliError: As `cost` says.
    """
    signals = Signals(kill=request.kill)
    loaded = load_parts(requested_parts(request), request.overrides, request.plugins)
    for notice in loaded.notices:
        reporter.note(f"notice: {notice}")
    for tracker in loaded.experiment.training.trackers:
        tracker.demand()
    sources = at()
    splits = loaded.experiment.data.load(sources)

    from deepcli.system.backend_startup import import_backend

    import_backend(loaded.experiment.training.backend)
    from deepcli.training.measuring_cost import measure_cost

    return measure_cost(loaded.experiment, splits, reporter, signals, request.started, sources, request.budget)
