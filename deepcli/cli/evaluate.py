"""`deepcli evaluate`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers
from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Json,
    Offline,
    Plugins,
    Quiet,
    Verbose,
    check_split,
    reporter,
    set_verbose,
    sources,
)
from deepcli.cli.trained_data import read_data


def _splits(incomplete: str) -> list[str]:
    from deepcli.data.base import SPLITS

    return [split for split in SPLITS if split.startswith(incomplete)]


@answers("deepcli.result:Result")
def evaluate(
    path: Annotated[Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run directory, or a checkpoint file.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[data.KEY=VALUE]...",
            help="Evaluate on other data, such as data.path=NEW; nothing is then written to the run.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="test, validation or train.", autocompletion=_splits)] = "test",
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Examples per batch; affects memory and speed, not results.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Also write the predictions to a .npz file, the result to a .json file, or both to a directory.",
        ),
    ] = None,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate a run's best weights, or any checkpoint, on one split: all scores, each class, the confusion matrix.

    The data must be those that the model was trained on, unless you name other
    data. The predictions of a run's best weights on its own data are saved in
    the run as predictions-SPLIT.npz.
    """
    started = time.monotonic()
    set_verbose(verbose)
    from deepcli.cli import render
    from deepcli.experiment.other_data import demand_data_words
    from deepcli.run.checkpoint import file as checkpoints
    from deepcli.run.directory import demand_free
    from deepcli.spec.plugins import import_plugins

    check_split(split)
    demand_data_words(words or [])
    if output is not None:
        demand_free(output)
    import_plugins(plugins or [])
    file, run = checkpoints.find(path)
    checkpoint = checkpoints.with_device(checkpoints.open_checkpoint(file, words or []), device or "auto")
    show = reporter(quiet)
    splits, read = read_data(checkpoint, run, words or [], sources(data_dir, offline, quiet), show)
    examples = splits[split]
    if words and output is None:
        show.note("notice: nothing is saved; to save the predictions and the result, add --output")

    from deepcli.system.tensorflow_startup import import_tensorflow

    import_tensorflow()
    from deepcli.training.evaluate import BATCH_SIZE, evaluate
    from deepcli.training.evaluation_files import keep_in_run, write

    result, measured = evaluate(checkpoint, examples, split, show, started, batch_size or BATCH_SIZE)
    result = result.model_copy(update={"run": str(run.path) if run else None, "data": read})
    if output is not None:
        write(output, result, split, measured, splits.lexicon)
    if run is not None and not words and checkpoints.is_best(file, run):
        keep_in_run(run, split, measured, splits.lexicon, read, show)
    names = checkpoint.experiment.data.names_of(len(result.classes[split])) if result.classes else ()
    render.result(result, json, names)
