"""The pages of the documentation, taken apart: what is shown, what can be run, and where links lead.

A page may prepare what its commands need in a comment that readers do not see:

    <!-- setup
    deepcli train configs/digits/mlp.yaml training.epochs=2 --output runs/first --quiet
    -->

Pages with equal comments share what these leave behind. A block with a title, ```yaml title="my.yaml", is a file of
that name for the commands below it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GENERATED = "<!-- Written by `make docs`"
BLOCK = re.compile(
    r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$"
    r"|^<!-- (?P<setup>setup)\n(?P<commands>.*?)^-->$",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block, or a comment that prepares what the blocks after it need."""

    kind: str
    text: str
    title: str | None
    place: str


def pages() -> dict[str, Path]:
    """Return the README and every page of the site, by path from the root."""
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    assert len(found) > 30
    return {path.relative_to(ROOT).as_posix(): path for path in found}


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def is_generated(path: Path) -> bool:
    return source(path).startswith(GENERATED)


def blocks(path: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = source(path)
    return [
        Block(
            found["kind"] or found["setup"] or "",
            found["text"] if found["text"] is not None else found["commands"],
            found["title"],
            f"{path.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, found.start()) + 1}",
        )
        for found in BLOCK.finditer(text)
    ]


def prose(path: Path) -> str:
    """Return a page without its blocks and comments."""
    return re.sub(r"<!--.*?-->", "", BLOCK.sub("", source(path)), flags=re.DOTALL)


def links(path: Path) -> Iterator[str]:
    """Return the targets of a page's links and pictures."""
    yield from LINK.findall(re.sub(r"(?<!\[)`[^`\n]*`(?!\])", "", prose(path)))


def anchors(path: Path) -> set[str]:
    """Return what a link to a heading of a page may end in, where GitHub and the site agree."""
    return {slug for title in HEADING.findall(prose(path)) if (slug := _github(title)) == _site(title)}


def _plain(title: str) -> str:
    return re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)).strip().lower()


def _github(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", _plain(title)).replace(" ", "-")


def _site(title: str) -> str:
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", _plain(title).encode("ascii", "ignore").decode()).strip())
