"""`deepcli compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.completion import metrics
from deepcli.cli.group_tables import compare_groups
from deepcli.cli.options import Json, Plugins, runs_named
from deepcli.cli.unused_options import refuse
from deepcli.errors import UsageError


@answers("deepcli.cli.json_objects:Compared")
def compare(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run directories; with --with also folders of runs and quoted patterns.",
            show_default=False,
            callback=runs_named,
        ),
    ],
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="RUN...",
            help="Runs of a second spec with several seeds, up to the next option: compare two specs over seeds.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Plot the learning curves of all runs in a PNG or SVG file.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The metric to plot; default: the one that decides the best epoch.",
            autocompletion=metrics,
        ),
    ] = None,
    plugins: Plugins = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print tables in Markdown.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Show all runs, however wide the terminal is.")] = False,
) -> None:
    """Compare runs with the first one: specs, metrics, and whether differences on the test split are significant.

    Each run's saved predictions are tested against those of the first run.
    "better" and "worse" mean p < 0.05 in McNemar's exact test of accuracy, with
    Holm's correction for several pairs. This compares trained models.

    To compare specs, train each with several seeds (train --seeds 5) and name the
    runs of the second spec after --with. That gives means, spreads over seeds and
    over test examples, and how many seeds would show such a difference.

    Example:
    deepcli compare runs/first runs/second
    """
    if other is not None:
        refuse(context, "with --with", "--output", "--metric", "--markdown", "--wide")
        compare_groups([str(path) for path in paths], other, plugins or (), json)
        return
    if len(paths) < 2:
        raise UsageError("compare needs at least two runs")
    if output is None:
        refuse(context, "without --output, the file for the curves", "--metric")
    if json and markdown:
        raise UsageError("--json and --markdown: choose one")
    from deepcli.api.comparing import compare_paths
    from deepcli.cli import render

    found = compare_paths(paths, plugins or ())
    for notice in found.notices:
        print(f"notice: {notice}", file=sys.stderr)
    wrong = found.problem
    if not json:
        render.comparison(found.comparison, markdown, wide)
    if output is not None:
        found.plot(output, metric)
    if json:
        from deepcli.cli.json_objects import Compared

        end = {"status": "failed", "error": str(wrong)} if wrong else {"status": "completed"}
        emit(Compared.model_validate({**found.to_dict(), **end}))
    if wrong:
        raise wrong
