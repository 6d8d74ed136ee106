"""`deepcli verify-resume`."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
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
    reporter,
    set_verbose,
    sources,
)


@answers("deepcli.cli.json_objects:ResumeVerified")
def verify_resume(
    words: Words,
    overrides: Overrides = None,
    kills: Annotated[int, typer.Option(metavar="N", help="How many times to kill the run.")] = 3,
    seed: Annotated[int, typer.Option(metavar="K", help="Seed of the places where it is killed.")] = 0,
    plugins: Plugins = None,
    device: DeviceName = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check on this machine that a run of a spec that is killed and resumed has the bits of one that is not.

    The spec is trained once whole, and once with kills at random places: after a
    step, in validation, while a checkpoint is written. Weights, optimizer, random
    generators, callbacks, history and test figures are compared. All is in a
    temporary directory, kept only if something differs. Exit code 1 if it does.

    Example:
    deepcli verify-resume digits-cnn.yaml training.epochs=2
    """
    started = time.monotonic()
    set_verbose(verbose)
    shown = reporter(quiet)
    shown.doing("starting")
    from deepcli.api.resume_trial import VerifyRequest
    from deepcli.api.resume_verifying import run_verification
    from deepcli.cli.bit_tables import print_lines, print_resume_report

    changes = (*(overrides or ()), *([f"training.device={device}"] if device else ()))
    given = (kills, seed, tuple(plugins or ()), data_dir, offline or None)
    request = VerifyRequest(tuple(words), changes, *given, started)
    tell = (lambda line: None) if json or quiet else (lambda line: print_lines([line]))
    report = run_verification(request, partial(sources, data_dir, offline, quiet), shown, tell)
    if json:
        from deepcli.cli.json_objects import ResumeVerified

        end = {"status": "completed", "error": None} if report.ok else {"status": "failed", "error": report.headline}
        emit(ResumeVerified.model_validate({"command": "verify-resume", **report.to_dict(), **end}))
    else:
        print_resume_report(report, quiet)
    if not report.ok:
        raise typer.Exit(1)
