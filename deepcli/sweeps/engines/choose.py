"""The one place that decides which engine starts a sweep's workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deepcli.data.files import Sources
from deepcli.errors import UsageError
from deepcli.sweeps.engines.engine import Engine, Launch
from deepcli.sweeps.engines.engine_settings import EngineSettings
from deepcli.system import extras


def check_engine(settings: EngineSettings, workers: int | None) -> None:
    """Check that an engine can be used here, before anything is written.

    Raises:
        UsageError: Its package is not installed, or the number of workers is missing.
    """
    if settings.name == "ray":
        extras.demand("--on ray", ("ray",), "ray")
    if settings.name == "slurm":
        extras.demand("--on slurm", ("submitit",), "slurm")
        if workers is None:
            raise UsageError("--on slurm: needs --workers N, the number of jobs, each with one worker")


def make_engine(
    launch: Launch, settings: EngineSettings, sources: Sources, plugins: Sequence[str], note: Callable[[str], None]
) -> Engine:
    """Start the workers of a sweep where the settings say.

    Args:
        launch: The workers.
        settings: Where they run; not `none`.
        sources: Where data are read or downloaded from.
        plugins: Plugins to import first.
        note: Called with a line for the user.

    Raises:
        UsageError: An option does not fit the engine.
        TrainingError: The engine refuses the workers.
    """
    if settings.name == "ray":
        from deepcli.sweeps.engines.ray_workers import RayWorkers

        return RayWorkers(launch, settings, sources, plugins)
    if settings.name == "slurm":
        from deepcli.sweeps.engines.slurm import SlurmWorkers

        return SlurmWorkers(launch, settings.slurm, note)
    from deepcli.sweeps.engines.local import LocalWorkers

    return LocalWorkers(launch)
