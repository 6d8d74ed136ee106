"""`deepcli show`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from deepcli.cli.answers import answers
from deepcli.cli.options import DataDir, Env, Json, Offline, Overrides, Plugins, Words, load_spec, reporter, sources
from deepcli.cli.unused_options import refuse
from deepcli.errors import UsageError


@answers("deepcli.cli.json_objects:Costed")
def show(
    context: typer.Context,
    words: Words,
    overrides: Overrides = None,
    plugins: Plugins = None,
    env: Env = None,
    model: Annotated[
        bool, typer.Option("--model", help="Show the model's layers, with shapes and parameters, instead.")
    ] = False,
    samples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Write training images before (top row) and after augmentation (below) to a PNG file instead.",
        ),
    ] = None,
    cost: Annotated[
        bool,
        typer.Option("--cost", help="Take a few steps and show what the run would cost, as train --dry-run does."),
    ] = False,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Show the complete spec with all defaults, the model it builds, its images after augmentation, or its cost.

    Example:
    deepcli show digits-cnn.yaml --model
    """
    if model + bool(samples) + cost > 1:
        raise UsageError("--model, --samples and --cost: choose one")
    if not cost:
        refuse(context, "without --cost", "--json")
    if cost:
        from deepcli.api.train_request import TrainRequest
        from deepcli.cli.cost_output import show_cost

        request = TrainRequest(tuple(words), tuple(overrides or ()), plugins=tuple(plugins or ()), started=monotonic())
        show_cost("show", request, partial(sources, data_dir, offline, False), reporter(False), json)
        return
    from deepcli.api.describing import write_samples
    from deepcli.experiment.load import dump

    loaded = load_spec(words, overrides, plugins)
    for notice in loaded.notices:
        _notify(notice)
    if samples:
        write_samples(loaded.experiment, samples, sources(data_dir, offline, quiet=False), _notify)
        print(f"wrote {samples}")
    elif model:
        from deepcli.cli import render
        from deepcli.system.backend_startup import import_backend

        import_backend(loaded.experiment.training.backend)
        from deepcli.training.summary import summarize

        render.layers(summarize(loaded.experiment))
    else:
        print(dump(loaded.experiment), end="")


def _notify(notice: str) -> None:
    print(f"notice: {notice}", file=sys.stderr)
