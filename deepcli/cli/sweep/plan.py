"""`deepcli sweep plan`, `trial` and `collect`: a sweep under the user's own scheduler."""

from __future__ import annotations

import json as plain_json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import metrics
from deepcli.cli.options import (
    DataDir,
    Env,
    Json,
    Offline,
    Overrides,
    Plugins,
    Quiet,
    Verbose,
    Words,
    reporter,
    set_verbose,
    sources,
)

if TYPE_CHECKING:
    from deepcli.sweeps.plan import Plan

SHOWN = 12
"""How many points of a plan are printed for a person."""


def plan(
    words: Words,
    overrides: Overrides = None,
    method: Annotated[
        Literal["grid", "random"] | None, typer.Option(help="How points are chosen; default: as in the spec.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The metric to optimize; default: the one that decides the best epoch.",
            autocompletion=metrics,
        ),
    ] = None,
    max_trials: Annotated[int | None, typer.Option(metavar="N", help="Number of points to try.")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Train each point with N seeds.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed for sampling points.")] = None,
    plugins: Plugins = None,
    env: Env = None,
    quiet: Quiet = False,
) -> None:
    """Print every run of a sweep, one per line, for `sweep trial` under xargs, GNU parallel or a job array.

    The points form a grid or are sampled with a seed. key=log:1e-4:1e-1,
    uniform:0:0.5, int:1:4 and key=1,2 define what varies.

    Example:
    deepcli sweep plan digits-mlp.yaml optimizer.learning_rate=1e-2,1e-3
    """
    from deepcli.api.sweep_trials import plan_lines
    from deepcli.api.sweeping import SweepRequest, load_plan

    options = {"method": method, "metric": metric, "max_trials": max_trials, "seeds": seeds, "seed": seed}
    request = SweepRequest(
        tuple(words), overrides=tuple(overrides or ()), options=options, plugins=tuple(plugins or ())
    )
    for line in plan_lines(load_plan(request, reporter(quiet))):
        print(line)


def describe(loaded: Plan, json: bool, script: str | None = None) -> None:
    """Print what a sweep would do: its plan, or the script of its jobs."""
    from deepcli.sweeps.arguments import written
    from deepcli.sweeps.plan import points

    if json:
        _emit(loaded, script)
        return
    if script is not None:
        print(script, end="")
        return
    print(
        f"method {loaded.method}, {loaded.max_trials} trials, {len(loaded.seeds)} seed{'s' * (len(loaded.seeds) > 1)} each"
    )
    print(f"metric {loaded.metric.name}, {loaded.metric.goal}")
    print(f"at most {loaded.max_failures} failures")
    for key, parameter in loaded.sweep.parameters.items():
        print(f"vary {key}: {plain_json.dumps(parameter.model_dump(exclude_none=True))}")
    if loaded.method == "bayes":
        return
    chosen = list(points(loaded))
    for number, point in enumerate(chosen[:SHOWN]):
        print(f"trial {number}: " + " ".join(written(key, value) for key, value in point.items()))
    if len(chosen) > SHOWN:
        print(f"and {len(chosen) - SHOWN} more")


def _emit(loaded: Plan, script: str | None) -> None:
    """Print what a sweep would do, as JSON."""
    from deepcli.sweeps.outcome import Outcome
    from deepcli.sweeps.plan import points

    told = {
        "command": "sweep run",
        "status": "planned",
        "metric": loaded.metric.name,
        "goal": loaded.metric.goal,
        "planned": loaded.max_trials,
        "script": script,
        "points": None if loaded.method == "bayes" else [dict(point) for point in points(loaded)],
    }
    emit(Outcome.model_validate(told))


@answers("deepcli.result:Result")
def trial(
    text: Annotated[
        str, typer.Argument(metavar="LINE", help="A line of `sweep plan`, or - to read it from standard input.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The directory for all runs of the plan.")],
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train one run of a plan; skip it if it has finished, and resume it if it was interrupted.

    Its directory in --output is named by a hash of the complete spec. `sweep collect` evaluates on the test split.

    Example:
    deepcli sweep plan spec.yaml seed=1,2 | head -1 | deepcli sweep trial - -o t
    """
    started = time.monotonic()
    set_verbose(verbose)
    from deepcli.api.sweep_trials import train_planned
    from deepcli.cli import render

    line = sys.stdin.readline() if text == "-" else text
    at = partial(sources, data_dir, offline, quiet)
    result = train_planned(line, output, plugins or [], at, reporter(quiet), started)
    render.result(result, json)


@answers("deepcli.sweeps.outcome:Outcome")
def collect(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The directory that was the trials' --output.", show_default=False)
    ],
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Rank a plan's trials, write trials.csv, best.yaml and plots, and evaluate the best once on the test split.

    Example:
    deepcli sweep collect trials
    """
    started = time.monotonic()
    from deepcli.api.sweep_trials import collect_trials
    from deepcli.cli.sweep.status import show

    at = partial(sources, data_dir, offline, quiet)
    ended = collect_trials(folder, plugins or [], at, reporter(quiet), started)
    show(ended.outcome, ended.rows, json)
    if ended.problem is not None:
        raise ended.problem
