"""`deepcli init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deepcli.cli.options import Plugins


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
    from deepcli.api.starting import write_starter

    target, command = write_starter(data, model, file, plugins or ())
    print(f"wrote {target}; next: {command}")
