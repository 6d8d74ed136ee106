"""`deepcli show`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from deepcli.cli.options import Overrides, Plugins, Words, load_spec


def show(
    words: Words,
    overrides: Overrides = None,
    plugins: Plugins = None,
    model: Annotated[bool, typer.Option("--model", help="Show the layers with shapes and parameters instead.")] = False,
) -> None:
    """Show the whole spec with every default, or the model it builds."""
    from deepcli.loading import dump

    loaded = load_spec(words, overrides, plugins)
    for notice in loaded.notices:
        print(f"notice: {notice}", file=sys.stderr)
    if not model:
        print(dump(loaded.experiment), end="")
        return

    from deepcli.cli import render
    from deepcli.engine.summary import summarize

    render.layers(summarize(loaded.experiment))
