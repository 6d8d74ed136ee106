"""`deepcli show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepcli.cli.options import DataDir, Offline, Overrides, Plugins, Words, load_spec, sources
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment


def show(
    words: Words,
    overrides: Overrides = None,
    plugins: Plugins = None,
    model: Annotated[bool, typer.Option("--model", help="Show the layers with shapes and parameters instead.")] = False,
    samples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw training images before (top row) and after augmentation (below) into a picture instead.",
        ),
    ] = None,
    data_dir: DataDir = None,
    offline: Offline = False,
) -> None:
    """Show the whole spec with every default, the model it builds, or what augmentation makes of its images."""
    from deepcli.experiment.load import dump

    if model and samples:
        raise UsageError("only one of --model and --samples")
    loaded = load_spec(words, overrides, plugins)
    for notice in loaded.notices:
        print(f"notice: {notice}", file=sys.stderr)
    if samples:
        _show_samples(loaded.experiment, samples, sources(data_dir, offline, quiet=False))
    elif model:
        from deepcli.cli import render
        from deepcli.training.summary import summarize

        render.layers(summarize(loaded.experiment))
    else:
        print(dump(loaded.experiment), end="")


def _show_samples(experiment: Experiment, path: Path, sources: Sources) -> None:
    if experiment.signature.kind != "image":
        raise UsageError(f"--samples draws images, and {experiment.data.type} holds texts")
    if path.suffix.lower() != ".png":
        raise UsageError(f"--samples: {path} should end in .png; that is what is written")
    if not path.parent.is_dir():
        raise UsageError(f"--samples: there is no folder {path.parent}")
    if experiment.signature.augmentation is None:
        print("notice: data.augmentation is null, so the images are shown as they are", file=sys.stderr)
    train = experiment.data.load(sources).train

    from deepcli.training.samples import draw_samples

    draw_samples(experiment, train, path)
    print(f"wrote {path}")
