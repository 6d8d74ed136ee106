"""`deepcli init`."""

from __future__ import annotations

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
    data: Annotated[
        str,
        typer.Argument(
            help="A data set, which `deepcli list data` shows, or your own data: a folder or a file.",
            autocompletion=_data,
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL] [FILE] [KEY=VALUE]...",
            help="A model family, which may be left out for own data; the file to write; for own data, overrides such "
            "as data.target=price.",
            autocompletion=_models,
        ),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Write a commented spec to start from: for a data set and a model, or for your own data.

    Example:
    deepcli init photos/
    """
    from deepcli.api.data_paths import is_data_path
    from deepcli.api.starting import write_own_starter, write_starter

    overrides = [word for word in words or () if "=" in word or word.startswith("~")]
    names = [word for word in words or () if word not in overrides]
    own = is_data_path(data)
    paths = [data, *(name for name in names if own and is_data_path(name))]
    names = [name for name in names if name not in paths]
    file = Path(names.pop()) if len(names) == 2 or (own and names and _is_file(names[-1])) else None
    if len(names) > 1 or (not own and (not names or overrides)):
        raise UsageError("write `deepcli init DATA MODEL [FILE]`, or `deepcli init PATH [MODEL] [FILE] [KEY=VALUE]...`")
    if own:
        target, command = write_own_starter(paths, names[0] if names else None, file, overrides, plugins or ())
    else:
        target, command = write_starter(data, names[0], file, plugins or ())
    print(f"wrote {target}; next: {command}")


def _is_file(word: str) -> bool:
    return word.endswith((".yaml", ".yml")) or "/" in word
