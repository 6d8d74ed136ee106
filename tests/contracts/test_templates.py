"""HTML is made by templates that escape: no module escapes by hand, and no template leaves it out."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "deepcli"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted((PACKAGE / "reports" / "templates").iterdir())
TRUSTED = {"reports/markup.py", "reports/templating.py"}
"""The modules that may say of a text that it is HTML."""


def imported(path):
    """The names that a module imports, with their modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_escapes_by_hand():
    assert len(MODULES) > 300
    assert [path for path in MODULES if {"html", "html.escape", "xml.sax.saxutils.escape"} & set(imported(path))] == []


def test_text_becomes_html_in_two_modules_only():
    calls = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup"
    }
    assert calls == TRUSTED


def test_no_template_leaves_escaping_out():
    assert len(TEMPLATES) > 10
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        assert "autoescape" not in text and "|safe" not in text.replace(" ", ""), path
        if path.suffix == ".html":
            assert "<script" not in text or path.name != "run.html"


def test_the_page_of_a_run_has_a_strict_policy_and_no_script():
    text = (PACKAGE / "reports" / "templates" / "base.html").read_text(encoding="utf-8")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    for name in ("base.html", "run.html", "macros.html", "fragment.html", "mistakes.html"):
        assert "<script" not in (PACKAGE / "reports" / "templates" / name).read_text(encoding="utf-8")
