"""`deepcli.load`: specs from files, dicts, keyword arguments and overrides."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.data_paths import data_document, is_data_path
from deepcli.api.warned import warn
from deepcli.errors import Problem, SpecError, UsageError

if TYPE_CHECKING:
    from deepcli.experiment.load import Loaded
    from deepcli.experiment.schema import Experiment
    from deepcli.spec.yaml12 import Document

    Source = str | os.PathLike[str] | Mapping[str, Any] | Experiment
    """What a spec is made of: a file, an override like `training.epochs=3`, a dict, or a whole spec to change."""
    PluginFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    """Plugins: Python files or modules, one or many."""

NO_FILE = "no spec file given; `deepcli init digits cnn` writes one to start from"


def load(*spec: Source, plugins: PluginFiles = (), env: str | Sequence[str] = (), **sections: Any) -> Experiment:
    """Load and validate a spec; `deepcli.train` accepts the result.

    ```python
    deepcli.load("config.yaml", "optimizer.learning_rate=3e-4")
    deepcli.load(data="digits", model={"type": "cnn"}, training={"epochs": 3})
    ```

    What is worth knowing about a valid spec is a warning of the class `deepcli.Notice`.

    Args:
        spec: Files, dicts, and specs that were loaded before, each merged over the one before it; and overrides like
            `training.epochs=3`, which are merged last.
        plugins: Python files or modules that register components. They are imported first, which runs their code.
        env: Environment variables that files may use as `${NAME}` or `${NAME:-default}`; without it, they are errors.
        sections: Sections of a spec, merged over files and dicts.

    Returns:
        The spec, every default in it. It is frozen; to change one, load it again with overrides.

    Raises:
        SpecError: The spec is not valid. `problems` has each problem with its place: `file:line:column` in a file, the
            path of the field in a dict.
        UsageError: There is neither a file nor a dict, or a plugin cannot be imported.
    """
    from deepcli.spec.variables import allowing

    with allowing([env] if isinstance(env, str) else env):
        loaded = load_parts([*spec, *([sections] if sections else [])], plugins=plugin_names(plugins))
    for notice in loaded.notices:
        warn(notice)
    return loaded.experiment


def load_parts(
    parts: Sequence[Source | Document], overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> Loaded:
    """Load a spec from its parts, with the notices that a user should see.

    Args:
        parts: As `load` takes them; of those, strings like `training.epochs=3` are overrides.
        overrides: More overrides, applied after those.
        plugins: Python files or modules to import first.

    Raises:
        SpecError: The spec is not valid.
        UsageError: There is neither a file nor a dict, or a plugin cannot be imported.
    """
    from deepcli.experiment.load import Loaded, is_override, load
    from deepcli.experiment.schema import Experiment
    from deepcli.experiment.split_words import refuse_split
    from deepcli.spec.plugins import import_plugins
    from deepcli.spec.yaml12 import Document

    if len(parts) == 1 and isinstance(parts[0], Experiment) and not overrides:
        import_plugins(plugins)
        return Loaded(parts[0])
    files: list[Source | Document] = [part for part in parts if not (isinstance(part, str) and is_override(part))]
    words = [part for part in parts if isinstance(part, str) and is_override(part)]
    refuse_split(parts, overrides)
    if not files:
        raise UsageError(NO_FILE)
    _demand_no_run(files)
    if own := [part for part in files if is_data_path(part)]:
        import_plugins(plugins)
        document = data_document([part for part in own if isinstance(part, str | os.PathLike)], [*words, *overrides])
        files = [document, *(part for part in files if part not in own)]
    return load([part if isinstance(part, Document) else opened(part) for part in files], [*words, *overrides], plugins)


def _demand_no_run(parts: Sequence[Source | Document]) -> None:
    """Check that no part is a run or a checkpoint.

    Raises:
        SpecError: One is.
    """
    for part in parts:
        if isinstance(part, str | os.PathLike) and (os.path.isdir(part) or os.fspath(part).endswith(".keras")):  # noqa: PTH112
            from deepcli.experiment.missing import run_instead

            if why := run_instead(Path(part)):
                raise SpecError([Problem(os.fspath(part), "", why)])


def plugin_names(plugins: PluginFiles) -> tuple[str, ...]:
    """Name plugins as the command line does; a single one may be given without a list."""
    return tuple(os.fspath(plugin) for plugin in ([plugins] if isinstance(plugins, str | os.PathLike) else plugins))


def opened(part: Source) -> Path | Document:
    """Return a file's path, or a document of anything that is already in memory."""
    from deepcli.experiment.schema import Experiment

    if isinstance(part, Experiment):
        return document_of(part.model_dump())
    if isinstance(part, Mapping):
        return document_of(part)
    if isinstance(part, str | os.PathLike):
        return Path(part)
    raise UsageError(f"a spec should be a file, a dict or an Experiment, not {part!r}")


def document_of(tree: Mapping[Any, Any], source: str = "") -> Document:
    """Make a document of a dict; its places have no file, so that problems are named by their path alone.

    Args:
        tree: The dict.
        source: What wrote it, if not a program.
    """
    from deepcli.spec.yaml12 import Document, Mark

    values = plain(tree, ())
    marks = dict.fromkeys(_paths(values, ()), Mark(source))
    return Document(values, dict(marks), dict(marks))


def plain(value: Any, path: tuple[Any, ...]) -> Any:
    """Turn what Python programs hold into what YAML has: paths to strings, tuples to lists, NumPy's numbers to Python's.

    Raises:
        SpecError: It is nested too deeply.
    """
    from deepcli.spec.yaml12 import MAX_DEPTH, TOO_DEEP

    if len(path) > MAX_DEPTH:
        raise SpecError([Problem("", ".".join(map(str, path[:3])), f"is {TOO_DEEP}")])
    if isinstance(value, Mapping):
        return {key: plain(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, (*path, place)) for place, inner in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "numpy" and hasattr(value, "item") and not getattr(value, "shape", ()):
        return value.item()
    return value


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """List every path in a tree."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _paths(one, (*path, key))
