"""A commented spec to start from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deepcli.errors import UsageError


def write_starter(data: str, model: str, file: Path | None = None, plugins: Sequence[str] = ()) -> tuple[Path, str]:
    """Write a spec with every field as a comment.

    Args:
        data: A data set.
        model: A model family.
        file: Where to write; None: DATA-MODEL.yaml.
        plugins: Python files or modules to import first.

    Returns:
        The file, and the command that trains it.

    Raises:
        UsageError: The data set or model is unknown, or the file exists or cannot be written.
    """
    from deepcli.catalog.starter import starter
    from deepcli.data import DATASETS
    from deepcli.models import MODELS
    from deepcli.spec.plugins import import_plugins
    from deepcli.spec.registry import did_you_mean
    from deepcli.system.atomic import write_text

    import_plugins(plugins)
    for registry, name in ((DATASETS, data), (MODELS, model)):
        if name not in registry:
            known = f"known {registry.kind}: {', '.join(registry)}; load your own with --plugin FILE"
            raise UsageError(f"unknown type {name!r}; {did_you_mean(name, registry)}{known}")
    target = file or Path(f"{data}-{model}.yaml")
    _reserve(target)
    command = shlex.join(["deepcli", "train", str(target), *(f"--plugin={plugin}" for plugin in plugins)])
    write_text(target, starter(data, model, command))
    return target, command


def _reserve(target: Path) -> None:
    """Create an empty file.

    Raises:
        UsageError: It exists, or cannot be written.
    """
    if not target.parent.is_dir():
        raise UsageError(f"the directory {target.parent} does not exist")
    try:
        target.touch(exist_ok=False)  # fails if the file exists, even if another process has just created it
    except FileExistsError:
        raise UsageError(f"{target} already exists; nothing was written") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
