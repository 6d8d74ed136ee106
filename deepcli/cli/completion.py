"""What a shell offers after TAB: overrides of a spec, devices and metrics; and the scripts of a named shell."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.spec.registry import Spec

OPTIONS = ("--install-completion", "--show-completion")
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
VARIABLE = "_DEEPCLI_COMPLETE"
"""The variable with which a shell asks for completions."""


def for_named_shell(words: Sequence[str]) -> bool:
    """Install or print completion where the shell is named, as in `--show-completion zsh`; return whether it is.

    Raises:
        UsageError: The shell is unknown.
    """
    option, equals, shell = words[0].partition("=")
    named = [shell] if equals else words[1:2]
    if option not in OPTIONS or not named:
        return False
    import typer.completion

    from deepcli.spec.spelling import did_you_mean

    scripts: Any = typer.completion  # it has no list of what it exports
    if named[0] not in SHELLS:
        raise UsageError(
            f"{option}: unknown shell {named[0]!r}; {did_you_mean(named[0], SHELLS)}known: {', '.join(SHELLS)}"
        )
    if option == "--show-completion":
        print(scripts.get_completion_script(prog_name="deepcli", complete_var=VARIABLE, shell=named[0]))
        return True
    _, path = scripts.install(named[0], "deepcli", VARIABLE)
    print(f"installed completion for {named[0]} in {path}; open a new terminal to use it")
    return True


def devices(incomplete: str) -> list[str]:
    """Complete a device."""
    return [word for word in ("auto", "cpu", "gpu", "gpu:0", "gpu:1") if word.startswith(incomplete)]


def metrics(incomplete: str) -> list[str]:
    """Complete a metric of the training or validation split."""
    from deepcli.optim import METRICS

    names = ["loss", *(name for name in METRICS if name != "auto")]
    known = [*(f"val_{name}" for name in names), *names]
    return [word for word in known if word.startswith(incomplete)]


def sort_keys(incomplete: str) -> list[str]:
    """Complete what runs are sorted by; `-` for descending order is kept."""
    sign = "-" if incomplete.startswith("-") else ""
    word = incomplete.removeprefix("-")
    known = [*metrics(word), *(f"test_{name}" for name in metrics(word.removeprefix("test_"))), *_keys({})]
    return [f"{sign}{key}" for key in dict.fromkeys(known) if key.startswith(word) and "test_val_" not in key]


def overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete KEY=VALUE after a spec file or data: the keys that the spec has, then the values of a key.

    Bash hands over `optimizer=ad` in three words, and takes only the value back.
    """
    words = [str(word) for word in ctx.params.get("words") or ()]
    if words[-1:] == ["="] and len(words) > 1:
        return _values(words[:-2], words[-2], incomplete)
    if not incomplete and words and os.environ.get("COMP_WORDS", "").split("\n")[-1:] == ["="]:
        return _values(words[:-1], words[-1], "")
    key, equals, typed = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in _values(words, key, typed)]
    if not any("=" not in word for word in words):  # files first: no candidates, so the shell offers its own
        return []
    tree = _tree(words)
    found = [one for one in _keys(tree) if one.startswith(incomplete)]
    if len(found) != 1:
        return [f"{one}=" for one in found]
    return [f"{found[0]}=", *(f"{found[0]}={value}" for value in _values(words, found[0], "", tree))]


def _values(words: Sequence[str], key: str, typed: str, tree: Mapping[str, Any] | None = None) -> list[str]:
    """List the values of a key that begin with what is typed: names, choices, or the default."""
    from deepcli.experiment.merge import class_at
    from deepcli.sweeps.spec_file import SpecFile

    whole = _with_defaults(_tree(words) if tree is None else tree)
    path = tuple(key.split("."))
    cls = SpecFile if len(path) == 1 else class_at(whole, path[:-1], SpecFile)
    return [value for value in dict.fromkeys(_choices(cls, path[-1])) if value.startswith(typed)]


def _choices(cls: type[Spec] | None, name: str) -> Iterator[str]:
    from deepcli.catalog.components import default
    from deepcli.experiment.elements import alternatives, takes_only_lists
    from deepcli.experiment.merge import registry_of

    field = cls.model_fields.get(name) if cls is not None else None
    if cls is None or field is None:
        return
    if (registry := registry_of(cls, name)) is not None:
        yield from registry
    if name == "device":
        yield from devices("")
    if name == "monitor":
        yield from metrics("val_")
    for kind in alternatives(field.annotation):
        if get_origin(kind) is Literal:
            yield from map(str, get_args(kind))
        elif kind is bool:
            yield from ("true", "false")
        elif kind is type(None):
            yield "null"
    written = "" if field.is_required() else default(field)
    if takes_only_lists(cls, name):
        written = written.strip("[]").replace(", ", ",")
    if written and not set(written) & set(" []{}"):
        yield written


def _keys(tree: Mapping[str, Any]) -> Iterator[str]:
    from deepcli.experiment.schema import Experiment

    return _inside(Experiment, _with_defaults(tree), "")


def _inside(cls: type[Spec], tree: Any, path: str) -> Iterator[str]:
    """List the dotted keys of a section and of those in it, for the components that the spec names."""
    from deepcli.experiment.elements import takes_lists
    from deepcli.experiment.merge import section_of
    from deepcli.spec.registry import Component

    for name in cls.model_fields:
        if name == "type" and issubclass(cls, Component):
            continue
        yield f"{path}{name}"
        value = tree.get(name) if isinstance(tree, Mapping) else None
        inner = None if takes_lists(cls, name) else section_of(cls, name, _or_default(cls, name, value))
        if inner is not None:
            yield from _inside(inner, value, f"{path}{name}.")


def _or_default(cls: type[Spec], name: str, value: Any) -> Any:
    return getattr(cls.model_fields[name].default, "type", None) if value is None else value


def _with_defaults(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec with the components that it leaves to the defaults."""
    from deepcli.experiment.schema import Experiment

    defaults = {name: _or_default(Experiment, name, None) for name in Experiment.model_fields}
    return {**{name: value for name, value in defaults.items() if value is not None}, **tree}


def _tree(words: Sequence[str]) -> Mapping[str, Any]:
    """Return what files and overrides say so far; nothing if they cannot be read."""
    from deepcli.experiment.load import gather, is_override

    files = [Path(word) for word in words if word.endswith((".yaml", ".yml")) and Path(word).is_file()]
    try:
        return dict(gather(files, [word for word in words if is_override(word)])[0].tree)
    except Exception:  # a spec that is being written; TAB must not print errors
        return {}
