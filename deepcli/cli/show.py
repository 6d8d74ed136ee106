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
    """Show the complete spec with all defaults, the model it builds, or its images after augmentation."""
    from deepcli.experiment.load import dump

    if model and samples:
        raise UsageError("--model and --samples: choose one")
    loaded = load_spec(words, overrides, plugins)
    for notice in loaded.notices:
        print(f"notice: {notice}", file=sys.stderr)
    if samples:
        _show_samples(loaded.experiment, samples, sources(data_dir, offline, quiet=False))
    elif model:
        from deepcli.cli import render
        from deepcli.system.tensorflow_startup import import_tensorflow

        import_tensorflow()
        from deepcli.training.summary import summarize

        render.layers(summarize(loaded.experiment))
    else:
        print(dump(loaded.experiment), end="")


def _show_samples(experiment: Experiment, path: Path, sources: Sources) -> None:
    if experiment.signature.kind != "image":
        raise UsageError(f"--samples: needs images; {experiment.data.type} contains texts")
    if path.suffix.lower() != ".png":
        raise UsageError(f"--samples: {path} should end in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--samples: the directory {path.parent} does not exist")
    if experiment.signature.augmentation is None:
        print("notice: data.augmentation is null, so the images are shown unchanged", file=sys.stderr)
    train = experiment.data.load(sources).train

    from deepcli.system.tensorflow_startup import import_tensorflow

    import_tensorflow()
    from deepcli.training.samples import draw_samples

    draw_samples(experiment, train, path)
    print(f"wrote {path}")
