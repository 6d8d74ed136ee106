"""Run directories that no training made: a spec, and what a test says was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepcli.evaluation.predictions import Predictions
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.loaded import LoadedRun
from deepcli.run.reporter import log_line
from deepcli.system.atomic import write_text

SPEC = "data: digits\nmodel: mlp\ntraining: {epochs: 30}\n"


def made_run(
    path: str | Path,
    spec: str = SPEC,
    *,
    rows: Sequence[Mapping[str, Any]] = (),
    result: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    log: Sequence[str] = (),
    predictions: Any = None,
    x: Any = None,
) -> LoadedRun:
    """Write a run directory, and read it."""
    run = RunDir.create(Path(path), spec, {"command": ["train", "a.yaml"], **(environment or {})})
    if rows:
        run.write_history(rows)
    if result is not None:
        write_text(run.metrics, Result(schema=1, command="train", **result).to_json())
    for line in log:
        log_line(run, line)
    if predictions is not None:
        predictions.save(run.predictions("test"))
        predictions.worst(x, None).save(run.mistakes("test"))
    return LoadedRun.read(run.path)


def epochs(**columns: Any) -> list[dict[str, Any]]:
    """Return the rows of a history from its columns."""
    count = len(next(iter(columns.values())))
    return [{"epoch": k + 1, **{name: values[k] for name, values in columns.items()}} for k in range(count)]


def digit_predictions(labels: Sequence[int], answers: Sequence[int]) -> Predictions:
    """Return predictions of ten classes, each more confident than the one before."""
    outputs = np.full((len(labels), 10), 0.01, np.float32)
    sure = np.linspace(0.5, 0.9, len(labels), dtype=np.float32)
    outputs[np.arange(len(labels)), answers] = sure
    outputs /= outputs.sum(axis=1, keepdims=True)
    return Predictions(np.arange(len(labels)), np.array(labels, np.int32), outputs)
