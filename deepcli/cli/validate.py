"""`deepcli validate`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import NO_FILE, Json, Overrides, Plugins, Quiet, Words
from deepcli.errors import DataError, Problem, SpecError, UsageError


@answers("deepcli.cli.json_objects:Validated")
def validate(
    words: Words, overrides: Overrides = None, plugins: Plugins = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Check specs and the sweeps in them, each file on its own, without importing TensorFlow."""
    from deepcli.experiment.load import is_override
    from deepcli.sweeps.load import validate_file

    files = [word for word in words if not is_override(word)]
    changes = [word for word in words if is_override(word)]
    if not files:
        raise UsageError(NO_FILE)
    checked: list[dict[str, Any]] = []
    for file in files:
        found: dict[str, Any] = {"file": file, "valid": True, "problems": [], "notices": []}
        checked.append(found)
        try:
            loaded = validate_file([Path(file)], [*changes, *(overrides or [])], plugins or [])
        except (SpecError, DataError) as error:
            problems = error.problems if isinstance(error, SpecError) else (Problem("", "", str(error)),)
            found |= {"valid": False, "problems": [asdict(problem) for problem in problems]}
            print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
            continue
        found["notices"] = list(loaded.notices)
        for notice in loaded.notices:
            print(f"notice: {notice}", file=sys.stderr)
        if not (quiet or json):
            print(f"{file}: valid")
    wrong = sum(not found["valid"] for found in checked)
    if json:
        from deepcli.cli.json_objects import Validated

        end = {"status": "failed", "error": f"{wrong} of {len(files)} files are invalid"} if wrong else {}
        emit(Validated.model_validate({"command": "validate", "status": "completed", "files": checked, **end}))
    if wrong:
        raise typer.Exit(2)
