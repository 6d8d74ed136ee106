"""A sweep's worker: trains one trial after another in a process that keeps TensorFlow and the data loaded."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.errors import DeepcliError, Interrupted
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.sweeps.leases import LeaseLost
from deepcli.sweeps.ranking import keep_checkpoints, metrics_on_test
from deepcli.sweeps.study.claim import Claim
from deepcli.sweeps.study.connection import StorageGone
from deepcli.sweeps.study.study import Study
from deepcli.sweeps.workers.trial_callbacks import Holding, Reports
from deepcli.sweeps.workers.trial_run import go_on, measure
from deepcli.system.atomic import write_text
from deepcli.system.signals import Signals
from deepcli.training.compiled import CompiledModels
from deepcli.training.context import TrainOptions

SECONDS_BETWEEN_SAVES = 10.0
"""Training time that a trial may lose if its worker dies; saving after each epoch could take longer than a trial.

Once a worker has died in a trial, each epoch is saved, so that workers which live shortly complete it together.
"""

GROWTH = 1 << 30
"""A worker is restarted when it has grown by this many bytes, or when less than this is free on the machine."""


class Worker:
    """Trains trials of a sweep until none is left, the time is over, or a new process is needed.

    Args:
        study: The sweep.
        sources: Where data are read or downloaded from.
        signals: May request to stop; the current trial is then left ready to resume.
        until: Time of `time.monotonic()` at which to stop starting trials; None for no limit.
        tell: Called with a line about each trial.
    """

    def __init__(
        self, study: Study, sources: Sources, signals: Signals, until: float | None, tell: Callable[[str], None]
    ) -> None:
        self._study, self._sources, self._signals, self._until, self._tell = study, sources, signals, until, tell
        self._splits: dict[str, Splits] = {}
        self._models = CompiledModels()
        self._setting: tuple[str, int | str, bool] | None = None
        self._size = 0

    def work(self) -> bool:
        """Train the trials that are left, then evaluate the best one on the test split.

        Returns:
            True if nothing is left to do; False if a new process should continue.

        Raises:
            Interrupted: A signal requested to stop.
            StorageGone: The server of the sweep's database has not answered for too long.
        """
        presence = self._study.leases.presence()
        try:
            return self._work()
        finally:
            if presence is not None:
                presence.release()

    def _work(self) -> bool:
        while True:
            self._listen()
            claim = self._study.claim(new=not self._late)
            if claim is None and (self._study.done or (self._late and self._study.idle)):
                return self._measure_winner()
            if claim is None:
                self._pause()
            elif not self._suits(self._study.plan.experiment(claim.point)):
                self._study.give_back(claim)
                return False
            elif not self._train(claim) or self._has_grown():
                return False

    def _pause(self) -> None:
        end = time.monotonic() + self._study.leases.look_seconds
        while self._signals.stop is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    @property
    def _late(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _listen(self) -> None:
        if self._signals.stop is not None:
            raise Interrupted("interrupted; run the same command again to continue", self._signals.stop)

    def _suits(self, experiment: Experiment) -> bool:
        """Return whether this process can train a spec: device, threads and determinism cannot change afterwards."""
        training = experiment.training
        setting = (training.device, training.threads, training.deterministic)
        self._setting = self._setting or setting
        return self._setting == setting

    def _train(self, claim: Claim) -> bool:
        """Train a trial and record its result; return False if the process should not be used any more."""
        study, holding = self._study, Holding(claim.lease)
        self._tell(f"trial {claim.number}: {claim.point}")
        if claim.elsewhere is not None:
            self._tell(
                f"trial {claim.number}: its worker is gone, and its run is in {claim.elsewhere}; starting anew here"
            )
        try:
            sound = self._train_and_record(claim, holding)
        except (Interrupted, StorageGone) as error:
            study.give_back(claim)
            raise (holding.gone or error) from None
        except LeaseLost as error:
            self._tell(f"trial {claim.number}: abandoned: {error}")
            claim.lease.release()
            return True
        self._keep_checkpoints()
        return sound

    def _train_and_record(self, claim: Claim, holding: Holding) -> bool:
        study, name = self._study, self._study.plan.metric.name
        try:
            values, pruned = self._values(claim, name, holding)
        except (Interrupted, StorageGone, LeaseLost):
            raise
        except DeepcliError as error:
            study.fail(claim, str(error))
        except Exception as error:
            # A model or a plugin may raise anything: the other trials continue in a new process.
            write_text(study.folder.log(f"trial-{claim.number:04d}"), traceback.format_exc())
            study.fail(claim, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            return False
        else:
            if pruned:
                study.prune(claim)
            else:
                study.complete(claim, values)
        return True

    def _keep_checkpoints(self) -> None:
        def keep_best() -> None:
            with self._study.leases.exclusive():
                keep_checkpoints(self._study)

        self._study.leases.waiting(keep_best)

    def _values(self, claim: Claim, name: str, holding: Holding) -> tuple[list[float], bool]:
        """Train with each seed; return the metric at each run's best epoch, and whether the trial was pruned."""
        study, values = self._study, list[float]()
        for seed, output in zip(study.plan.seeds, study.runs(claim.number), strict=True):
            experiment = study.plan.experiment(claim.point, seed)
            reports = Reports(claim, study.leases, name, experiment.training.epochs)
            callbacks = (holding,) if values else (reports, holding)
            saves = 0.0 if claim.deaths else SECONDS_BETWEEN_SAVES
            result = self._run(experiment, output, study.plan.origins(claim.point), callbacks, saves)
            value = result.metrics["validation"][name.removeprefix("val_")]
            values.append(math.nan if value is None else value)
            if reports.pruned or (claim.ends is not None and (result.epochs or 0) <= claim.ends):
                return values, True
        return values, False

    def _run(
        self,
        experiment: Experiment,
        output: Path,
        origins: Mapping[str, str],
        callbacks: Sequence[Reports | Holding],
        seconds_between_saves: float,
    ) -> Result:
        request = TrainOptions(
            output,
            command=("sweep", "worker", str(self._study.folder.path)),
            plugins=self._study.plan.plugins,
            started=time.monotonic(),
            signals=self._signals,
            test=False,
            seconds_between_saves=seconds_between_saves,
            callbacks=tuple(callbacks),
            models=self._models,
            sources=self._sources,
            origins=origins,
        )
        return go_on(experiment, request, self._load, NullReporter())

    def know(self, experiment: Experiment, splits: Splits) -> None:
        """Reuse data that are already loaded."""
        self._splits = {_data(experiment): splits}

    def _load(self, experiment: Experiment) -> Splits:
        """Load data, or reuse those of the previous trial."""
        key = _data(experiment)
        if key not in self._splits:
            self._splits = {key: experiment.data.load(self._sources)}
        return self._splits[key]

    def _has_grown(self) -> bool:
        size = psutil.Process().memory_info().rss
        self._size = self._size or size
        return size - self._size > GROWTH or psutil.virtual_memory().available < GROWTH

    def _measure_winner(self) -> bool:
        """Evaluate the best trial on the test split, unless that is done, or left to a worker that has its runs."""
        study = self._study
        self._keep_checkpoints()  # another machine's trial may have become the best since the last one here
        if not study.winners:
            return True
        lease = study.leases.waiting(lambda: study.leases.take("winner"))
        if lease is None:
            return True
        try:
            runs = [RunDir(path) for path in study.winners]
            is_done = all(self._measure(run) for run in runs)
            if is_done and (measured := metrics_on_test(runs)):
                study.note_test(measured)
            return is_done
        finally:
            lease.release()

    def _measure(self, run: RunDir) -> bool:
        """Evaluate a run on the test split, unless that is done; return False if this process cannot."""
        result = run.result()
        if result is None or "test" in result.metrics:
            return True
        if not self._suits(open_checkpoint(run.best).experiment):
            return False
        self._tell(f"{run.path}: evaluating the best trial on the test split")
        measure(run, self._load)
        return True


def _data(experiment: Experiment) -> str:
    """Return a key for a spec's data: every field that its splits depend on."""
    return experiment.data.model_dump_json(exclude={"batch_size", "augmentation"})
