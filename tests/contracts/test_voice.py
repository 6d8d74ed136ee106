"""What a user or reader sees is plain English: the phrases that made it obscure stay out.

`python -m tests.contracts.test_voice [PATH…]` lists what there is of them.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PHRASES = {
    r"(?<![Tt]here )\b(?:is|are|was) no (?!longer|more than|fewer|less)": "'X is no Y': say 'is not a Y', or what happened",
    r"(?<!there )\bis none\b": "say 'there is none', or better the field's noun",
    r"\b(?:go|goes|going|gone|went) on\b": "say 'continue' or 'resume'",
    r"\bso many\b|\bso much\b|\bso long\b(?! as)": "give the number: 'N trials', 'this time'",
    r"\b(?:tells?|told)\b(?!: )": "say 'show', 'report', 'distinguish', or give the value itself",
    r"\bto be had\b|\bcould be had\b": "say 'not available'",
    r"\b(?:comes?|came|coming) (?:to|of)\b": "say what the result is",
    r"\bis (?:not )?there\b|\bare (?:not )?there\b": "say 'exists', 'does not exist', 'no such file'",
    r"\bstands? (?!for\b|out\b|alone\b|still\b)": "say 'is'",
    r"\b(?:seldom|whereof|wherein|thereof|nobody dies|odd things|the like)\b": "plain words",
    r"^Of ": "no fragments: begin with the noun",
    r"\b(?:lies|lay) (?:in|beside|under|at|there)\b": "say 'is in'",
    r"\bonce more\b": "say 'again'",
    r"\b(?:looking|look) for the (?:most|least)\b": "say 'maximizing' or 'minimizing'",
    r"\bstands twice\b": "say 'duplicate'",
    r"\bSay no\b": "delete it",
    r"\bas sure as\b|\bthe surest\b|\bmost surely\b": "say 'confident'",
    r"\bbe gone\b|\bhas gone\b": "say 'continue', 'missing', or 'closed'",
}
PAGES = [
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
    if path.name != "CHANGELOG.md"
]
CODE = list(ROOT.glob("deepcli/**/*.py"))


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Give each text in a file with its line: a page's paragraphs, a module's strings and docstrings."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        line = 1
        for number, part in enumerate(re.split(r"^(```.*?^```)$", source, flags=re.DOTALL | re.MULTILINE)):
            if number % 2 == 0:
                yield from ((line + n, text) for n, text in enumerate(re.sub(r"`[^`\n]*`", "``", part).split("\n")))
            line += part.count("\n")
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for number, text in enumerate(node.value.split("\n")):
                yield node.lineno + number, text.strip()


def found(path: Path) -> list[str]:
    """List the phrases of a file, each with its place and what to say instead."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()[:100]!r}: {advice}"
        for line, text in texts(path)
        for phrase, advice in PHRASES.items()
        if re.search(phrase, text)
    ]


def test_the_files_are_found():
    assert len(PAGES) >= 2
    assert len(CODE) >= 100


@pytest.mark.parametrize("path", [*PAGES, *CODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_worst_phrases_stay_out(path):
    assert found(path) == []


@pytest.mark.parametrize(
    "text",
    [
        "'x is no folder'",
        "'interrupted; `x` goes on'",
        "'Show so many at most'",
        "'Tell it, or tells'",
        "'Of the draws.'",
    ],
)
def test_a_phrase_is_noticed(text, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "a.py").write_text(text)
    assert len(found(tmp_path / "a.py")) >= 1


if __name__ == "__main__":
    for name in sys.argv[1:] or [str(path) for path in (*PAGES, *CODE)]:
        target = Path(name).resolve()
        for file in sorted(target.rglob("*.py")) if target.is_dir() else [target]:
            print(*found(file), sep="\n", end="\n" if found(file) else "")
