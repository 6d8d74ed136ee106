"""`deepcli validate`."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from deepcli.cli.options import NO_FILE, Overrides, Plugins, Quiet, Words
from deepcli.errors import SpecError, UsageError


def validate(words: Words, overrides: Overrides = None, plugins: Plugins = None, quiet: Quiet = False) -> None:
    """Check specs and the sweeps in them, each file by itself, without importing TensorFlow."""
    from deepcli.loading import is_override
    from deepcli.sweeps.loading import validate_file

    files = [word for word in words if not is_override(word)]
    changes = [word for word in words if is_override(word)]
    if not files:
        raise UsageError(NO_FILE)
    wrong = 0
    for file in files:
        try:
            loaded = validate_file([Path(file)], [*changes, *(overrides or [])], plugins or [])
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
