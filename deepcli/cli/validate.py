"""`deepcli validate`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import Env, Json, Overrides, Plugins, Quiet, Words

if TYPE_CHECKING:
    from deepcli.api.validating import ValidatedSpec


@answers("deepcli.cli.json_objects:Validated")
def validate(
    words: Words,
    overrides: Overrides = None,
    plugins: Plugins = None,
    env: Env = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check specs and the sweeps in them, or own data in their place, each file on its own, without importing TensorFlow.

    Example:
    deepcli validate digits-cnn.yaml optimizer.learning_rate=3e-4
    """
    from deepcli.api.validating import validate_files

    checked = []
    for found in validate_files(words, overrides or (), plugins or ()):
        checked.append(found)
        if found.error is not None:
            print(f"error: {found.error}".replace("\n", "\nerror: "), file=sys.stderr)
        for notice in found.notices:
            print(f"notice: {notice}", file=sys.stderr)
        if found.error is None and not (quiet or json):
            print(f"{found.file}: valid")
    wrong = sum(found.error is not None for found in checked)
    if json:
        from deepcli.cli.json_objects import Validated

        end = {"status": "failed", "error": f"{wrong} of {len(checked)} files are invalid"} if wrong else {}
        files = [_object(found) for found in checked]
        emit(Validated.model_validate({"command": "validate", "status": "completed", "files": files, **end}))
    if wrong:
        raise typer.Exit(2)


def _object(found: ValidatedSpec) -> dict[str, Any]:
    """Return the JSON object of a file."""
    problems = [asdict(problem) for problem in found.problems]
    return {"file": found.file, "valid": not problems, "problems": problems, "notices": list(found.notices)}
