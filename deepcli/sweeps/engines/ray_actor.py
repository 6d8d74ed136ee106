"""A worker of a sweep as an actor of Ray: it keeps Keras imported, and trains trials in its process."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import time
from dataclasses import dataclass, replace
from typing import Any

import deepcli
from deepcli.data.arrays.splits import Splits
from deepcli.errors import DeepcliError, RunError
from deepcli.experiment.schema import Experiment
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.joining import join_sweep
from deepcli.sweeps.start import open_study
from deepcli.sweeps.study.storage import has_leases
from deepcli.sweeps.workers.pool import WorkerConfig, log_to, train_trials
from deepcli.system.signals import Signals


@dataclass(frozen=True)
class ActorEnd:
    """How an actor's work ended.

    Attributes:
        code: The exit code that a worker's process would have.
        log: The file with its lines.
        last: The last of them.
    """

    code: int
    log: str
    last: str


class TrialActor:
    """Trains trials; `stop` is called from another thread than `work`, so an actor needs two.

    Args:
        config: The settings of the worker, without data and without an end.
        slot: The number of the worker.
        study: The name of the sweep's study in its storage.
        version: The version of deepcli that starts it.
    """

    def __init__(self, config: WorkerConfig, slot: int, study: str, version: str) -> None:
        self._config, self._slot, self._study, self._version = config, slot, study, version
        self._signals = Signals(kill=False)

    def place(self) -> str:
        """Return the machine that the actor is on."""
        return platform.node()

    def _ready(self) -> WorkerConfig:
        """Check that the actor can work on this machine, and return its settings.

        Raises:
            DeepcliError: Another version of deepcli is installed here, or the sweep's directory is missing and its database
                does not say enough.
        """
        node, config = platform.node(), self._config
        if deepcli.__version__ != self._version:
            raise RunError(
                f"{node} has deepcli {deepcli.__version__}, and this is {self._version}; install one version"
            )
        if SweepDir(config.folder).plan.is_file():
            return config
        if config.storage is None or not has_leases(config.storage):
            raise RunError(
                f"{node} has no directory {config.folder} with this sweep; put the sweep on a file system that all nodes "
                "share and name it by --output, or use PostgreSQL (--storage)"
            )
        return replace(config, loaded=joined(config, self._study))

    def work(self, seconds: float | None) -> ActorEnd:
        """Train trials until none is left.

        Args:
            seconds: Time after which no trial is started; None for no limit.
        """
        try:
            config = self._ready()
        except DeepcliError as error:
            return ActorEnd(error.exit_code, "", str(error))
        path = SweepDir(self._config.folder).log(f"worker-{platform.node()}-ray-{self._slot}")
        log = log_to(path)
        log(f"worker {self._slot} on Ray, process {os.getpid()}")
        until = None if seconds is None else time.monotonic() + seconds
        code = train_trials(replace(config, until=until), self._signals, log)
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return ActorEnd(code, str(path), lines[-1] if lines else "")

    def stop(self) -> None:
        """Let `work` end after its step, with the trial ready to resume."""
        self._signals.stop = signal.SIGTERM


def joined(config: WorkerConfig, name: str) -> tuple[Experiment, Splits]:
    """Make this machine's directory of a sweep that is only known by its database; return its spec and data.

    Args:
        config: The settings of the worker; its directory has the same path as on the machine that started the sweep.
        name: The name of the sweep's study.

    Raises:
        DeepcliError: The database cannot be used, the directory cannot be made, or the data are not those of the sweep.
    """
    folder = join_sweep(config.storage, name, config.folder)
    with contextlib.closing(open_study(folder, config.storage, config.plugins)) as study:
        plan, published = study.plan, study.published
    base = plan.experiment({})
    splits = base.data.load(config.sources)
    if published is not None:
        published.demand_same(name, plan, splits.provenance)
    return base, splits


def actor_class(ray: Any, needs: dict[str, Any]) -> Any:
    """Return the class of actors with what each needs, for `remote`.

    Args:
        ray: The module.
        needs: Fields of `RaySettings`.
    """
    options = {
        "num_cpus": needs["cpus"],
        "num_gpus": needs["gpus"] or 0,
        "memory": needs["memory"],
        "resources": needs["resources"] or None,
        "label_selector": needs["labels"] or None,
        "max_concurrency": 2,
        "max_restarts": 0,  # the driver makes another one, which also gets the time that is left
    }
    return ray.remote(TrialActor).options(**{name: value for name, value in options.items() if value is not None})
