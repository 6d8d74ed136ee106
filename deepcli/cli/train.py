"""`deepcli train`."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepcli.cli.answers import answers
from deepcli.cli.options import (
    DataDir,
    DeviceName,
    Json,
    Offline,
    OptionalWords,
    Overrides,
    Plugins,
    Quiet,
    Verbose,
    load_spec,
    reporter,
    set_verbose,
    sources,
)
from deepcli.cli.unused_options import refuse
from deepcli.errors import UsageError
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment
    from deepcli.result import Result
    from deepcli.run.directory import RunDir
    from deepcli.run.reporter import Reporter
    from deepcli.run.resuming import Resumption


@answers("deepcli.result:Result")
def train(
    context: typer.Context,
    words: OptionalWords = None,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run directory; default: a new one in runs/.")
    ] = None,
    if_exists: Annotated[
        Literal["error", "resume", "skip", "overwrite"], typer.Option(help="What to do if the run already exists.")
    ] = "error",
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Resume a run from its last checkpoint. CONFIG can be omitted: the run has its own."
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
    """Train the model that a spec describes, and evaluate its best weights once on the test split.

    SIGINT and SIGTERM stop a run after the current step, with a checkpoint; SIGUSR1 writes one without stopping.
    """
    started = time.monotonic()
    set_verbose(verbose)
    if resume is not None and if_exists != "resume":
        refuse(context, "with --resume, which continues that run", "--if-exists")
    if resume is None and output is None:
        refuse(context, "without --output, when each run gets a new directory", "--if-exists")
    show = reporter(quiet)
    words, signals = list(words or []), Signals()
    if resume is not None:
        words, output, if_exists = _going_on(words, resume, output), resume, "resume"
    with signals.noted(), contextlib.ExitStack() as stack:
        loaded = load_spec(words, [*(overrides or []), *([f"training.device={device}"] if device else [])], plugins)
        for notice in loaded.notices:
            show.note(f"notice: {notice}")

        from deepcli.cli import render
        from deepcli.run import directory

        target = output or directory.default_path(loaded.experiment.name)
        result, resumption = None, None
        if output is not None and directory.existing(output, if_exists):
            if if_exists == "resume":
                stack.enter_context(directory.RunDir(output).owned())
            result, resumption = _known(directory.RunDir(output), if_exists, loaded.experiment, show)
        if result is None:
            splits = loaded.experiment.data.load(sources(data_dir, offline, quiet))
            if not splits.provenance.verified:
                show.note(
                    f"notice: {splits.provenance.source} differs from the published file; "
                    "results are not comparable with published ones"
                )

            from deepcli.system.tensorflow_startup import import_tensorflow

            import_tensorflow()
            from deepcli.training.context import TrainOptions
            from deepcli.training.train import train

            command = tuple(sys.argv[1:])
            request = TrainOptions(
                target,
                if_exists == "overwrite",
                command,
                tuple(plugins or ()),
                started,
                resumption,
                signals,
                numbered=output is None,
            )
            result = train(loaded.experiment, splits, request, show)
    render.result(result, json)
    if result.status != "completed":
        raise typer.Exit(1)


def _going_on(words: list[str], run: Path, output: Path | None) -> list[str]:
    """Use a run's own spec if no CONFIG was given.

    Raises:
        RunError: `run` is not a run directory.
        UsageError: `output` is another directory.
    """
    from deepcli.experiment.load import is_override
    from deepcli.run.directory import RunDir

    if output is not None and output != run:
        raise UsageError(f"--resume {run} continues in that directory; omit --output")
    config = RunDir.open(run).config
    return words if any(not is_override(word) for word in words) else [str(config), *words]


def _known(
    run: RunDir, if_exists: str, experiment: Experiment, show: Reporter
) -> tuple[Result | None, Resumption | None]:
    """Return the result of a finished run, or how to resume an unfinished one."""
    from deepcli.run.resuming import resume, skip

    if if_exists == "skip":
        result = skip(run, experiment)
        show.note(f"the run {run.path} has finished; nothing was trained")
        return result.model_copy(update={"run": str(run.path)}), None
    resumption = resume(run, experiment)
    finished = run.result() if resumption.finished else None
    if finished is None:
        return None, resumption
    show.note(resumption.finished or "")
    return finished.model_copy(update={"run": str(run.path)}), None
