"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepcli.cli import completion

if TYPE_CHECKING:
    from deepcli.data.files import Sources
    from deepcli.experiment.load import Loaded
    from deepcli.run.reporter import Reporter


def run_named(path: Path | None) -> Path | None:
    """Return the path of a run that may be named `latest`."""
    from deepcli.run.latest import run_path

    return None if path is None else run_path(path)


def runs_named(paths: list[Path] | None) -> list[Path]:
    """Return the paths of runs that may be named `latest`."""
    return [path for path in map(run_named, paths or []) if path is not None]


RunOrCheckpoint = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|CHECKPOINT",
        help="A run directory, or a checkpoint file; latest is the run that began last.",
        show_default=False,
        callback=run_named,
    ),
]
Words = Annotated[
    list[str],
    typer.Argument(
        metavar="CONFIG... [KEY=VALUE]...",
        help="Spec files (later ones override earlier ones) and overrides such as training.epochs=20.",
        show_default=False,
        autocompletion=completion.overrides,
    ),
]
OptionalWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CONFIG... [KEY=VALUE]...",
        help="Spec files (later ones override earlier ones) and overrides such as training.epochs=20.",
        show_default=False,
        autocompletion=completion.overrides,
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An override; can be repeated.")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE", help="Import your own Python file or module first. This runs its code."),
]


def _allow(names: list[str] | None) -> None:
    from deepcli.spec.variables import allow

    allow(names or ())


Env = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME",
        callback=_allow,
        help="Let spec files use this environment variable, as ${NAME} or ${NAME:-default}; can be repeated.",
    ),
]
"""Takes effect while the words are parsed, so a command need not pass it on."""
DataDir = Annotated[
    Path | None,
    typer.Option(envvar="DEEPCLI_DATA_DIR", help="A directory with data files, searched before Keras's cache."),
]
Offline = Annotated[bool, typer.Option("--offline", envvar="DEEPCLI_OFFLINE", help="Never download.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object to stdout.")]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Keep the table up to date until Ctrl-C. In a pipe, print a line for each change; with --json, an object.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show everything, including TensorFlow's log and tracebacks.")]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="DEEPCLI_STORAGE",
        help="An Optuna storage, such as postgresql://host/db; default: a journal file in the sweep's directory.",
    ),
]
DeviceName = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|gpu[:N]",
        help="The device to compute on.",
        autocompletion=completion.devices,
    ),
]


def load_spec(words: Sequence[str], overrides: Sequence[str] | None, plugins: Sequence[str] | None) -> Loaded:
    """Load the spec that the command line describes.

    Raises:
        UsageError: No spec file is given.
        SpecError: The spec is invalid.
    """
    from deepcli.api.loading import load_parts

    return load_parts(words, overrides or (), plugins or ())


def sources(data_dir: Path | None, offline: bool, quiet: bool) -> Sources:
    """Return the sources from which data may be read.

    Raises:
        UsageError: `data_dir` is not a directory.
    """
    from deepcli.api.data_sources import data_sources
    from deepcli.api.slow_work import download_progress

    return data_sources(data_dir, offline, None if quiet else download_progress)


def set_verbose(verbose: bool) -> None:
    """Let TensorFlow's C++ code print its log; must be called before TensorFlow is imported."""
    if verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"


def reporter(quiet: bool) -> Reporter:
    """Choose how a run's progress is shown."""
    from deepcli.api.progress import make_reporter

    return make_reporter(quiet)
