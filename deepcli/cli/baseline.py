"""`deepcli baseline`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import overrides
from deepcli.cli.options import DataDir, Env, Json, Offline, Plugins, Quiet, Verbose, reporter, set_verbose, sources

Subject = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN|SPEC|PATH [KEY=VALUE]...",
        help="A run, a spec file, or a folder or file of data; and overrides such as data.target=price.",
        show_default=False,
        autocompletion=overrides,
    ),
]


@answers("deepcli.cli.json_objects:Baselines")
def baseline(
    words: Subject,
    plugins: Plugins = None,
    env: Env = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train models that learn in seconds on the same splits: what a network has to beat.

    The most frequent class, the mean or the median; a linear model; gradient
    boosting on tables. Scores are of the test split. On a run, the network is
    tested against each, and the scores are kept in the run for `report`.

    Example:
    deepcli baseline houses.csv data.target=price
    """
    set_verbose(verbose)
    from deepcli.api.baselining import run_baselines
    from deepcli.cli import render

    at = partial(sources, data_dir, offline, quiet)
    found = run_baselines(words, at, reporter(quiet), plugins or ())
    if json:
        from deepcli.cli.json_objects import Baselines

        facts = {key: value for key, value in found.to_dict().items() if key != "rows"}
        emit(Baselines.model_validate({"command": "baseline", "status": "completed", **facts}))
    else:
        render.baselines(found)
