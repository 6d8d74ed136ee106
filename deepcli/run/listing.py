"""List runs as rows of a table, with status, metrics, and the fields in which their specs differ."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deepcli.data.sources.naming import natural
from deepcli.errors import RunError
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.near_runs import is_run, run_hint
from deepcli.run.time_left import EpochPace
from deepcli.run.varied import recorded_origins, varied
from deepcli.spec import yaml12
from deepcli.spec.trees import Value, flat

MAX_LEVELS = 5
MAX_HISTORY_BYTES = 16 << 20
FACTS = ("run", "status", "epochs", "best_epoch", "seconds", "started")
PREFIXES = {"validation": "val_", "test": "test_"}


@dataclass(frozen=True)
class ListedRun:
    """One run.

    Attributes:
        path: The run directory.
        status: completed, failed, running, unfinished, or damaged.
        epochs: Epochs trained so far.
        best_epoch: The best epoch, counted from 1.
        seconds: Time of the command that finished the run.
        metrics: `val_loss`, `test_accuracy` and so on, and the headlines of baselines, such as `linear_accuracy`; for a run
            that has not ended, those of its last epoch and what `evaluate` measured.
        spec: Every field of the spec by dotted key.
        origins: Where each value of the spec was written, without defaults; None if that is unknown.
        started: When the run began.
        pace: How fast its epochs are; None if that is unknown.
    """

    path: Path
    status: str
    epochs: int | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    spec: Mapping[str, Value] = field(default_factory=dict)
    origins: Mapping[str, str] | None = None
    started: datetime | None = None
    pace: EpochPace | None = None

    @property
    def planned(self) -> int | None:
        """How many epochs the run is to have."""
        epochs = self.spec.get("training.epochs")
        return epochs if isinstance(epochs, int) else None

    @property
    def age(self) -> float | None:
        """Seconds since the run began."""
        return None if self.started is None else max((datetime.now(UTC) - self.started).total_seconds(), 0.0)

    @property
    def left(self) -> float | None:
        """Seconds until a running run will have had its epochs or its time; None if that is unknown."""
        if self.status != "running" or self.pace is None or self.epochs is None:
            return None
        return self.pace.seconds_left(self.epochs, self.spec)

    @property
    def facts(self) -> dict[str, Value]:
        """What is known of every run."""
        known = {name: getattr(self, name) for name in FACTS[1:]}
        started = self.started.isoformat(timespec="seconds") if self.started else None
        return {"run": str(self.path), **known, "started": started}

    @property
    def values(self) -> dict[str, Value]:
        """All values to sort and filter by."""
        return {**self.spec, **self.metrics, **self.facts, "age": self.age, "left": self.left}


def find(folders: Sequence[Path]) -> list[ListedRun]:
    """List the runs in and below some folders, in the natural order of their names: `r2` before `r10`.

    Raises:
        RunError: A folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"{folder} is not a directory{run_hint(folder)}")
    return [read_run(path) for path in run_paths(folders)]


def run_paths(folders: Sequence[Path]) -> list[Path]:
    """Return the paths of the runs in and below some folders, in the natural order of their names."""
    return list(dict.fromkeys(path for folder in folders for path in _search(folder, MAX_LEVELS)))


def latest(folder: Path) -> Path | None:
    """Return the run below a folder that began last; None if there is none."""
    paths = list(_search(folder, MAX_LEVELS)) if folder.is_dir() else []
    began = {path: _started(RunDir(path).described()) for path in paths}
    known = [(when, place, path) for place, (path, when) in enumerate(began.items()) if when is not None]
    return max(known)[-1] if known else None


def _search(folder: Path, levels: int) -> Iterator[Path]:
    if is_run(folder):
        yield folder
        return
    if not levels:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _search(folder / entry.name, levels - 1)


def read_run(path: Path) -> ListedRun:
    """Read what a list says of a run; one that cannot be read is damaged."""
    run = RunDir(path)
    about = run.described()
    damaged = ListedRun(path, "damaged", started=_started(about))
    try:
        spec = dict(flat(yaml12.quick(_text(run.config, yaml12.MAX_BYTES))))
    except (OSError, ValueError):
        return damaged
    whole = replace(damaged, spec=spec, origins=recorded_origins(about))
    result = run.result()
    if result is not None:
        metrics = {**_metrics(result), **result.beside}
        ended = replace(whole, status=result.status, epochs=result.epochs, best_epoch=result.best_epoch)
        return replace(ended, seconds=result.seconds, metrics=metrics)
    if run.metrics.exists():
        return whole
    epochs, metrics, pace = _epochs(run)
    measured = {**metrics, **_metrics(run.evaluated("test"))}
    status = "running" if run.is_owned() else "unfinished"
    return replace(whole, status=status, epochs=epochs, metrics=measured, pace=pace)


def _metrics(result: Result | None) -> dict[str, float | None]:
    """Name the metrics of validation and test as tables do."""
    return {
        f"{prefix}{name}": value
        for split, prefix in PREFIXES.items()
        for name, value in (result.metrics.get(split, {}) if result else {}).items()
    }


def _started(about: Mapping[str, object]) -> datetime | None:
    try:
        when = datetime.fromisoformat(str(about["started"]))
    except (KeyError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _epochs(run: RunDir) -> tuple[int | None, dict[str, float | None], EpochPace | None]:
    """Return the epochs of a run that has not ended, the metrics of the last, and how fast they are."""
    try:
        ended = run.history.stat().st_mtime
        rows = list(csv.DictReader(_text(run.history, MAX_HISTORY_BYTES).splitlines()))
        last = {name: float(value) for name, value in rows[-1].items() if name.startswith("val_")}
    except (OSError, ValueError, IndexError, TypeError, AttributeError, csv.Error):
        return None, {}, None
    return len(rows), dict(last), EpochPace.of(rows, ended)


def _text(file: Path, limit: int) -> str:
    with file.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{file} is too large")
    return content.decode()


def changed(runs: Sequence[ListedRun]) -> list[str]:
    """List the dotted keys in which the specs of runs differ, except the name."""
    known = [run for run in runs if run.spec]
    return varied([run.spec for run in known], [run.origins for run in known])


def metrics(runs: Sequence[ListedRun]) -> list[str]:
    """List the metrics that any of the runs has."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))
