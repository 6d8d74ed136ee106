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
    reporter,
    set_verbose,
    sources,
)
from deepcli.errors import TrainingError, UsageError


def _splits(incomplete: str) -> list[str]:
    from deepcli.data.base import SPLITS

    return [split for split in SPLITS if split.startswith(incomplete)]


@answers("deepcli.result:Result")
def evaluate(
    path: Annotated[Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run directory, or a checkpoint file.")],
    split: Annotated[str, typer.Option(help="test, validation or train.", autocompletion=_splits)] = "test",
    batch_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Examples at once; it changes memory and time, not figures.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the predictions to this .npz file, too."),
    ] = None,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Evaluate a run's best weights, or any checkpoint, on one split: every score, each class, the confusion matrix.

    Of a run, the predictions are kept in it, as predictions-SPLIT.npz.
    """
    started = time.monotonic()
    set_verbose(verbose)
    from deepcli import checkpoints
    from deepcli.cli import render
    from deepcli.data.base import SPLITS
    from deepcli.loading import import_plugins
    from deepcli.registry import did_you_mean

    if split not in SPLITS:
        raise UsageError(f"--split: unknown split {split!r}; {did_you_mean(split, SPLITS)}known: {', '.join(SPLITS)}")
    import_plugins(plugins or [])
    file, run = checkpoints.find(path)
    checkpoint = checkpoints.open_checkpoint(file)
    chosen = checkpoints.with_device(checkpoint, device or "auto")
    splits = chosen.experiment.data.load(sources(data_dir, offline, quiet))
    examples = splits[split]

    from deepcli.engine.evaluate import BATCH_SIZE, evaluate, keep, save_predictions

    show = reporter(quiet)
    result, measured = evaluate(chosen, examples, split, show, started, batch_size or BATCH_SIZE)
    if output is not None:
        save_predictions(output, measured.predictions)
    if run is not None and file == run.best:
        try:
            keep(run, split, measured, splits.lexicon)
        except TrainingError as error:  # somebody else's run, or a full disk: the figures are there all the same
            show.note(f"notice: the predictions are not kept: {error}")
    names = chosen.experiment.data.names_of(len(result.classes[split])) if result.classes else ()
    render.result(result.model_copy(update={"run": str(run.path) if run else None}), json, names)
