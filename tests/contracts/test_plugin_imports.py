"""What plugins import is a promise: the architecture page names it, and it is there."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What plugins import\n")[2].partition("\n## ")[0]
PROMISED = {
    module: re.findall(r"`(\w+)`", names.partition(":")[0])
    for module, names in re.findall(r"^\| `(deepcli\.[\w.]+)` \| (.*?) \|$", SECTION, re.MULTILINE)
}


def test_the_promise_is_found():
    assert {"deepcli.models", "deepcli.data", "deepcli.optim", "deepcli.evaluation", "deepcli.callbacks"} <= set(
        PROMISED
    )


@pytest.mark.parametrize("module", PROMISED)
def test_what_plugins_import_is_there_and_public(module):
    found = importlib.import_module(module)
    assert PROMISED[module]
    for name in PROMISED[module]:
        assert name in found.__all__
        assert getattr(found, name).__doc__


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "plugins").glob("*.py")), ids=lambda path: path.stem)
def test_the_plugins_here_import_nothing_else(path):
    imports = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    ours = [node for node in imports if (node.module or "").startswith("deepcli")]
    assert ours
    for node in ours:
        assert {alias.name for alias in node.names} <= set(PROMISED.get(node.module, ()))


def test_no_other_module_of_deepcli_is_named_where_plugins_are_explained():
    page = (ROOT / "docs" / "how-to" / "plugins.md").read_text(encoding="utf-8")
    named = set(re.findall(r"from (deepcli[\w.]*) import", page))
    assert named <= set(PROMISED)
