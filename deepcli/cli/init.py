"""`deepcli init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.options import Plugins
from deepcli.errors import UsageError


def _data(incomplete: str) -> list[str]:
    from deepcli.data import DATASETS

    return [name for name in DATASETS if name.startswith(incomplete)]


def _models(incomplete: str) -> list[str]:
    from deepcli.models import MODELS

    return [name for name in MODELS if name.startswith(incomplete)]


def init(
    data: Annotated[str, typer.Argument(help="A data set; `deepcli list data` shows all.", autocompletion=_data)],
    model: Annotated[
        str, typer.Argument(help="A model family; `deepcli list models` shows all.", autocompletion=_models)
    ],
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: DATA-MODEL.yaml.")] = None,
    plugins: Plugins = None,
) -> None:
    """Write a commented spec to start from."""
    from deepcli.catalog.starter import starter
    from deepcli.data import DATASETS
    from deepcli.models import MODELS
    from deepcli.spec.plugins import import_plugins
    from deepcli.spec.registry import did_you_mean
    from deepcli.system.atomic import write_text

    import_plugins(plugins or [])
    for registry, name in ((DATASETS, data), (MODELS, model)):
        if name not in registry:
            known = f"known {registry.kind}: {', '.join(registry)}; load your own with --plugin FILE"
            raise UsageError(f"unknown type {name!r}; {did_you_mean(name, registry)}{known}")
    target = file or Path(f"{data}-{model}.yaml")
    if not target.parent.is_dir():
        raise UsageError(f"the directory {target.parent} does not exist")
    try:
        target.touch(exist_ok=False)  # fails if the file exists, even if another process has just created it
    except OSError as error:
        why = (
            "already exists; nothing was written"
            if isinstance(error, FileExistsError)
            else f"cannot be written: {error.strerror}"
        )
        raise UsageError(f"{target} {why}") from None
    command = shlex.join(["deepcli", "train", str(target), *(f"--plugin={plugin}" for plugin in plugins or [])])
    write_text(target, starter(data, model, command))
    print(f"wrote {target}; next: {command}")
