"""`deepcli show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.options import DataDir, Env, Offline, Overrides, Plugins, Words, load_spec, sources
from deepcli.errors import UsageError


def show(
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
    data_dir: DataDir = None,
    offline: Offline = False,
) -> None:
    """Show the complete spec with all defaults, the model it builds, or its images after augmentation.

    Example:
    deepcli show digits-cnn.yaml --model
    """
    if model and samples:
        raise UsageError("--model and --samples: choose one")
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
        from deepcli.system.tensorflow_startup import import_tensorflow

        import_tensorflow()
        from deepcli.training.summary import summarize

        render.layers(summarize(loaded.experiment))
    else:
        print(dump(loaded.experiment), end="")


def _notify(notice: str) -> None:
    print(f"notice: {notice}", file=sys.stderr)
