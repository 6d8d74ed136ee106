"""What a wrong command line was probably meant to be: an unknown command or option, or a missing one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from deepcli.errors import UsageError

SPECS = (".yaml", ".yml")
NAMES_SPEC = ("config", "config_file", "cfg", "spec", "c", "f", "file")
"""Options of other tools whose value is the spec."""


def explained(error: Any, words: Sequence[str]) -> tuple[str, str]:
    """Return the message of an error that Typer found in a command line, and what to write instead.

    Args:
        error: The error.
        words: The command line.
    """
    text = str(error.format_message())
    kind, context = type(error).__name__, getattr(error, "ctx", None)
    if context is None:
        return text, ""
    if kind == "NoSuchOption" and (hint := _unknown_option(str(error.option_name), context, words)):
        return f"No such option: {error.option_name}", hint
    if kind == "MissingParameter" and error.param is not None and (hint := _missing(error.param, context, words)):
        return text.rstrip("."), hint
    start = "No such command '"
    if text.startswith(start) and (hint := _unknown_command(text[len(start) :].partition("'")[0], context)):
        return text.partition(". ")[0].rstrip("."), hint
    return text, ""


def demand_values(root: Any, words: Sequence[str]) -> None:
    """Check that no option that is a path is empty, as an unset variable of a shell makes it.

    Raises:
        UsageError: One is: an empty path would be the current directory.
    """
    node, rest = root, list(words[: words.index("--")] if "--" in words else words)
    while commands := getattr(node, "commands", None):
        place = next((index for index, word in enumerate(rest) if word in commands), None)
        if place is None:
            return
        node, rest = commands[rest[place]], rest[place + 1 :]
    paths = {name for one in node.params if _is_path(one) for name in one.opts if name.startswith("-")}
    for word, following in zip_longest(rest, rest[1:]):
        name, equals, value = word.partition("=")
        if name in paths and ((equals and not value) or (not equals and following == "")):
            raise UsageError(f"{name}: is empty; name a path, or leave the option out")


def _is_path(parameter: Any) -> bool:
    """Return whether a parameter is a path, in the terms of any version of Typer."""
    described = getattr(parameter, "type_descriptor", None)
    if described is not None:
        return getattr(described, "annotation", None) is Path
    return getattr(getattr(parameter, "type", None), "name", "") == "path"


def _unknown_option(name: str, context: Any, words: Sequence[str]) -> str:
    """Say what an unknown option was meant to be: an option, a field of the spec, or an option of another command."""
    from deepcli.api.meant import override_for
    from deepcli.spec.spelling import misspelled, same, synonymous

    word, value = name.lstrip("-").replace("-", "_"), _value_of(name, words)
    options = [option for one in context.command.params for option in one.opts if option.startswith("--")]
    own = {option[2:].replace("-", "_"): option for option in options}
    takes = next((one.metavar or "" for one in context.command.params if "KEY=VALUE" in (one.metavar or "")), "")
    specs = [part for part in words if part.lower().endswith(SPECS) and part != value]
    runs = [str(config) for part in words if (config := Path(part) / "config.yaml").is_file()]
    for near in (same(word, own), synonymous(word, own)):
        if near:
            return f"did you mean {own[near[0]]}?"
    if word in NAMES_SPEC and "CONFIG" in takes:
        return f"write the spec without an option: {context.command_path} {value or 'spec.yaml'}"
    sure, text = override_for(word, value, specs or runs, only="" if "CONFIG" in takes else "data")
    if takes and sure:
        return text
    if near := misspelled(word, own):
        return f"did you mean {own[near[0]]}?"
    if takes and text:
        return text
    others = sorted(path for path, option in _options(context.find_root()) if option == name)
    return f"it is an option of {', '.join(others)}" if others else ""


def _value_of(name: str, words: Sequence[str]) -> str | None:
    """Return the value that a command line gives an option, if it gives one."""
    for word, following in zip_longest(words, words[1:], fillvalue="--"):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        if word == name:
            return None if following.startswith("--") else following
    return None


def _options(root: Any) -> Iterator[tuple[str, str]]:
    """Yield every option of every command below the root, as the command's words and the option."""

    def below(node: Any, path: str) -> Iterator[tuple[str, str]]:
        for name, command in (getattr(node, "commands", None) or {}).items():
            whole = f"{path} {name}".strip()
            yield from ((whole, option) for one in command.params for option in one.opts)
            yield from below(command, whole)

    return below(root.command, "")


def _missing(parameter: Any, context: Any, words: Sequence[str]) -> str:
    """Say what a missing option or argument should be."""
    choices = [item.value for item in parameter.shell_complete(context, "") if item.type == "plain"]
    name = next((option for option in parameter.opts if option.startswith("--")), None)
    if name is None or not choices:
        wanted = str(getattr(parameter, "help", None) or "").rstrip(".")
        return f"give {wanted[:1].lower()}{wanted[1:]}" if wanted else ""
    given = [word for word in words if word in choices]
    if given:
        return f"write {name} {given[0]}"
    return f"write one of {', '.join(f'{name} {choice}' for choice in choices)}"


def _unknown_command(word: str, context: Any) -> str:
    """Say which command was meant, also where the word is a spec or a field of one."""
    from deepcli.experiment.load import is_override
    from deepcli.spec.spelling import listed, nearest
    from deepcli.spec.synonyms import meanings

    path, names = context.command_path, context.command.list_commands(context)
    runner = next((name for name in ("train", "run") if name in names), "")
    is_spec = word.lower().endswith(SPECS) or Path(word).is_file()
    if is_spec and (runners := [runner] if runner else _taking_specs(context)):
        return f"did you mean {listed([f'{path} {name} {word}' for name in runners], 'or')}?"
    if runner and is_override(word):
        return f"an override is written behind a spec: {path} {runner} spec.yaml {word}"
    if runner == "train" and "resume" in (word, *meanings(word)):
        return "to continue a run, write deepcli train --resume RUN"
    near = nearest(word, names) or _of_one_meaning(word, names)
    found = [f"{path} {name}" for name in near or _below(word, names, context)]
    if found:
        return f"did you mean {listed(found, 'or')}?"
    return f"write one of {', '.join(f'{path} {name}' for name in names)}" if context.parent is not None else ""


def _taking_specs(context: Any) -> list[str]:
    """List the commands of a group, such as `find`, whose argument is a spec."""
    return [
        name
        for name, command in context.command.commands.items()
        if any("CONFIG" in (one.metavar or "") for one in command.params)
    ]


def _of_one_meaning(word: str, names: Sequence[str]) -> list[str]:
    """List the commands that are another word for the same, as `find lr` is for `find learning_rate`."""
    from deepcli.spec.synonyms import meanings

    meant = {word, *meanings(word)}
    return [name for name in names if meant & {*meanings(name)}]


def _below(word: str, groups: Sequence[str], context: Any) -> list[str]:
    """List the groups that have a command of this name, with it."""
    commands = context.command.commands
    return [f"{group} {word}" for group in groups if word in (getattr(commands[group], "commands", None) or {})]
