"""`deepcli find`: a learning rate and a batch size for a spec, by trying them."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import (
    DataDir,
    DeviceName,
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

SIZE = "data.batch_size="

app = typer.Typer(
    help="Find a learning rate or a batch size for a spec, by trying them in real training steps.",
    no_args_is_help=True,
)


@app.command("lr")
@answers("deepcli.cli.json_objects:RateFound")
def learning_rate(
    words: Words,
    overrides: Overrides = None,
    low: Annotated[float, typer.Option("--from", metavar="RATE", help="The first learning rate.")] = 1e-7,
    high: Annotated[
        float, typer.Option("--to", metavar="RATE", help="The last learning rate; divergence ends a test earlier.")
    ] = 10.0,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Updates from the first rate to the last; default: an epoch's, from 100 to 500."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Repeat the test with N seeds.")] = 3,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Draw the curve in a PNG or SVG file.")
    ] = None,
    plugins: Plugins = None,
    env: Env = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find a learning rate: train from fresh weights while the rate rises, and see where the loss falls and grows.

    Optimizer, batch size, loss and augmentation are those of the spec; its
    schedule is left out. No run is made, and nothing is written without -o.
    With --quiet, only the override is printed.
    Exit code 1 if there is no clear proposal.

    Example:
    deepcli find lr digits-cnn.yaml -o lr.png
    """
    set_verbose(verbose)
    from deepcli.api.finding_rate import RateRequest, run_find_rate

    spec = (*words, *_changes(overrides, device))
    request = RateRequest(spec, low, high, steps, seeds, tuple(plugins or ()), output)
    found = run_find_rate(request, partial(sources, data_dir, offline, quiet), reporter(quiet))
    if json:
        from deepcli.cli.json_objects import RateFound

        error = f"no clear proposal: {found.unclear}" if found.unclear else None
        end = {"status": "failed" if error else "completed", "error": error}
        picture = None if output is None else str(output)
        emit(RateFound.model_validate({"command": "find lr", **found.to_dict(), "output": picture, **end}))
    else:
        from deepcli.cli.find_output import rate_lines

        print("\n".join(rate_lines(found, output, quiet, sys.stdout.isatty())))
    if found.proposal is None:
        raise typer.Exit(1)


@app.command("batch_size")
@answers("deepcli.cli.json_objects:BatchSizeFound")
def batch_size(
    words: Words,
    overrides: Overrides = None,
    smallest: Annotated[
        int | None, typer.Option("--from", metavar="N", help="The size to begin with; each next one is twice as large.")
    ] = None,
    largest: Annotated[
        int | None, typer.Option("--to", metavar="N", help="Try none above N; default: the training split.")
    ] = None,
    plugins: Plugins = None,
    env: Env = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Find the fastest batch size, and the largest that fits into memory, by training for a moment with each.

    Steps are those of a real run, in a process of their own. On a CPU, no size
    is tried that would need more memory than is free. No run is made, and
    nothing is written. With --quiet, only the override is printed.

    Example:
    deepcli find batch_size digits-cnn.yaml
    """
    set_verbose(verbose)
    from deepcli.api.finding_batch_size import BatchSizeRequest, run_find_batch_size

    spec = (*words, *_changes(overrides, device))
    request = BatchSizeRequest(spec, smallest, largest, tuple(plugins or ()), data_dir, offline or None)
    show = (lambda line: None) if json or quiet else (lambda line: print(line, flush=True))
    found = run_find_batch_size(request, reporter(quiet), show)
    if json:
        from deepcli.cli.json_objects import BatchSizeFound

        end = {"status": "completed", "error": None}
        emit(BatchSizeFound.model_validate({"command": "find batch_size", **found.to_dict(), **end}))
    elif quiet:
        print(found.override)
    else:
        print("\n".join(found.summary(shlex.join(word for word in words if not word.startswith(SIZE)))))


def _changes(overrides: list[str] | None, device: str | None) -> list[str]:
    return [*(overrides or ()), *([f"training.device={device}"] if device else [])]
