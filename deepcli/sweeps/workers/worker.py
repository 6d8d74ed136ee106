"""A sweep's worker: trains one trial after another in a process that keeps TensorFlow and the data loaded."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import psutil

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.errors import DeepcliError, Interrupted
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.own_data import TrainedOn
from deepcli.run.reporter import NullReporter, Reporter
from deepcli.run.resuming import resume, skip
from deepcli.sweeps.ranking import keep_checkpoints
from deepcli.sweeps.study.study import Claim, Study
from deepcli.system.atomic import write_text
from deepcli.system.signals import Signals
from deepcli.training.compiled import CompiledModels
from deepcli.training.context import TrainOptions
from deepcli.training.evaluate import keep, load_model
from deepcli.training.train import train

SECONDS_BETWEEN_LOOKS = 0.2
"""How often to check for a free trial while other workers train all remaining ones."""

SECONDS_BETWEEN_SAVES = 10.0
"""Training time that a trial may lose if its worker dies; saving after each epoch could take longer than a trial."""

GROWTH = 1 << 30
"""A worker is restarted when it has grown by this many bytes, or when less than this is free on the machine."""


class Reports(keras.callbacks.Callback):
    """Reports each epoch of a trial to the study, and stops a trial that the pruner rejects.

    Args:
        claim: The trial.
        metric: The metric that the sweep optimizes.
        epochs: The trial's full length.
    """

    def __init__(self, claim: Claim, metric: str, epochs: int) -> None:
        super().__init__()
        self._claim, self._metric, self._epochs = claim, metric, epochs
        self.pruned = False
        self.ended, self.why_stopped = "pruned", ""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        number, trial = epoch + 1, self._claim.trial
        value = (logs or {})[self._metric]
        if number not in self._claim.reported and math.isfinite(value):
            trial.report(value, number)
        if self._claim.ends is None and number < self._epochs and trial.should_prune():
            self._claim.ends = number
            trial.set_user_attr("ends", number)
        if self._claim.ends is not None and number >= self._claim.ends:
            self.pruned = self.model.stop_training = True
            self.why_stopped = f"pruned by the sweep, whose other trials are better in {self._metric}"


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
        """
        while True:
            self._listen()
            claim = self._study.claim(new=not self._late)
            if claim is None and (self._study.done or (self._late and self._study.idle)):
                return self._measure_winner()
            if claim is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
            elif not self._suits(self._study.plan.experiment(claim.point)):
                self._study.give_back(claim)
                return False
            elif not self._train(claim) or self._has_grown():
                return False

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
        study, name, sound = self._study, self._study.plan.metric.name, True
        self._tell(f"trial {claim.number}: {claim.point}")
        try:
            values, pruned = self._values(claim, name)
        except Interrupted:
            study.give_back(claim)
            raise
        except DeepcliError as error:
            study.fail(claim, str(error))
        except Exception as error:
            # A model or a plugin may raise anything: the other trials continue in a new process.
            write_text(study.folder.log(f"trial-{claim.number:04d}"), traceback.format_exc())
            study.fail(claim, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            sound = False
        else:
            if pruned:
                study.prune(claim)
            else:
                study.complete(claim, values)
        with study.folder.exclusive():
            keep_checkpoints(study)
        return sound

    def _values(self, claim: Claim, name: str) -> tuple[list[float], bool]:
        """Train with each seed; return the metric at each run's best epoch, and whether the trial was pruned."""
        study, values = self._study, list[float]()
        for seed, output in zip(study.plan.seeds, study.runs(claim.number), strict=True):
            experiment = study.plan.experiment(claim.point, seed)
            reports = Reports(claim, name, experiment.training.epochs)
            result = self._run(experiment, output, study.plan.origins(claim.point), () if values else (reports,))
            value = result.metrics["validation"][name.removeprefix("val_")]
            values.append(math.nan if value is None else value)
            if reports.pruned or (claim.ends is not None and (result.epochs or 0) <= claim.ends):
                return values, True
        return values, False

    def _run(
        self, experiment: Experiment, output: Path, origins: Mapping[str, str], callbacks: tuple[Reports, ...]
    ) -> Result:
        request = TrainOptions(
            output,
            command=("sweep", "worker", str(self._study.folder.path)),
            plugins=self._study.plan.plugins,
            started=time.monotonic(),
            signals=self._signals,
            test=False,
            seconds_between_saves=SECONDS_BETWEEN_SAVES,
            callbacks=callbacks,
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
        """Evaluate the best trial on the test split, unless that is done or another worker is doing it."""
        lease = self._study.folder.lease("winner")
        if lease is None:
            return True
        try:
            return all(self._measure(RunDir(path)) for path in self._study.winners)
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


def go_on(
    experiment: Experiment, request: TrainOptions, load: Callable[[Experiment], Splits], reporter: Reporter
) -> Result:
    """Start a run, resume it, or return its result if it has finished.

    Raises:
        RunError: Another process is training the run, or it was started with another spec.
        DeepcliError: Any error that `train` raises.
    """
    run = RunDir(request.output)
    with contextlib.ExitStack() as stack:
        if run.config.is_file():
            stack.enter_context(run.owned())
            if (result := run.result()) and result.status == "completed":
                return skip(run, experiment)
            request = dataclasses.replace(request, resumption=resume(run, experiment))
        return train(experiment, load(experiment), request, reporter)


def measure(run: RunDir, load: Callable[[Experiment], Splits]) -> None:
    """Evaluate a run's best weights on the test split, and add the metrics to its result.

    Raises:
        CheckpointError: The checkpoint is missing or damaged.
        DataError: The data differ from those that the run was trained on.
        TrainingError: A file cannot be written.
    """
    checkpoint, result = open_checkpoint(run.best), run.result()
    splits = load(checkpoint.experiment)
    TrainedOn.of(checkpoint, run).demand(splits.provenance)
    measured = load_model(checkpoint).measure(splits.test)
    keep(run, "test", measured, splits.lexicon)
    if result is not None:
        metrics = {**result.metrics, "test": dict(measured.metrics)}
        write_text(run.metrics, result.model_copy(update={"metrics": metrics}).to_json() + "\n")
