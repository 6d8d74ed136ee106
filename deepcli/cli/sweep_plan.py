"""`deepcli sweep plan`."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from deepcli.cli.options import Overrides, Plugins, Quiet, Words


def plan(
    words: Words,
    overrides: Overrides = None,
    method: Annotated[
        Literal["grid", "random"] | None, typer.Option(help="How points are chosen; default: the spec's.")
    ] = None,
    max_trials: Annotated[int | None, typer.Option(metavar="N", help="Points to try.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Train each point with so many seeds.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the draws of points.")] = None,
    plugins: Plugins = None,
    quiet: Quiet = False,
) -> None:
    """Print every run of a sweep as one JSON object a line, for other schedulers: each is a `deepcli train`.

    A grid, or points drawn by a seed alone; key=log:1e-4:1e-1, uniform:0:0.5, int:1:4 and key=[1, 2] say what varies.
    """
    from deepcli.sweeps.loading import load_sweep, trials

    options = {"method": method, "max_trials": max_trials, "seeds": seeds, "seed": seed}
    loaded = load_sweep(words, overrides or [], plugins or [], options)
    for notice in () if quiet else loaded.notices:
        print(f"notice: {notice}", file=sys.stderr)
    for trial in trials(loaded):
        line = {
            "trial": trial.identity,
            "number": trial.number,
            "point": trial.point,
            "seed": trial.experiment.seed,
            "overrides": loaded.words(trial.point, trial.seed),
        }
        print(json.dumps(line, ensure_ascii=False))
