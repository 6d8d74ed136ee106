"""The generated pages of the documentation: `python -m deepcli.cli.pages [FOLDER]` writes them to `docs/reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from deepcli.cli.schemas import commands
from deepcli.reference import cell, page, table
from deepcli.reference import pages as component_pages

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
    words = ["deepcli", name, "[OPTIONS]", *(one.metavar or str(one.name).upper() for one in arguments)]
    yield f"## deepcli {name}"
    yield node.help
    yield f"```text\n{' '.join(words)}\n```"
    hints = get_type_hints(node.callback, include_extras=True)
    shown = [one for one in node.params if not one.hidden]
    rows = [(_names(one, hints[one.name]), _default(one, hints[one.name]), cell(_help(one))) for one in shown]
    yield table(("", "default", ""), rows)


def _summary(node: Any) -> str:
    return str(node.help).splitlines()[0]


def _names(param: Any, hint: Any) -> str:
    """Write how a command line names an argument or option, and what follows it."""
    if param.param_type_name == "argument":
        return _literal(param.metavar or str(param.name).upper())
    names = ", ".join(_literal(name) for name in (*param.opts, *param.secondary_opts))
    value = "" if param.is_flag else param.metavar or _placeholder(hint)
    return f"{names} {_literal(value)}" if value else names


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
    return "<code>" + text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;") + "</code>"


def main(folder: Path) -> None:
    """Write every page to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
