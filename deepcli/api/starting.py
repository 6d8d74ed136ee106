"""A commented spec to start from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deepcli.errors import DataError, UsageError


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
        UsageError: The data set or model is unknown, they do not fit, or the file exists or cannot be written.
    """
    from deepcli.catalog.starter import starter
    from deepcli.data import DATASETS
    from deepcli.models import MODELS
    from deepcli.spec.plugins import import_plugins
    from deepcli.spec.spelling import did_you_mean
    from deepcli.system.atomic import write_text

    import_plugins(plugins)
    for registry, name in ((DATASETS, data), (MODELS, model)):
        if name not in registry:
            known = f"known {registry.kind}: {', '.join(registry)}; load your own with --plugin FILE"
            raise UsageError(f"unknown type {name!r}; {did_you_mean(name, registry)}{known}")
    _demand_fit(data, model)
    target = file or Path(f"{data}-{model}.yaml")
    _reserve(target)
    command = shlex.join(["deepcli", "train", str(target), *(f"--plugin={plugin}" for plugin in plugins)])
    write_text(target, starter(data, model, command))
    return target, command


def write_own_starter(
    paths: Sequence[str], model: str | None, file: Path | None, overrides: Sequence[str], plugins: Sequence[str] = ()
) -> tuple[Path, str]:
    """Write a spec for own data, ready to train, with what was found about them as comments.

    Args:
        paths: The data: a folder, a file, or the files of one table.
        model: A model family; None: one that suits the data.
        file: Where to write; None: the name of the data with `.yaml`.
        overrides: Overrides such as `data.target=price`.
        plugins: Python files or modules to import first.

    Returns:
        The file, and the command that trains it.

    Raises:
        SpecError: The spec would not be valid, for example because the target is not said.
        DataError: The data cannot be used.
        UsageError: The file exists or cannot be written.
    """
    from deepcli.api.data_paths import data_document
    from deepcli.catalog.own_starter import own_starter
    from deepcli.experiment.load import apply, finish
    from deepcli.experiment.merge import Merger
    from deepcli.experiment.split_words import refuse_split
    from deepcli.spec.plugins import import_plugins
    from deepcli.system.atomic import write_text

    import_plugins(plugins)
    refuse_split([model or ""], overrides)
    words = [*([f"model.type={model}"] if model else []), *overrides]
    document = apply(Merger(), data_document(paths, words), words)
    experiment = finish(document, (), (), paths[0]).experiment
    target = file or Path(f"{experiment.name}.yaml")
    _reserve(target)
    command = shlex.join(["deepcli", "train", str(target), *(f"--plugin={plugin}" for plugin in plugins)])
    write_text(target, own_starter(document.tree, experiment, command))
    return target, command


def _demand_fit(data: str, model: str) -> None:
    """Check that a model family takes a data set whose signature is known without reading anything.

    Raises:
        UsageError: It does not.
    """
    from pydantic import ValidationError

    from deepcli.data import DATASETS
    from deepcli.data.base import Dataset
    from deepcli.models import MODELS
    from deepcli.tasks import Reconstruction

    if not issubclass(DATASETS[data], Dataset):
        return
    try:
        signature = DATASETS[data].example().signature
    except (ValidationError, DataError):  # required fields, shown as `...`, or data of a plugin that are to be found
        return
    try:
        family = MODELS[model].model_validate(MODELS[model].starter(signature.kind))
    except (ValidationError, KeyError):  # a family with required fields, or without this kind of data
        family = MODELS[model].example()
    for _, why in family.issues(Reconstruction().posed(signature) if family.predicts_inputs else signature):
        raise UsageError(f"{model} does not fit {data}: {why}")


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
