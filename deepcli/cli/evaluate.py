"""`deepcli evaluate`."""

from __future__ import annotations

import time
from functools import partial
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
    RunOrCheckpoint,
    Verbose,
    reporter,
    set_verbose,
    sources,
)


def _splits(incomplete: str) -> list[str]:
    from deepcli.data.base import SPLITS

    return [split for split in SPLITS if split.startswith(incomplete)]


def _rules(incomplete: str) -> list[str]:
    from deepcli.tasks.choices import BEST_F1

    return [BEST_F1] if BEST_F1.startswith(incomplete) else []


@answers("deepcli.result:Result")
def evaluate(
    path: RunOrCheckpoint,
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
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|best-f1",
            help="Answer the second of two classes, or each label, from this probability; best-f1: the best on validation.",
            autocompletion=_rules,
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Fit a temperature on validation; show log loss and calibration with it."),
    ] = False,
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
    the run as predictions-SPLIT.npz. With --threshold and --calibrate, it stays so:
    both change what is printed and written to --output, not what the run keeps.

    Example:
    deepcli evaluate runs/first --split validation
    """
    started = time.monotonic()
    set_verbose(verbose)
    from deepcli.api.evaluating import EvaluateRequest, run_evaluation
    from deepcli.cli import render

    request = EvaluateRequest(
        path, split, tuple(words or ()), batch_size, output, device or "auto", started, threshold, calibrate
    )
    at = partial(sources, data_dir, offline, quiet)
    result, names = run_evaluation(request, at, reporter(quiet), plugins or ())
    render.result(result, json, names)
