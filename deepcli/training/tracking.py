"""Pass a run's events to its trackers; one that fails is reported once, then ignored, and training continues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

from deepcli.errors import TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.spec.trees import flat
from deepcli.system.atomic import write_text
from deepcli.system.signals import Stopped
from deepcli.trackers import Log, Tracked, Tracker


class Tracking(keras.callbacks.Callback):
    """Calls the trackers of a run.

    Args:
        trackers: The trackers.
        experiment: The spec.
        run: The run directory; its `trackers.json` holds the run's id in each tracker.
        reporter: Shows notices about trackers that fail.
    """

    def __init__(self, trackers: Sequence[Tracker], experiment: Experiment, run: RunDir, reporter: Reporter) -> None:
        super().__init__()
        self._trackers = trackers
        self._experiment, self._run, self._reporter = experiment, run, reporter
        self._logs: dict[str, Log] = {}
        self._test: Mapping[str, float] = {}

    @contextmanager
    def going(self) -> Iterator[None]:
        """Track the training inside the block and its final status."""
        self._open()
        status = "failed"
        try:
            yield
            status = "completed"
        except (KeyboardInterrupt, Stopped):
            status = "interrupted"
            raise
        finally:
            self._each(lambda log: log.end(status, self._test))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        row = dict(logs or {})
        self._each(lambda log: log.epoch(epoch + 1, row))

    def measured(self, test: Mapping[str, float | None]) -> None:
        """Set the metrics on the test split, which are passed on at the end."""
        self._test = {name: value for name, value in test.items() if value is not None}

    def _open(self) -> None:
        if not self._trackers:
            return
        known, spec = _known(self._run), self._experiment.model_dump(mode="json")
        fields = dict(flat(spec))
        for tracker in self._trackers:
            described = Tracked(self._experiment.name, self._run.path, spec, fields, known.get(tracker.type))
            if (log := self._tried(tracker.type, partial(tracker.open, described))) is not None:
                self._logs[tracker.type] = log
                known[tracker.type] = log.id
        if self._logs:
            try:
                write_text(self._run.trackers, json.dumps(known, indent=2) + "\n")
            except TrainingError as error:
                self._reporter.note(f"notice: {error}")

    def _each(self, do: Callable[[Log], None]) -> None:
        for name, log in list(self._logs.items()):
            self._tried(name, partial(do, log))

    def _tried(self, name: str, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except Exception as error:  # no error of a tracker's library may end the run
            self._logs.pop(name, None)
            first = (str(error).strip().splitlines() or [""])[0][:300]
            self._reporter.note(f"notice: {name} failed and is ignored from now on: {type(error).__name__}: {first}")
            return None


def _known(run: RunDir) -> dict[str, str]:
    try:
        return {str(name): str(id_) for name, id_ in json.loads(run.trackers.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return {}
