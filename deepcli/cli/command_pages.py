"""The generated pages of the documentation: `python -m deepcli.cli.command_pages [FOLDER]` writes them to `docs/reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from deepcli.catalog.reference import cell, page, table
from deepcli.catalog.reference import pages as component_pages
from deepcli.cli.schemas import commands

FOLDER = Path("docs/reference")
INTRODUCTION = """\
# Commands

`deepcli COMMAND --help` prints the same in a terminal. Results are printed on stdout; progress, notices and errors on
stderr. [JSON output](json.md) and [exit codes](exit-codes.md) are the same for all commands.
"""
PLACEHOLDERS = {Path: "PATH", int: "N", float: "NUMBER", str: "TEXT"}
"""How the value of an option is written that has no placeholder of its own."""


def pages() -> dict[str, str]:
    """Write every generated page, by file name."""
    return {**component_pages(), "commands.md": page(_commands())}


def _commands() -> Iterator[str]:
    found = dict(commands())
    yield INTRODUCTION
    links = [f"[`{name}`](#deepcli-{name.replace(' ', '-')})" for name in found]
    yield table(
        ("command", ""), [(link, cell(_summary(node))) for link, node in zip(links, found.values(), strict=True)]
    )
    for name, node in found.items():
        yield from _command(name, node)


def _command(name: str, node: Any) -> Iterator[str]:
    arguments = [one for one in node.params if one.param_type_name == "argument"]
    options = [one for one in node.params if one.param_type_name == "option" and not one.hidden]
    hints = get_type_hints(node.callback, include_extras=True)
    yield f"## deepcli {name}"
    text, examples = split_examples(node.help)
    yield text
    yield f"```sh\n{examples}\n```" if examples else ""
    yield f"```text\n{' '.join(['deepcli', name, '[OPTIONS]', *map(_argument, arguments)])}\n```"
    yield "\n".join(f"- {_literal(_argument(one))}: {one.help}" for one in arguments)
    yield table(("option", "value", "default", ""), [_row(one, hints[one.name]) for one in options])


def split_examples(text: str) -> tuple[str, str]:
    """Return a command's help without its examples, and the examples, one a line."""
    lines = text.splitlines()
    examples = [line for line in lines if line.startswith("deepcli ")]
    rest = [line for line in lines if line not in examples and line not in ("Example:", "Examples:")]
    return "\n".join(rest).strip(), "\n".join(examples)


def _argument(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _row(option: Any, hint: Any) -> tuple[str, str, str, str]:
    """Describe an option: its names, what follows it, its default, its meaning."""
    names = ", ".join(_literal(name) for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else option.metavar or _placeholder(hint)
    return names, _literal(value), _default(option, hint), cell(_help(option))


def _summary(node: Any) -> str:
    return str(node.help).splitlines()[0]


def _placeholder(hint: Any) -> str:
    kind = _plain(hint)
    return "|".join(get_args(kind)) if get_origin(kind) is Literal else PLACEHOLDERS[kind]


def _plain(hint: Any) -> Any:
    """Strip `Annotated`, `| None` and `list` from a type."""
    if get_origin(hint) in (Annotated, list):
        return _plain(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _plain(next(part for part in get_args(hint) if part is not type(None)))
    return hint


def _default(param: Any, hint: Any) -> str:
    if param.required:
        return "required"
    return "" if param.default in (None, False, [], ()) or _plain(hint) is bool else _literal(str(param.default))


def _help(param: Any) -> str:
    text = param.help or ""
    return f"{text} Environment: `{param.envvar}`." if getattr(param, "envvar", None) else text


def _literal(text: str) -> str:
    """Write code in a cell: a bar in backticks would end the cell on one site and not on the other."""
    return text and "<code>" + text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;<wbr>") + "</code>"


def main(folder: Path) -> None:
    """Write every page to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
