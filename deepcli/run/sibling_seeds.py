"""Runs of the same spec with other seeds, beside a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepcli.data.fingerprint import compared
from deepcli.errors import DataError
from deepcli.run.directory import RunDir
from deepcli.run.loaded import LoadedRun
from deepcli.run.near_runs import is_run
from deepcli.spec import yaml12
from deepcli.spec.trees import flat

MOST_RUNS = 1000
"""Runs that are looked at in a folder."""
NOT_COMPARED = ("name", "seed", "training.threads")
"""Fields in which runs of one spec may differ."""


def scores_by_seed(run: LoadedRun, score: str, other: Path | None = None) -> dict[int, float]:
    """Return a score on the test split of the run and of the runs beside it that differ from it only by the seed.

    Args:
        run: The run.
        score: The name of the score.
        other: A run to leave out.
    """
    own = _spec(run.run)
    own_score = score_on_test(run.run, score)
    if own is None or own_score is None:
        return {}
    found = {run.experiment.seed: own_score}
    folder = run.run.path.absolute().parent
    left_out = {run.run.path.absolute(), *([other.absolute()] if other else [])}
    for path in [path for path in sorted(folder.iterdir()) if is_run(path) and path not in left_out][:MOST_RUNS]:
        beside = RunDir(path)
        spec = _spec(beside)
        if spec is None or spec[1] != own[1] or not _same_data(run.data, beside):
            continue
        value = score_on_test(beside, score)
        if value is not None:
            found.setdefault(spec[0], value)
    return found


def _spec(run: RunDir) -> tuple[int, dict[str, Any]] | None:
    """Return the seed of a run and the rest of its spec; None if it cannot be read."""
    try:
        spec = dict(flat(yaml12.quick(run.config.read_text(encoding="utf-8"))))
        seed = int(spec.get("seed", 0))
    except (OSError, ValueError, TypeError):
        return None
    return seed, {key: value for key, value in spec.items() if key not in NOT_COMPARED}


def score_on_test(run: RunDir, name: str) -> float | None:
    """Compute a score of a run from its predictions on the test split; None if it has not ended, or has none."""
    from deepcli.evaluation.predictions_file import load_predictions
    from deepcli.evaluation.scores import SCORES

    path, result = run.predictions("test"), run.result()
    if result is None or result.status != "completed" or path.is_symlink() or not path.is_file():
        return None
    try:
        value = SCORES.select(name).measure(load_predictions(path))
    except DataError:
        return None
    return None if value is None or not math.isfinite(value) else float(value)


def _same_data(own: Mapping[str, Any], other: RunDir) -> bool:
    data = other.described().get("data")
    marks = compared(own, data) if isinstance(data, Mapping) else None
    return marks is not None and marks[0] == marks[1]
