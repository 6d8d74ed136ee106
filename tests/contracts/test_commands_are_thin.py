"""A command's function translates words into one call and one rendering: it is short."""

import ast
from pathlib import Path

import pytest

CLI = Path(__file__).parent.parent.parent / "deepcli" / "cli"
MOST_LINES = 40


def registered() -> set[str]:
    """List the functions that are given to an application's `command()` by name, in whatever file."""
    names = set()
    for path in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_command(node.func):
                names |= {argument.id for argument in node.args if isinstance(argument, ast.Name)}
    return names


def _is_command(node: ast.expr) -> bool:
    call = node.func if isinstance(node, ast.Call) else node
    return isinstance(call, ast.Attribute) and call.attr in ("command", "callback")


def commands() -> dict[str, ast.FunctionDef]:
    """Find the functions of all commands, by file and name."""
    names, found = registered(), {}
    for path in sorted(CLI.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            marked = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
            answers = any(isinstance(one, ast.Name) and one.id == "answers" for one in marked)
            if answers or any(_is_command(one) for one in marked) or node.name in names:
                found[f"{path.relative_to(CLI)}:{node.name}"] = node
    return found


def body_lines(node: ast.FunctionDef) -> int:
    """Count the lines of a function's body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_every_command_is_found():
    from deepcli.cli.app import app

    names = {name.partition(":")[2] for name in commands()}
    assert len(app.registered_commands) >= 14
    groups = [group.typer_instance for group in app.registered_groups]
    given = [
        one.callback.__name__ for one in [*app.registered_commands, *(c for g in groups for c in g.registered_commands)]
    ]
    assert set(given) <= names


@pytest.mark.parametrize("name", commands())
def test_a_command_has_at_most_forty_lines(name):
    assert body_lines(commands()[name]) <= MOST_LINES
