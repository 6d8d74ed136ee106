"""What a run is given: the options of the command, and what all its sessions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import OFFLINE, Sources
from deepcli.experiment.schema import Experiment
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.run.resuming import Resumption
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.signals import Signals
from deepcli.trackers import Tracker
from deepcli.training.backend import Backend, Batches
from deepcli.training.compiled import CompiledModels
from deepcli.training.planned_end import PlannedEnd, PositionLimit
from deepcli.training.settings import RunSettings
from deepcli.training.state import Position
from deepcli.training.time_limit import UNKNOWN, EndTimes, TimeLimit, TrainingClock


@dataclass(frozen=True)
class TrainOptions:
    """What a run needs besides its spec.

    Attributes:
        output: Path of the run directory.
        replace: Whether an existing run may be replaced.
        numbered: Whether to append the next free number to the name if the path exists.
        command: The command line, to be recorded.
        plugins: The plugins imported for the run.
        started: `time.monotonic()` at the start of the command.
        resumption: The run at `output` to resume, owned by this process; None for a new run.
        signals: May request checkpoints, or to stop.
        test: Whether to evaluate the best weights on the test split at the end.
        seconds_between_saves: Minimum time between two checkpoints; until then the best weights are kept in memory. For
            short runs, which are cheap to repeat.
        callbacks: Additional callbacks, called in each epoch before its checkpoint is written.
        sources: Where a model may look for files that it starts from, such as pretrained weights.
        origins: Where each value was written that the spec sets, by dotted key; empty if that is unknown.
        budget: Seconds that epochs are chosen for; None takes those of the spec.
        models: Compiled models of earlier runs in this process, to reuse; None builds one for this run only.
        group: The processes that train the run.
        end: Where the run ends, if the clock has decided it for a run that is reproduced; None: where the spec says.
    """

    output: Path
    replace: bool = False
    command: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    started: float = 0.0
    resumption: Resumption | None = None
    signals: Signals = field(default_factory=Signals)
    test: bool = True
    seconds_between_saves: float = 0.0
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    numbered: bool = False
    models: CompiledModels | None = None
    sources: Sources = OFFLINE
    origins: Mapping[str, str] = field(default_factory=dict)
    budget: float | None = None
    end: PlannedEnd | None = None
    group: ProcessGroup = ALONE


Rollbacks = tuple[Mapping[str, Any], ...]
"""The rollbacks after divergences so far: reason, step, and the step that training returned to."""


@dataclass(frozen=True)
class RunContext:
    """What all sessions of a run share.

    Attributes:
        experiment: The spec.
        splits: The data.
        run: The run directory, owned by this process.
        backend: Takes steps and predicts.
        settings: The settings chosen for the device.
        options: The options of the command.
        reporter: Shows progress.
        clock: Has the time of training so far.
        ends: What the end of the run takes, as measured before; used only with a time limit.
    """

    experiment: Experiment
    splits: Splits
    run: RunDir
    backend: Backend
    settings: RunSettings
    options: TrainOptions
    reporter: Reporter
    clock: TrainingClock = field(default_factory=TrainingClock)
    ends: EndTimes = UNKNOWN

    @property
    def group(self) -> ProcessGroup:
        """The processes that train the run; the first one alone writes it."""
        return self.options.group

    @property
    def trackers(self) -> Sequence[Tracker]:
        """What the run is passed on to, by the process that writes it."""
        return self.experiment.training.trackers if self.group.is_first else ()

    def time_limit(self, keep_position: Callable[[], None], position: Callable[[], Position]) -> TimeLimit | None:
        """Make what ends the run in time, if the spec limits it; `keep_position` writes the checkpoint."""
        if self.options.end is not None:
            return PositionLimit(self.options.end, position, keep_position)
        limit, validation = self.experiment.training.max_time, self.splits.validation
        if limit is None:
            return None
        ratio = len(self.splits.test) / len(validation) if validation is not None and self.options.test else 0.0
        return TimeLimit(limit, self.clock, self.ends, ratio, keep_position, self.options.group)

    def batches(self) -> Batches:
        """Prepare the training split."""
        weights = class_weights(self.experiment, self.splits.train.y)
        return self.backend.batches(self.splits.train, self.settings.order, weights)


def class_weights(experiment: Experiment, labels: np.ndarray) -> np.ndarray | None:
    """Return each class's weight in the loss, float32 (classes,); None if all are equal."""
    wanted, classes = experiment.training.class_weight, experiment.signature.classes
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)
    return np.array([wanted.get(label, 1.0) for label in range(classes)], np.float32)
