"""Compare several runs: differences between their specs, their metrics, and which differences are noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from deepcli.data.fingerprint import compared
from deepcli.errors import DataError, DeepcliError
from deepcli.evaluation.paired import ALPHA, PairedBase, compare_pair, holm
from deepcli.evaluation.seeds import OverSeeds, over_seeds
from deepcli.run.loaded import LoadedRun
from deepcli.run.varied import recorded_origins, varied
from deepcli.spec.trees import flat

if TYPE_CHECKING:
    from deepcli.evaluation.predictions_base import AnyPredictions


@dataclass(frozen=True)
class Comparison:
    """Runs compared with the first of them.

    Attributes:
        runs: The runs.
        changed: By dotted key, the values of each field in which the specs differ, one value per run.
        figures: By name, the values of each metric, one per run; None for a run without it.
        pairs: For each run but the first, the comparison on the test split, the reason why it is not possible, or the
            error in the predictions.
        over_seeds: Comparisons over several seeds of the first run's spec with other specs of the same seeds.
    """

    runs: Sequence[LoadedRun]
    changed: Mapping[str, Sequence[Any]]
    figures: Mapping[str, Sequence[float | None]]
    pairs: Sequence[PairedBase | str | DeepcliError]
    over_seeds: Sequence[OverSeeds] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        pairs = [
            {"run": run.name, **pair.plain(), "verdict": pair.verdict}
            if isinstance(pair, PairedBase)
            else {"run": run.name, "error": str(pair)}
            for run, pair in zip(self.runs[1:], self.pairs, strict=True)
        ]
        return {
            "schema": 1,
            "command": "compare",
            "runs": [run.name for run in self.runs],
            "changed": {key: list(values) for key, values in self.changed.items()},
            "metrics": {name: list(values) for name, values in self.figures.items()},
            "against": self.runs[0].name,
            "alpha": ALPHA,
            "pairs": pairs,
            "over_seeds": [
                {**asdict(one), one.measure: one.difference, "verdict": one.verdict} for one in self.over_seeds
            ],
        }


def compare(runs: Sequence[LoadedRun]) -> Comparison:
    """Compare the other runs with the first."""
    specs = [dict(flat(run.experiment.model_dump(mode="json", exclude={"name"}))) for run in runs]
    keys = varied(specs, [recorded_origins(run.environment) for run in runs])
    figures = [run.figures() for run in runs]
    names = dict.fromkeys(name for one in figures for name in one)
    said = [_said(run) for run in runs]
    return Comparison(
        runs,
        {key: [spec.get(key) for spec in specs] for key in keys},
        {name: [one.get(name) for one in figures] for name in names},
        _adjusted([_pair(runs[0], runs[place], said[0], said[place]) for place in range(1, len(runs))]),
        _over_seeds(runs, said),
    )


def _adjusted(pairs: Sequence[PairedBase | str | DeepcliError]) -> list[PairedBase | str | DeepcliError]:
    """Correct the p-values for the number of pairs."""
    adjusted = iter(holm([pair.p_value for pair in pairs if isinstance(pair, PairedBase)]))
    return [pair.adjusted(next(adjusted)) if isinstance(pair, PairedBase) else pair for pair in pairs]


def _over_seeds(runs: Sequence[LoadedRun], said: Sequence[AnyPredictions | DeepcliError]) -> list[OverSeeds]:
    """Compare specs trained with several seeds, without the runs that cannot be paired with the first."""
    groups: dict[str, dict[int, tuple[str, AnyPredictions]]] = {}
    for run, predictions in zip(runs, said, strict=True):
        if _may_be_paired(runs[0], run) and not isinstance(predictions, DeepcliError):
            spec = run.experiment.model_dump_json(exclude={"name", "seed"})
            groups.setdefault(spec, {}).setdefault(run.experiment.seed, (run.name, predictions))
    first, *others = groups.values() or [{}]
    try:
        found = [over_seeds(first, other) for other in others if len(first.keys() & other.keys()) > 1]
    except DataError:  # the pairs report the error
        return []
    adjusted = holm([one.p_value for one in found])
    return [replace(one, p_adjusted=p, comparisons=len(found)) for one, p in zip(found, adjusted, strict=True)]


def _said(run: LoadedRun) -> AnyPredictions | DeepcliError:
    try:
        return run.predictions()
    except DeepcliError as error:
        return error


def untold(runs: Sequence[LoadedRun]) -> list[str]:
    """Return a notice for each run that may have other data than the first; those runs are compared by labels."""
    return [
        f"{runs[0].name} and {run.name} do not record whether they used the same data; compared by their labels"
        for run in runs[1:]
        if compared(runs[0].data, run.data) is None
    ]


def _may_be_paired(first: LoadedRun, second: LoadedRun) -> bool:
    """Return whether two runs used the same data, or do not record which."""
    marks = compared(first.data, second.data)
    return marks is None or marks[0] == marks[1]


def _pair(
    run: LoadedRun, other: LoadedRun, first: AnyPredictions | DeepcliError, second: AnyPredictions | DeepcliError
) -> PairedBase | str | DeepcliError:
    """Compare a second run's predictions with those of the first."""
    if not _may_be_paired(run, other):
        return "different data"
    if isinstance(first, DeepcliError):
        return first
    if isinstance(second, DeepcliError):
        return second
    try:
        return compare_pair(first, second)
    except DataError as error:
        return str(error)
