"""List runs as rows of a table, with status, metrics, and the fields in which their specs differ."""

from __future__ import annotations

import contextlib
import csv
import json
import operator
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepcli.errors import RunError, UsageError
from deepcli.run.directory import RunDir
from deepcli.run.near_runs import run_hint
from deepcli.spec import yaml12
from deepcli.spec.spelling import did_you_mean
from deepcli.spec.trees import Value, flat

MAX_LEVELS = 5
MAX_HISTORY_BYTES = 16 << 20
FACTS = ("run", "status", "epochs", "best_epoch", "seconds")


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
CONDITION = re.compile(r"^\s*([\w.]+)\s*(<=|>=|==|!=|<|>|=)\s*(.*?)\s*$")


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
            that has not ended, those of its last epoch.
        spec: Every field of the spec by dotted key.
    """

    path: Path
    status: str
    epochs: int | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    spec: Mapping[str, Value] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Value]:
        """The columns that every run has."""
        return {"run": str(self.path), **{name: getattr(self, name) for name in FACTS[1:]}}

    @property
    def values(self) -> dict[str, Value]:
        """All values to sort and filter by."""
        return {**self.spec, **self.metrics, **self.facts}


def find(folders: Sequence[Path]) -> list[ListedRun]:
    """List the runs in and below some folders, in the order of their names.

    Raises:
        RunError: A folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"{folder} is not a directory{run_hint(folder)}")
    paths = dict.fromkeys(path for folder in folders for path in _search(folder, MAX_LEVELS))
    return [_read(path) for path in paths]


def _search(folder: Path, levels: int) -> Iterator[Path]:
    if (folder / "config.yaml").is_file() and (folder / "environment.json").is_file():
        yield folder
        return
    if not levels:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _search(folder / entry.name, levels - 1)


def _read(path: Path) -> ListedRun:
    run = RunDir(path)
    try:
        spec = dict(flat(yaml12.quick(_text(run.config, yaml12.MAX_BYTES))))
    except (OSError, ValueError):
        return ListedRun(path, "damaged")
    result = run.result()
    if result is None:
        if run.metrics.exists():
            return ListedRun(path, "damaged", spec=spec)
        epochs, metrics = _last_epoch(run)
        return ListedRun(path, "running" if run.is_owned() else "unfinished", epochs, metrics=metrics, spec=spec)
    named = {"validation": "val_", "test": "test_"}
    metrics = {
        f"{prefix}{name}": value
        for split, prefix in named.items()
        for name, value in result.metrics.get(split, {}).items()
    }
    metrics |= result.beside
    return ListedRun(path, result.status, result.epochs, result.best_epoch, result.seconds, metrics, spec)


def _last_epoch(run: RunDir) -> tuple[int | None, dict[str, float | None]]:
    try:
        rows = list(csv.DictReader(_text(run.history, MAX_HISTORY_BYTES).splitlines()))
        last = rows[-1]
        return len(rows), {name: float(value) for name, value in last.items() if name.startswith("val_")}
    except (OSError, ValueError, IndexError, TypeError, AttributeError, csv.Error):
        return None, {}


def _text(file: Path, limit: int) -> str:
    with file.open("rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{file} is too large")
    return content.decode()


def changed(runs: Sequence[ListedRun]) -> list[str]:
    """List the dotted keys in which the specs of runs differ, except the name."""
    keys = dict.fromkeys(key for run in runs for key in run.spec if key != "name")
    specs = [run.spec for run in runs if run.spec]
    return [key for key in keys if len({(type(spec.get(key)), spec.get(key)) for spec in specs}) > 1]


def metrics(runs: Sequence[ListedRun]) -> list[str]:
    """List the metrics that any of the runs has."""
    return list(dict.fromkeys(name for run in runs for name in run.metrics))


def keep(runs: Sequence[ListedRun], conditions: Sequence[str]) -> list[ListedRun]:
    """Keep the runs for which every condition holds, such as `val_accuracy>0.98` or `model.type=cnn`.

    Raises:
        UsageError: A condition is malformed, or names a value that no run has.
    """
    for text in conditions:
        match = CONDITION.match(text)
        if match is None or not match[3]:
            raise UsageError(f"--filter: should look like val_accuracy>0.98 or model.type=cnn, not {text!r}")
        name, compare, wanted = _known(match[1], runs, "--filter"), OPERATORS[match[2]], _scalar(match[3])
        runs = [run for run in runs if _holds(run.values.get(name), compare, wanted)]
    return list(runs)


def order(runs: Sequence[ListedRun], key: str, descending: bool) -> list[ListedRun]:
    """Sort runs by one of their values; runs without it come last.

    Raises:
        UsageError: No run has that value.
    """
    name = _known(key, runs, "--sort")
    having = [run for run in runs if run.values.get(name) is not None]

    def place(run: ListedRun) -> tuple[bool, Any]:
        value = run.values[name]
        return (False, value) if isinstance(value, int | float) else (True, str(value))

    without = [run for run in runs if run.values.get(name) is None]
    return sorted(having, key=place, reverse=descending) + without


def _known(name: str, runs: Sequence[ListedRun], option: str) -> str:
    names = dict.fromkeys([*FACTS, *(key for run in runs for key in run.values)])
    if name not in names:
        raise UsageError(f"{option}: no run has {name!r}; {did_you_mean(name, names)}".rstrip("; "))
    return name


def _scalar(text: str) -> Value:
    with contextlib.suppress(yaml12.YamlError):
        value = yaml12.parse(text, "").tree
        return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return text


def _holds(value: Value, compare: Callable[[Any, Any], bool], wanted: Value) -> bool:
    if value is None and wanted is not None:
        return False
    try:
        return compare(value, wanted)
    except TypeError:  # a number cannot be compared with a string
        return False
