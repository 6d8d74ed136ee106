"""Compare a run with its new training: to the bit, then by what else differs and what spread is to be expected."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from deepcli.api.reproduction import Reproduction
from deepcli.errors import DataError, RunError

if TYPE_CHECKING:
    from deepcli.api.reproduce_request import ReproduceRequest
    from deepcli.evaluation.expected_spread import ExpectedSpread
    from deepcli.run.directory import RunDir
    from deepcli.run.loaded import LoadedRun
    from deepcli.run.reporter import Reporter
    from deepcli.run.reproducible import Reproducible


def compare_anew(
    request: ReproduceRequest, old: Reproducible, new: RunDir, epochs: int | None, reporter: Reporter
) -> Reproduction:
    """Compare a run with its new training, which is removed if it is equal and nobody asked to keep it."""
    from deepcli.run.bit_comparison import compare_bits, compare_first_epochs
    from deepcli.run.environment_changes import environment_changes

    reporter.doing("comparing")
    run = old.loaded
    found = compare_bits(run.run, new) if epochs is None else compare_first_epochs(run.run, new, epochs)
    changes = environment_changes(run.environment, new.described(), run.experiment.training.deterministic)
    spread = None if found.equal or epochs is not None else _spread(run, new)
    removed = found.equal and request.output is None and not request.keep
    if removed:
        shutil.rmtree(new.path, ignore_errors=True)
    seconds = round(time.monotonic() - request.started, 3)
    return Reproduction(run.name, None if removed else new.path, epochs, found, tuple(changes), spread, seconds)


def _spread(old: LoadedRun, new: RunDir) -> ExpectedSpread | None:
    """Find out whether the difference is expected: from other seeds beside the run, else from the test examples."""
    from deepcli.evaluation.expected_spread import spread_over_examples, spread_over_seeds
    from deepcli.evaluation.predictions_file import load_predictions
    from deepcli.run.sibling_seeds import score_on_test, scores_by_seed

    score = old.experiment.resolved_task.headline
    then, now = score_on_test(old.run, score), score_on_test(new, score)
    if then is None or now is None:
        return None
    seeds = spread_over_seeds(score, then, now, scores_by_seed(old, score, new.path))
    if seeds is not None:
        return seeds
    try:
        return spread_over_examples(score, then, now, old.predictions(), load_predictions(new.predictions("test")))
    except (DataError, RunError):
        return None
