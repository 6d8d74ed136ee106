"""The files that a run is made of besides its data: plugins, and weights that it starts from; with their SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import DeepcliError, RunError, UsageError
from deepcli.run.checkpoint.file import find
from deepcli.spec.registry import Spec

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment

INITIAL = "training.initial_weights"
SHOWN = 16
"""Digits of a SHA-256 that are shown."""


def described_files(experiment: Experiment, plugins: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return path and SHA-256 of each plugin, and of each file that the model starts from, by name.

    A plugin's name is what `--plugin` was given; that of a file is the field that names it.
    """
    named = {**{plugin: _plugin_file(plugin) for plugin in plugins}, **dict(_inputs(experiment))}
    return {
        name: {"path": str(path), "sha256": digest}
        for name, path in named.items()
        if path is not None and (digest := _sha256(path)) is not None
    }


def demand_same_files(run: Path, known: Mapping[str, Any], experiment: Experiment, plugins: Sequence[str]) -> None:
    """Check that the files that a run was made of still exist and have not changed.

    Args:
        run: The run.
        known: What `described_files` returned for it.
        experiment: Its spec.
        plugins: The plugins that are given now.

    Raises:
        RunError: A file is gone or has changed.
    """
    by_name = {Path(plugin).name: plugin for plugin in plugins}
    inputs = dict(_inputs(experiment))
    for name, about in known.items():
        if not isinstance(about, Mapping):
            continue
        path = inputs.get(name) if name in inputs else _plugin_file(by_name.get(Path(name).name, ""))
        what = f"{name}: {about.get('path')}" if name in inputs or not name.endswith(".py") else f"the plugin {name}"
        digest = None if path is None else _sha256(path)
        if digest is None:
            raise RunError(f"{what} is gone, which {run} was trained with; put it back")
        if digest != about.get("sha256"):
            raise RunError(
                f"{what} has changed since {run} was trained with it\n"
                f"  trained with  SHA-256 {str(about.get('sha256'))[:SHOWN]}...\n"
                f"  now           SHA-256 {digest[:SHOWN]}...  {path}\n"
                f"restore the file, or train a new run with it: deepcli train {run}/config.yaml"
            )


def demand_plugins(run: Path, recorded: Sequence[str], given: Sequence[str]) -> None:
    """Check that the plugins of a run are given; a run never has one imported by itself.

    Raises:
        UsageError: One is not.
    """
    import shlex

    there = {Path(plugin).name for plugin in given}
    missing = [plugin for plugin in recorded if Path(plugin).name not in there]
    if missing:
        words = " ".join(f"--plugin {shlex.quote(plugin)}" for plugin in missing)
        gone = "".join(
            f"; {plugin} is gone" for plugin in missing if plugin.endswith(".py") and not Path(plugin).is_file()
        )
        raise UsageError(f"{run} was trained with {words}, so add that to the command{gone}")


def _plugin_file(plugin: str) -> Path | None:
    if plugin.endswith(".py"):
        return Path(plugin)
    file = getattr(sys.modules.get(plugin), "__file__", None)
    return None if file is None else Path(file)


def _inputs(experiment: Experiment) -> Iterator[tuple[str, Path | None]]:
    """Yield the fields that name files which a model starts from, each with the file."""
    if experiment.training.initial_weights is not None:
        path = None
        with contextlib.suppress(DeepcliError):
            path = find(Path(experiment.training.initial_weights).expanduser())[0]
        yield INITIAL, path
    for name, file in _paths(experiment.model, "model"):
        yield name, Path(file).expanduser()


def _paths(section: Spec, name: str) -> Iterator[tuple[str, str]]:
    for field in type(section).model_fields:
        value = getattr(section, field)
        if isinstance(value, Spec):
            yield from _paths(value, f"{name}.{field}")
        elif field in section.path_fields and isinstance(value, str) and value not in section.path_words:
            yield f"{name}.{field}", value


def _sha256(path: Path) -> str | None:
    """Return a file's SHA-256; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
