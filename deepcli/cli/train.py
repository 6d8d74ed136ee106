"""`deepcli train`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Json,
    Offline,
    Overrides,
    Plugins,
    Quiet,
    Verbose,
    Words,
    load_spec,
    reporter,
    set_verbose,
    sources,
)


def train(
    words: Words,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run directory; default: a new one under runs/.")
    ] = None,
    if_exists: Annotated[
        Literal["error", "resume", "skip", "overwrite"], typer.Option(help="What to do if the run is there already.")
    ] = "error",
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train the model that a spec describes, and evaluate its best weights once on the test split."""
    started = time.monotonic()
    set_verbose(verbose)
    show = reporter(quiet)
    loaded = load_spec(words, [*(overrides or []), *([f"training.device={device}"] if device else [])], plugins)
    for notice in loaded.notices:
        show.note(f"notice: {notice}")

    from deepcli import run
    from deepcli.cli import render

    target = output or run.default_path(loaded.experiment.name)
    result = run.existing(target, if_exists)
    if result is not None:
        show.note(f"the run {target} has finished; nothing was trained")
        result = result.model_copy(update={"run": str(target)})
    else:
        splits = loaded.experiment.data.load(sources(data_dir, offline, quiet))
        if not splits.provenance.verified:
            show.note(f"notice: {splits.provenance.source} is not the published file; its results are its own")

        from deepcli.engine.session import Request
        from deepcli.engine.train import train

        request = Request(target, if_exists == "overwrite", tuple(sys.argv[1:]), tuple(plugins or ()), started)
        result = train(loaded.experiment, splits, request, show)
    render.result(result, json)
    if result.status != "completed":
        raise typer.Exit(1)
