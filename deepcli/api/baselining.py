"""Models that learn in seconds, on the splits of a spec or a run: what a network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.evaluation.predictions_base import AnyPredictions
    from deepcli.experiment.schema import Experiment
    from deepcli.run.baseline_figures import BaselineFigures
    from deepcli.run.directory import RunDir
    from deepcli.run.reporter import Reporter


@dataclass(frozen=True)
class BaselineReport:
    """Baselines on the test split.

    Attributes:
        name: The spec's name.
        run: The run directory; None for a spec or data.
        rows: By baseline, the score of each name; the trivial ones first.
        seconds: By baseline, how long it learned.
        notes: By baseline, what is worth knowing.
        verdicts: By baseline, how the run's network compares with it; empty without a run.
        headline: The score that names the result of the task.
    """

    name: str
    run: str | None
    rows: dict[str, dict[str, float]]
    seconds: dict[str, float]
    notes: dict[str, list[str]]
    verdicts: dict[str, str]
    headline: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**vars(self), "baselines": self.rows, "rows": None}


def run_baselines(
    words: Sequence[str], at: Callable[[], Sources], reporter: Reporter, plugins: Sequence[str] = ()
) -> BaselineReport:
    """Fit the baselines that suit some data, and score them on the test split.

    Args:
        words: A run directory; or a spec file or data, and overrides.
        at: Returns where data are looked for.
        reporter: Shows notices.
        plugins: Python files or modules to import first.

    Raises:
        DeepcliError: The spec, the run or the data cannot be used.
    """
    from deepcli.run.baseline_figures import learned_figures, trivial_figures

    try:
        reporter.doing("reading the data")
        experiment, splits, run = _subject(words, at, reporter, plugins)
        reporter.doing("training baselines")
        found = trivial_figures(experiment, splits.train.y, splits.test)
        for figures in learned_figures(experiment, splits):
            reporter.note(f"{figures.name}: {figures.seconds:.1f} s")
            found.append(figures)
    finally:
        reporter.end()
    network = _network(run)
    verdicts = {} if network is None else {one.name: _verdict(one, network) for one in found}
    if run is not None:
        _keep(run, found, experiment.resolved_task.headline)
    return BaselineReport(
        experiment.name,
        None if run is None else str(run.path),
        {one.name: one.values for one in found},
        {one.name: round(one.seconds, 3) for one in found},
        {one.name: list(one.notes) for one in found if one.notes},
        verdicts,
        experiment.resolved_task.headline,
    )


def _subject(
    words: Sequence[str], at: Callable[[], Sources], reporter: Reporter, plugins: Sequence[str]
) -> tuple[Experiment, Splits, RunDir | None]:
    from deepcli.api.loading import load_parts
    from deepcli.api.trained_data import read_data
    from deepcli.run.checkpoint.file import find, open_checkpoint
    from deepcli.run.directory import RunDir
    from deepcli.run.latest import run_path
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    if words and RunDir(named := run_path(Path(words[0]))).config.is_file():
        file, run = find(named)
        checkpoint = open_checkpoint(file, words[1:])
        return checkpoint.experiment, read_data(checkpoint, run, words[1:], at(), reporter)[0], run
    loaded = load_parts(words, plugins=plugins)
    for notice in loaded.notices:
        reporter.note(f"notice: {notice}")
    return loaded.experiment, loaded.experiment.data.load(at()), None


def _network(run: RunDir | None) -> AnyPredictions | None:
    from deepcli.evaluation.predictions_file import load_predictions

    path = None if run is None else run.predictions("test")
    return load_predictions(path) if path is not None and path.is_file() else None


def _verdict(baseline: BaselineFigures, network: AnyPredictions) -> str:
    from deepcli.errors import DataError
    from deepcli.evaluation.paired import compare_pair

    try:
        return compare_pair(baseline.predictions, network).verdict
    except DataError as error:
        return f"not comparable: {error}"


def _keep(run: RunDir, found: Sequence[BaselineFigures], headline: str) -> None:
    """Keep the scores in the run's result, where `report`, `runs` and `compare` find them."""
    from deepcli.system.atomic import write_text

    with run.owned():
        result = run.result()
        if result is not None:
            kept = {**(result.baselines or {}), **{one.name: one.values for one in found}}
            write_text(
                run.metrics, result.model_copy(update={"baselines": kept, "headline": headline}).to_json() + "\n"
            )
