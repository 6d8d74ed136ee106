"""`deepcli reproduce`."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Json,
    Offline,
    Plugins,
    Quiet,
    Verbose,
    reporter,
    run_named,
    set_verbose,
    sources,
)


@answers("deepcli.cli.json_objects:Reproduced")
def reproduce(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run that has completed; latest is the run that began last.",
            show_default=False,
            callback=run_named,
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[data.path=PATH]", help="Where its data are, if they have moved.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Keep the new run here; default: RUN-reproduced if it differs."
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the new run also if it is equal.")] = False,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Train only the first N epochs, and compare their history."),
    ] = None,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a run anew and compare it to the bit: weights, optimizer, history, figures and predictions.

    The new run has the threads, device, precision and seed of the old one, the
    same data, and ends at the same step. It is removed if it is equal. If it
    differs, you see what else differs (versions, threads, device), and whether
    the difference is within the spread of other seeds or of the test examples.

    Exit code 0 if it is equal, or if it differs within that spread and something
    else differs that explains it; otherwise 1.

    Example:
    deepcli reproduce runs/first
    """
    started = time.monotonic()
    set_verbose(verbose)
    shown = reporter(quiet)
    shown.doing("starting")  # what is imported next takes a moment
    from deepcli.api.reproduce_request import ReproduceRequest
    from deepcli.api.reproducing import run_reproduction
    from deepcli.cli.bit_tables import print_reproduction

    given = (tuple(words or ()), output, keep, epochs, device, tuple(plugins or ()))
    request = ReproduceRequest(path, *given, command=tuple(sys.argv[1:]), started=started)
    found = run_reproduction(request, partial(sources, data_dir, offline, quiet), shown)
    if json:
        from deepcli.cli.json_objects import Reproduced

        end = {"status": "completed", "error": None} if found.ok else {"status": "failed", "error": found.headline}
        emit(Reproduced.model_validate({"command": "reproduce", **found.to_dict(), **end}))
    else:
        print_reproduction(found, quiet)
    if not found.ok:
        raise typer.Exit(1)
