"""Every link of the documentation leads somewhere, and what pages name exists."""

import re
import shlex
from typing import Any

import pytest
import yaml

from deepcli.cli.schemas import commands
from tests.pages import DOCS, ROOT, anchors, blocks, links, pages, prose, source

PAGES = pages()
KINDS = {"sh", "console", "text", "yaml", "python", "json", "toml"}
every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_every_link_leads_somewhere(page):
    path = PAGES[page]
    for link in links(path):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.is_file(), f"{link}: no such file"
        if DOCS in path.parents:
            assert DOCS in target.parents, f"{link}: leaves the site"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_links_are_found():
    assert sum(len(list(links(path))) for path in PAGES.values()) > 200


@every_page
def test_blocks_say_what_they_are(page):
    """A block without a kind would be neither run nor checked."""
    path = PAGES[page]
    assert {block.kind for block in blocks(path)} <= {*KINDS, "setup"}
    assert "```" not in prose(path)


def tree() -> dict[str, Any]:
    return dict(commands())


@every_page
def test_commands_that_are_named_exist(page):
    """In the text and in what is shown of a terminal; blocks of commands are run in end_to_end/test_pages.py."""
    texts = [block.text for block in blocks(PAGES[page]) if block.kind in ("text", "console")]
    shown = [line.strip().removeprefix("$ ") for text in texts for line in text.splitlines()]
    named = re.findall(r"`(deepcli [a-z][^`]*)`", prose(PAGES[page]))
    for text in (text for text in [*shown, *named] if text.startswith("deepcli ")):
        words = shlex.split(text.replace("…", ""), comments=True)[1:]
        known = tree()
        name = next((" ".join(words[:count]) for count in (2, 1) if " ".join(words[:count]) in known), None)
        if name is None:
            groups = {one.split()[0] for one in known if " " in one}
            assert words in ([group] for group in groups) or words == ["COMMAND", "--help"], (
                f"`{text}`: no such command"
            )
            continue
        options = {option for param in known[name].params for option in (*param.opts, *param.secondary_opts)}
        for word in (word.partition("=")[0] for word in words if word.startswith("--")):
            if word == "--":  # behind it are the words of another command
                break
            assert word in {*options, "--help"}, f"`{text}`: no such option"


def test_the_navigation_has_every_page_once():
    def walk(nav: Any) -> list[str]:
        if isinstance(nav, str):
            return [nav]
        return [page for item in (nav.values() if isinstance(nav, dict) else nav) for page in walk(item)]

    listed = walk(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_the_tests_that_pages_name_exist():
    named = re.findall(
        r"`((?:torture|end_to_end|unit|contracts|cli)/test_\w+\.py)`", source(DOCS / "explanation/promises.md")
    )
    assert len(named) > 25
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_the_readme_is_short():
    lines = source(ROOT / "README.md").splitlines()
    assert len(lines) < 150
    assert "make train" in source(ROOT / "README.md")
    assert "make test" in source(ROOT / "README.md")


def test_the_lessons_page_has_what_each_lesson_measured():
    page = source(DOCS / "lessons.md")
    specs = sorted((ROOT / "deepcli" / "lessons").glob("*.yaml"))
    assert len(specs) > 10
    for path in specs:
        measured = re.search(r"Test \w+ (.+?), training (.+?), over 5 seeds", source(path))
        assert measured, path
        assert f"| `{path.name}` | {measured[1]} | {measured[2]} |" in page


def test_the_architecture_page_names_every_room():
    package = ROOT / "deepcli"
    page = source(DOCS / "explanation" / "architecture.md")
    folders = {f"{path.parent.relative_to(package).as_posix()}/" for path in package.rglob("*.py")} - {"./"}
    files = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    named = re.findall(r"`([\w/]+(?:/|\.py))`", page.partition("## The rooms")[2].partition("\n## ")[0])
    assert set(named) == {*folders, *files}
