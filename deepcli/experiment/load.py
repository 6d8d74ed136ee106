"""Load an experiment from files and overrides, or report all errors in them at once."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepcli.errors import DataError, Problem, SpecError
from deepcli.experiment import edits
from deepcli.experiment.elements import COMMAND_LINE, Elements
from deepcli.experiment.merge import Merger
from deepcli.experiment.messages import problems
from deepcli.experiment.origins import origins
from deepcli.experiment.schema import Experiment
from deepcli.spec import yaml12
from deepcli.spec.paths import unreadable
from deepcli.spec.plugins import import_plugins
from deepcli.spec.variables import expand
from deepcli.spec.yaml12 import Document, Mark, YamlError

KEY = r"[A-Za-z_]\w*(\.(\w+|-\d+))*"
OVERRIDE = re.compile(rf"^(?:{KEY}\+?=|~{KEY}$)", re.ASCII)
MAX_NAME = 200
SWEEP = "sweep"
"""The section of a spec file that describes a sweep; a run does not use it."""
IGNORED = "x-"
"""How keys at the top of a spec file begin that are ignored: a place for anchors, as in Docker Compose."""


@dataclass(frozen=True)
class Loaded:
    """An experiment, notices to the user about how it was loaded, and where each value that is set was written."""

    experiment: Experiment
    notices: tuple[str, ...] = field(default=())
    origins: Mapping[str, str] = field(default_factory=dict)


def load(files: Sequence[Path | Document], overrides: Iterable[str] = (), plugins: Iterable[str] = ()) -> Loaded:
    """Read files, merge them in order, apply the overrides, and validate the result.

    Args:
        files: Specs, at least one; a document is one that was read before.
        overrides: Overrides such as `optimizer.learning_rate=1e-3`.
        plugins: Python files or modules that register components; they are imported first.

    Raises:
        SpecError: With every problem found.
        UsageError: A plugin cannot be imported.
    """
    import_plugins(plugins)
    document, notices = gather(files)
    if SWEEP in document.tree:
        notices = (*notices, "sweep: only `deepcli sweep` uses this section; it is ignored here")
    return finish(document, notices, overrides, source_of(files[0]))


def source_of(file: Path | Document) -> str:
    """Name a spec in messages: by its file, or just as a spec."""
    return "the spec" if isinstance(file, Document) else str(file)


def finish(document: Document, notices: tuple[str, ...], overrides: Iterable[str], source: str) -> Loaded:
    """Apply overrides to merged files, and validate the result without its section `sweep`.

    Args:
        document: The merged files.
        notices: Notices about the files.
        overrides: Overrides such as `optimizer.learning_rate=3e-4`.
        source: Name of the spec in errors.

    Raises:
        SpecError: With every problem found.
    """
    merger = Merger()
    whole = apply(merger, document, overrides)
    experiment = validate(without_sweep(whole))
    check_length(experiment, source)
    return Loaded(experiment, (*notices, *merger.notices, *experiment.notices()), origins(without_sweep(whole)))


def gather(files: Sequence[Path | Document], overrides: Iterable[str] = ()) -> tuple[Document, tuple[str, ...]]:
    """Read files, merge them in order and apply the overrides; return the result and the notices.

    Raises:
        SpecError: A file cannot be read, or an override is malformed.
    """
    merger = Merger()
    document = Document({})
    names = [str(file) for file in files if isinstance(file, Path)]
    for file in files:
        read_file = without_anchors(file if isinstance(file, Document) else read(file, names, document.tree))
        document = merger.overlay(document, read_file) if document.tree else read_file
    document = apply(merger, document, overrides)
    if "name" not in document.tree:
        document.tree = {"name": _default_name(files, document.tree), **document.tree}
    return document, tuple(merger.notices)


def _default_name(files: Sequence[Path | Document], tree: Mapping[Any, Any]) -> str:
    """Name a run after its first file; a spec without a file is named after its data and model."""
    paths = [file for file in files if not isinstance(file, Document)]
    sections = [tree.get(key) for key in ("data", "model")]
    types = [section.get("type") if isinstance(section, Mapping) else section for section in sections]
    name = paths[0].stem if paths else "-".join(str(one) for one in types if one)
    return re.sub(r"[^\w.+=@ -]|^\W+", "-", name).lstrip("-") or "run"


def without_anchors(document: Document) -> Document:
    """Return a document without the keys at its top that only hold anchors for the rest of it."""
    if not any(isinstance(key, str) and key.startswith(IGNORED) for key in document.tree):
        return document
    tree = {
        key: value for key, value in document.tree.items() if not (isinstance(key, str) and key.startswith(IGNORED))
    }
    return Document(tree, document.keys, document.values)


def without_sweep(document: Document) -> Document:
    """Return a document without its section `sweep`."""
    tree = {key: value for key, value in document.tree.items() if key != SWEEP}
    return Document(tree, document.keys, document.values)


def validate(document: Document) -> Experiment:
    """Turn plain values into an experiment.

    Raises:
        SpecError: With every problem found (up to a limit), each at its place in the document.
        DataError: A file that a component needs cannot be read.
    """
    try:
        return Experiment.model_validate(document.tree)
    except ValidationError as error:
        raise SpecError(problems(error, document)) from None
    except OSError as error:  # a plugin's data set that reads its files to describe itself
        raise DataError(unreadable(error, document.tree)) from error


def check_length(experiment: Experiment, source: str) -> None:
    """Refuse a spec that is too long to be read back once a run stores it with every default.

    Raises:
        SpecError: It is too long.
    """
    text = dump(experiment)
    if len(text) < yaml12.MAX_BYTES // 8:
        return
    try:
        if len(text.encode()) > yaml12.MAX_BYTES:
            raise YamlError(Mark(source), f"{len(text) >> 10} KiB, the limit is {yaml12.MAX_BYTES >> 10} KiB")
        yaml12.parse(text, source)
    except YamlError as error:
        why = f"is too long with every default written out, as a run stores it: {error.message}"
        raise SpecError([Problem(source, "", why)]) from None


def read(file: Path, words: Sequence[str] = (), tree: Any = None, variables: bool = True) -> Document:
    """Read one spec file.

    Args:
        file: The file.
        words: All words that were given as files, for the message if this one is missing.
        tree: The plain values of those before it.
        variables: Whether `${NAME}` is an environment variable in it; in files that deepcli wrote, it is only text.

    Raises:
        SpecError: The file is missing, too large, not text, not YAML, or not a mapping.
    """
    try:
        return parse(_text(file), str(file), expand if variables else None)
    except OSError as error:
        from deepcli.experiment.missing import missing_hint

        hint = missing_hint(file, words or [str(file)], tree) if isinstance(error, FileNotFoundError) else ""
        raise SpecError([Problem(str(file), "", f"cannot be read: {error.strerror or error}{hint}")]) from None


def parse(text: str, source: str, expanding: yaml12.Expand | None = None) -> Document:
    """Parse the text of a spec.

    Args:
        text: The text.
        source: Its name in errors.
        expanding: Replaces variables in strings; None for a text that deepcli wrote, in which they are only text.

    Raises:
        SpecError: The text is not YAML, or not a mapping.
    """
    try:
        document = yaml12.parse(text, source, expanding)
    except YamlError as error:
        raise SpecError([Problem(str(error.mark), "", error.message)]) from None
    if document.tree is None:
        raise SpecError([Problem(source, "", "is empty; `deepcli init digits cnn` writes a spec to start from")])
    if not isinstance(document.tree, Mapping):
        raise SpecError([Problem(source, "", "should be a mapping with the sections `data` and `model`")])
    return document


def _text(file: Path) -> str:
    kind = file.stat().st_mode
    if stat.S_ISDIR(kind):
        raise _no_spec(file, "is a directory, not a spec")
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):  # a pipe ends when its writer does; a device may never end
        raise SpecError([Problem(str(file), "", "is a device, not a file; save the spec in a file first")])
    with file.open("rb") as stream:
        content = stream.read(yaml12.MAX_BYTES + 1)
    if len(content) > yaml12.MAX_BYTES:
        raise _no_spec(file, f"is larger than {yaml12.MAX_BYTES >> 10} KiB, the limit for a spec")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_spec(file, "is not a text file (it should be YAML in UTF-8)") from None


def _no_spec(file: Path, why: str) -> SpecError:
    """Return the error for a file that cannot be a spec, which says more if it is a run or a checkpoint."""
    from deepcli.experiment.missing import run_instead

    return SpecError([Problem(str(file), "", run_instead(file) or why)])


def apply(merger: Merger, document: Document, overrides: Iterable[str]) -> Document:
    """Return a document with overrides of any kind applied, in their order.

    Args:
        merger: Merges them, and keeps the notices.
        document: The merged files.
        overrides: Overrides such as `training.epochs=3`, `model.layers.0.units=8`, `metrics+=auc` or `~schedule`.

    Raises:
        SpecError: An override is malformed, or does not fit the spec.
    """
    setting: list[str] = []
    for word in overrides:
        malformed = not OVERRIDE.match(word) or len(edits.key_of(word)) > MAX_NAME  # `words` says why
        if malformed or not edits.depends_on_order(word):
            setting.append(word)
            continue
        document, setting = _merged(merger, document, setting), []
        if edits.is_removal(word):
            document = edits.removed(document, word)
        elif edits.is_appending(word):
            document = edits.appended(merger, document, word, _value(word, word.partition("=")[2]))
        else:
            document = _merged(merger, document, [word])
    return _merged(merger, document, setting)


def _merged(merger: Merger, document: Document, overrides: list[str]) -> Document:
    return edits.with_lists(merger.overlay(document, words(overrides)), overrides)


def words(overrides: Iterable[str]) -> Document:
    """Parse overrides that set values into one document; a later override wins over an earlier one.

    Raises:
        SpecError: An override has no `=`, or its value is not YAML.
    """
    document = Document({})
    document.values[()] = Mark(COMMAND_LINE)
    for word in overrides:
        name, equals, text = word.partition("=")
        if not equals or not OVERRIDE.match(word):
            raise SpecError([Problem(COMMAND_LINE, word, "should look like section.key=value")])
        if len(name) > MAX_NAME or len(word) > yaml12.MAX_BYTES:
            raise SpecError([Problem(COMMAND_LINE, f"{word[:60]}...", "is too long for an override")])
        path = edits.path_of(word)
        _set(document.tree, path, _value(word, text), word)
        for depth in range(1, len(path) + 1):
            document.keys[path[:depth]] = document.values[path[:depth]] = Mark(COMMAND_LINE)
    return document


def _value(word: str, text: str) -> Any:
    """Read the value of an override.

    Raises:
        SpecError: It is not YAML.
    """
    try:
        return yaml12.parse(text, f"{COMMAND_LINE}: {word}").tree
    except YamlError as error:
        raise SpecError([Problem(COMMAND_LINE, _shortened(word), error.message)]) from None


def _shortened(word: str) -> str:
    return word if len(word) <= 80 else f"{word[:77]}..."


def _set(tree: dict[Any, Any], path: yaml12.Path, value: Any, word: str) -> None:
    *above, last = path
    for key, below in zip(above, path[1:], strict=True):
        inner = tree.get(key)
        if not isinstance(inner, dict):
            new: dict[Any, Any] = Elements(word) if isinstance(below, int) else {}
            inner = tree[key] = {"type": inner} if isinstance(inner, str) else new
        tree = inner
    if isinstance(value, str) and isinstance(tree.get(last), dict):
        tree[last]["type"] = value
    else:
        tree[last] = value


def dump(experiment: Experiment) -> str:
    """Write the complete spec, with every default, as YAML that loads to an equal experiment."""
    return yaml12.dump(experiment.model_dump())


def is_override(word: str) -> bool:
    """Return whether an argument is an override, like `a.b=c`, rather than a file, like `dir/lr=3.yaml`."""
    return bool(OVERRIDE.match(word))
