"""Components as a spec names them, and training images before and after augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.catalog.components import Entry
    from deepcli.data.files import Sources
    from deepcli.experiment.schema import Experiment
    from deepcli.spec.registry import Registry


def component_kinds(plugins: Sequence[str] = ()) -> dict[str, Registry[Any]]:
    """Return the registry of each kind of component, those of plugins included.

    Raises:
        UsageError: A plugin cannot be imported.
    """
    from deepcli.catalog.components import KINDS
    from deepcli.spec.plugins import import_plugins

    import_plugins(plugins)
    return dict(KINDS)


def component_entries(kind: str, name: str | None = None, plugins: Sequence[str] = ()) -> list[Entry]:
    """Describe every component of a kind, or one of them.

    Raises:
        UsageError: The kind or the name is unknown, or a plugin cannot be imported.
    """
    from deepcli.catalog.components import entry
    from deepcli.spec.spelling import did_you_mean

    kinds = component_kinds(plugins)
    registry = kinds.get(kind)
    if registry is None:
        raise UsageError(f"unknown kind {kind!r}; {did_you_mean(kind, kinds)}known: {', '.join(kinds)}")
    if name is not None and name not in registry:
        raise UsageError(f"unknown {kind}: {name!r}; {did_you_mean(name, registry)}known: {', '.join(registry)}")
    return [entry(kind, one) for one in ([name] if name else registry)]


def described(word: str, plugins: Sequence[str] = ()) -> tuple[str | None, list[Entry]]:
    """Describe what a word names: a kind, a section of a spec, or a component.

    Args:
        word: Such as `models`, `model`, `training`, `early_stopping`, `training.early_stopping` or `cnn`.
        plugins: Python files or modules to import first.

    Returns:
        The kind, if all of its components are described; and the entries.

    Raises:
        UsageError: The word names nothing, or a plugin cannot be imported.
    """
    from deepcli.catalog.components import entry
    from deepcli.catalog.sections import kind_of_field, section_entries, sections
    from deepcli.spec.spelling import did_you_mean

    kinds = component_kinds(plugins)
    kind = word if word in kinds else kind_of_field(word)
    if kind is not None:
        return kind, component_entries(kind)
    found = [*section_entries(word), *(entry(kind, word) for kind in kinds if word in kinds[kind])]
    if not found:
        paths = [path.split(" ")[0] for path in sections()]
        known = [
            *kinds,
            *paths,
            *(path.rpartition(".")[2] for path in paths),
            *(one for all in kinds.values() for one in all),
        ]
        raise UsageError(
            f"unknown kind, section or component {word!r}; {did_you_mean(word, known)}kinds: {', '.join(kinds)}"
        )
    return None, found


def write_samples(experiment: Experiment, path: Path, sources: Sources, notify: Callable[[str], None]) -> None:
    """Draw training images before (top row) and after augmentation (below) in a PNG file.

    Raises:
        UsageError: The data are not images, or the file cannot be used.
    """
    if experiment.signature.kind != "image":
        raise UsageError(f"--samples: needs images; {experiment.data.type} contains texts")
    if path.suffix.lower() != ".png":
        raise UsageError(f"--samples: {path} should end in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--samples: the directory {path.parent} does not exist")
    if experiment.signature.augmentation is None:
        notify("data.augmentation is null, so the images are shown unchanged")
    train = experiment.data.load(sources).train

    from deepcli.system.backend_startup import import_backend

    import_backend(experiment.training.backend)
    from deepcli.training.samples import draw_samples

    draw_samples(experiment, train, path)
