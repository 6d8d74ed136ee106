"""`deepcli data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import overrides
from deepcli.cli.options import DataDir, Env, Json, Offline, Plugins, sources

Named = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|SPEC|RUN [data.KEY=VALUE]...",
        help="A folder or file of data, a spec file, a run, or the name of a data set; and overrides such as "
        "data.target=price.",
        show_default=False,
        autocompletion=overrides,
    ),
]


@answers("deepcli.cli.json_objects:LookedAt")
def data(
    words: Named,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Also draw pictures of each class in a PNG file."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are errors or warnings.")] = False,
    plugins: Plugins = None,
    env: Env = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Look at data before training: what they hold, how they are read, and what is wrong with them.

    Classes, sizes, lengths, columns with types and reasons, examples, and
    problems with code, severity and place. On a run also likely wrong labels.
    Nothing is written into the data, and TensorFlow is not imported.

    Example:
    deepcli data houses.csv data.target=price --strict
    """
    from deepcli.api.looking import inspect_data

    report = inspect_data(words, sources(data_dir, offline, quiet=False), plugins or (), samples)
    doubts = report.number_of("error") + report.number_of("warning")
    failed = strict and doubts > 0
    if json:
        from deepcli.cli.json_objects import LookedAt

        why = f"{doubts} {'error or warning' if doubts == 1 else 'errors and warnings'} (--strict)"
        end = {"status": "failed" if failed else "completed", "error": why if failed else None}
        emit(LookedAt.model_validate({"command": "data", **report.to_dict(), "samples": _name(samples), **end}))
    else:
        print(repr(report))
        if samples is not None:
            print(f"\nwrote {samples}")
    if failed:
        raise typer.Exit(1)


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)
