"""The result of `train --seeds`: the run of each seed, and mean and standard deviation over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from deepcli.api.display import html_table
from deepcli.errors import DeepcliError, TrainingError

if TYPE_CHECKING:
    from deepcli.api.run import Run
    from deepcli.result import Result

Metrics = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class TrainedSeeds:
    """The runs of one spec with several seeds.

    Attributes:
        result: What `--json` prints: means, spreads and the run of each seed.
        plugins: Plugins that the spec needs.
        codes: By seed, the exit code of its process if it failed.
    """

    result: Result
    plugins: tuple[str, ...] = ()
    codes: Mapping[int, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The folder of the runs, which `deepcli.compare_groups` takes."""
        return Path(str(self.result.run))

    @property
    def runs(self) -> dict[int, Run]:
        """The runs that have completed, by seed."""
        from deepcli.api.run import Run

        return {
            one.seed: Run(one.run, plugins=self.plugins) for one in self.result.seeds or () if one.status == "completed"
        }

    @property
    def problem(self) -> DeepcliError | None:
        """The error of the runs that failed; None if all have completed."""
        failed = [one for one in self.result.seeds or () if one.status != "completed"]
        if not failed:
            return None
        problem = TrainingError(str(self.result.error))
        problem.exit_code = self.codes.get(failed[0].seed, 1)
        problem.run = self.result.run
        return problem

    def __repr__(self) -> str:
        """Show the figures on the test split."""
        return f"<TrainedSeeds {self.path}: {len(self.result.seeds or ())} seeds, {self.result.status}>"

    def _repr_html_(self) -> str:
        """Show a row for each seed in a notebook."""
        columns, rows = table(self.result)
        return html_table(columns, rows, repr(self))


def result_of(
    name: str, folder: Path, seeds: Sequence[int], ended: Mapping[int, Mapping[str, Any]], seconds: float
) -> Result:
    """Return the result of all seeds: means and standard deviations over those that have completed.

    Args:
        name: The experiment's name.
        folder: The folder of the runs.
        seeds: The seeds.
        ended: The last message of each process.
        seconds: Wall time of the command.
    """
    from deepcli.result import Result, SeedRun

    runs = []
    for seed in seeds:
        one = ended.get(seed, {"error": "was not trained"})
        found: Mapping[str, Any] = one.get("result") or {}
        known = {key: found[key] for key in ("epochs", "best_epoch", "seconds", "metrics") if key in found}
        good = found.get("status") in ("completed", "skipped")
        error = None if good else str(one.get("error") or found.get("error") or "failed")
        runs.append(
            SeedRun(
                seed=seed,
                run=str(folder / f"seed-{seed}"),
                status="completed" if good else "failed",
                error=error,
                **known,
            )
        )
    failed = [run for run in runs if run.status == "failed"]
    told = "; ".join(f"seed {run.seed}: {run.error}" for run in failed)
    means, spread = _over_seeds([run.metrics for run in runs if run.status == "completed"])
    return Result(
        schema=1,
        command="train",
        status="failed" if failed else "completed",
        error=f"{len(failed)} of {len(runs)} seeds failed: {told}" if failed else None,
        name=name,
        run=str(folder),
        seconds=round(seconds, 3),
        metrics=means,
        spread=spread,
        seeds=runs,
    )


def table(result: Result) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and a row for each seed: its figures on validation and test."""
    prefixes = {"validation": "val_", "test": "test_"}
    names = [(split, name) for split in prefixes for name in result.metrics.get(split, {})]
    columns = ["seed", "status", *(f"{prefixes[split]}{name}" for split, name in names), "best_epoch", "seconds", "run"]
    rows = [
        [
            run.seed,
            run.status,
            *(run.metrics.get(split, {}).get(name) for split, name in names),
            run.best_epoch,
            run.seconds,
            run.run,
        ]
        for run in result.seeds or ()
    ]
    return columns, rows


def _over_seeds(found: Sequence[Metrics]) -> tuple[Metrics, Metrics]:
    """Return means and standard deviations of every metric that all runs have; None where one is not a number."""
    means: Metrics = {}
    spread: Metrics = {}
    for split in found[0] if found else ():
        means[split], spread[split] = {}, {}
        for name in found[0][split]:
            values = [metrics.get(split, {}).get(name) for metrics in found]
            known = [value for value in values if value is not None]
            whole = len(known) == len(values)
            means[split][name] = fmean(known) if whole else None
            spread[split][name] = stdev(known) if whole and len(known) > 1 else None
    return means, spread
