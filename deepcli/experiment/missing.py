"""What a word in the place of a spec was probably meant to be: another file, a data set, a field, a run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepcli.data import DATASETS
from deepcli.experiment.pointers import pointer
from deepcli.models import MODELS
from deepcli.spec import yaml12
from deepcli.spec.near_paths import near_hint
from deepcli.spec.registry import Registry
from deepcli.spec.spelling import misspelled, same, synonymous


def missing_hint(file: Path, words: Sequence[str], tree: Any) -> str:
    """Suggest what was meant by a spec file that does not exist, behind a message; an empty string if nothing is known.

    Args:
        file: The file.
        words: All words that were given as files, in order, this one among them.
        tree: The plain values of the files before it.
    """
    return near_hint(file) or _of_names(str(file), words) or _of_field(str(file), words, tree)


def _of_names(word: str, words: Sequence[str]) -> str:
    """Explain that a data set or a model family is not a spec."""
    data, model = (_first(registry, words) for registry in (DATASETS, MODELS))
    kind = next(
        (what for what, registry in (("a data set", DATASETS), ("a model family", MODELS)) if word in registry), ""
    )
    if not kind and not (_first(DATASETS, [word]) or _first(MODELS, [word])):
        return ""
    named = f"{word} is {kind}, not a spec: " if kind else ""
    return f"; {named}`deepcli init {data or 'digits'} {model or 'cnn'}` writes a spec"


def _first(registry: Registry[Any], words: Sequence[str]) -> str | None:
    """Return the first component that one of some words names or misspells."""
    found = [
        name
        for word in words
        if word.isidentifier()
        for name in same(word, registry) or misspelled(word, registry) or synonymous(word, registry)
    ]
    return next((word for word in words if word in registry), next(iter(found), None))


def _of_field(word: str, words: Sequence[str], tree: Any) -> str:
    """Explain that a field and its value are one word."""
    name = word.rstrip(":")
    if not name.isidentifier():
        return ""
    rest = [one for one in words[words.index(word) + 1 :] if one not in ("=", ":")]
    try:
        value = yaml12.parse(rest[0], "").tree if rest else None
    except yaml12.YamlError:
        value = None
    found = pointer((name,), value, tree)
    return f"; to change a field, {found.as_override()}" if found.sure else ""


def run_instead(path: Path) -> str:
    """Explain that a path is a run or a checkpoint, not a spec; an empty string if it is neither."""
    config, is_run, is_checkpoint = path / "config.yaml", False, False
    with contextlib.suppress(OSError, ValueError):  # a name that is too long
        is_run = config.is_file() and (path / "environment.json").is_file()
        is_checkpoint = path.suffix == ".keras" and path.is_file()
    if is_run:
        return f"is a run, not a spec; its spec is {config}; to continue the run: `deepcli train --resume {path}`"
    if is_checkpoint:
        return f"is a checkpoint, not a spec; to start from its weights, write training.initial_weights={path}"
    return ""
