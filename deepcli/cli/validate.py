"""`deepcli validate`."""

from __future__ import annotations

import sys

import typer

from deepcli.cli.options import Overrides, Plugins, Quiet, Words, load_spec
from deepcli.errors import SpecError


def validate(words: Words, overrides: Overrides = None, plugins: Plugins = None, quiet: Quiet = False) -> None:
    """Check specs, each file by itself, without importing TensorFlow."""
    from deepcli.loading import is_override

    files = [word for word in words if not is_override(word)]
    changes = [word for word in words if is_override(word)]
    wrong = 0
    for file in files or [""]:
        try:
            loaded = load_spec([file, *changes] if file else changes, overrides, plugins)
        except SpecError as error:
            wrong += 1
            print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
            continue
        for notice in loaded.notices:
            print(f"notice: {notice}", file=sys.stderr)
        if not quiet:
            print(f"{file}: valid")
    if wrong:
        raise typer.Exit(2)
