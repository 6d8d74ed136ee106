"""`deepcli train --seeds`: a line for each seed, and mean and spread over them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.cli.answers import emit
from deepcli.cli.fitting_tables import print_rows
from deepcli.cli.group_tables import with_spread
from deepcli.cli.options import reporter, sources

if TYPE_CHECKING:
    from deepcli.api.seed_results import TrainedSeeds
    from deepcli.api.train_request import TrainRequest


@dataclass(frozen=True)
class Surroundings:
    """Options of `train` that do not change what is trained."""

    data_dir: Path | None
    offline: bool
    json: bool
    quiet: bool


def train_seeds(request: TrainRequest, seeds: str, around: Surroundings) -> None:
    """Train several seeds of a spec and print the results.

    Raises:
        DeepcliError: A run failed, or as `deepcli.train_seeds` says.
    """
    from deepcli.api.seed_training import SeedsRequest, run_all_seeds

    asked = SeedsRequest(
        request, seeds, around.data_dir, around.offline or None, partial(_again, request, seeds, around)
    )
    at = partial(sources, around.data_dir, around.offline, around.quiet)
    trained = run_all_seeds(asked, at, reporter(around.quiet), around.quiet)
    if around.json:
        emit(trained.result)
    else:
        _print(trained)
    if trained.problem is not None:
        raise trained.problem


def _print(trained: TrainedSeeds) -> None:
    from deepcli.api.seed_results import table

    result = trained.result
    columns, rows = table(result)
    unsaid = {"run", "status"} if result.status == "completed" else {"run"}  # the folder is named below
    kept = [place for place, name in enumerate(columns) if name not in unsaid]
    names = [columns[place] for place in kept]
    ranks = {name: 3 if name == "seconds" else 2 if name == "best_epoch" else "loss" in name for name in names}
    print_rows(names, [[row[place] for place in kept] for row in rows], ranks=ranks, more="--json has all")
    count = sum(run.status == "completed" for run in result.seeds or ())
    if not count:
        return
    print(f"\nmean ± standard deviation over {count} seed{'s' * (count > 1)}")
    for split in ("validation", "test"):
        for name, mean in result.metrics.get(split, {}).items():
            print(f"{split + ' ' + name:<22} {with_spread(mean, (result.spread or {})[split][name])}")
    print(f"{result.seconds:.1f} s  {Path(str(result.run)) / 'seed-*'}")


def _again(request: TrainRequest, seeds: str, around: Surroundings, folder: Path) -> str:
    """Return the command that continues all seeds."""
    parts = [os.fspath(part) for part in request.spec if isinstance(part, str | os.PathLike)]
    words = [*parts, *request.overrides, "--seeds", seeds]
    words += [word for plugin in request.plugins for word in ("--plugin", plugin)]
    words += ["--data-dir", str(around.data_dir)] if around.data_dir is not None else []
    words += ["--offline"] if around.offline else []
    return (
        f"continue with: {shlex.join(['deepcli', 'train', *words, '--output', str(folder), '--if-exists', 'resume'])}"
    )
