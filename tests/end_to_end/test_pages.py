"""Every command on every page is run, in its order, in a copy of the project's configs; what is shown is real."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from deepcli.cli.schemas import with_json
from tests.pages import Block, blocks, is_generated, pages

ROOT = Path(__file__).parent.parent.parent
PAGES = pages()
LONG = {
    f"docs/{name}.md"
    for name in (
        "explanation/architecture", "lessons", "how-to/doctor", "how-to/editor", "how-to/trackers", "how-to/callbacks", "how-to/check-a-spec", "how-to/autoencoders", "how-to/change-a-spec", "how-to/compare", "how-to/data-sets", "how-to/evaluate",
        "how-to/export", "how-to/find-a-rate", "how-to/forecasting", "how-to/language-models", "how-to/translation",
        "how-to/look-at-data", "how-to/own-data", "how-to/predict", "how-to/report", "how-to/reproduce", "how-to/resume",
        "how-to/runs", "how-to/scheduler", "how-to/thresholds", "how-to/time-and-cost", "tutorial/first-run", "tutorial/own-model", "tutorial/sweeps",
    )
}  # fmt: skip
"""Pages that take long, and whose commands other tests run too."""
BLOCKS = {page: blocks(path) for page, path in PAGES.items() if not is_generated(path)}
REAL = re.compile(r"configs/(mnist|imdb)/")
PYTHON = ["docs/tutorial/python.md"]
"""Pages whose blocks of Python are run too, as one program a page."""


def shown(*kinds: str) -> list[tuple[str, Block]]:
    return [(page, block) for page, found in BLOCKS.items() for block in found if block.kind in kinds]


def with_commands(real: bool) -> list[str]:
    return list(dict.fromkeys(page for page, block in shown("sh") if bool(REAL.search(block.text)) is real))


def marked(pages: list[str]) -> list[Any]:
    return [pytest.param(page, marks=[pytest.mark.long] if page in LONG else []) for page in pages]


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "tests" / "plugins", folder / "tests" / "plugins")
    return folder


@pytest.fixture
def project(tmp_path):
    return copied(tmp_path / "a project")


@pytest.fixture
def prepare(tmp_path_factory, project):
    """Give the project what a comment prepares; equal comments are run once, by whichever process comes first."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "prepared"

    def prepared(block: Block) -> None:
        shared.mkdir(exist_ok=True)
        there = shared / hashlib.sha256(block.text.encode()).hexdigest()[:16]
        with FileLock(f"{there}.lock"):
            if not there.is_dir():
                shutil.rmtree(f"{there}.begun", ignore_errors=True)
                begun = copied(Path(f"{there}.begun"))
                succeed(block, begun)
                begun.rename(there)
        shutil.copytree(there, project, dirs_exist_ok=True)

    return prepared


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(block: Block, folder: Path) -> None:
    done = run(block.text, folder)
    assert done.returncode == 0, f"{block.place}\n{block.text}\n{done.stdout}\n{done.stderr}"


def write(block: Block, folder: Path) -> None:
    target = folder / str(block.title)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text, encoding="utf-8")


def test_the_commands_are_found():
    assert len(with_commands(real=False)) > 15
    assert sum(block.text.count("deepcli ") for _, block in shown("sh")) > 50


@pytest.mark.parametrize("page", marked(with_commands(real=False)))
def test_every_command_runs(page, project, prepare):
    for block in BLOCKS[page]:
        if block.title:
            write(block, project)
        elif block.kind == "setup":
            prepare(block)
        elif block.kind == "sh" and not REAL.search(block.text):
            succeed(block, project)


@pytest.mark.real_data
@pytest.mark.parametrize("page", marked(with_commands(real=True)))
def test_every_command_on_real_data_runs(page, project, prepare):
    for block in BLOCKS[page]:
        if block.kind == "setup":
            prepare(block)
        elif block.kind == "sh" and REAL.search(block.text):
            succeed(block, project)


@pytest.mark.parametrize("page", PYTHON)
def test_every_block_of_python_runs(page, project, prepare):
    program = []
    for block in BLOCKS[page]:
        if block.kind == "setup":
            prepare(block)
        elif block.kind == "python" and not block.title:
            program.append(block.text)
    assert program
    (project / "program.py").write_text("\n".join(program), encoding="utf-8")
    words = [sys.executable, "program.py"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "page", dict.fromkeys(page for page, block in shown("console") if "$ deepcli validate" in block.text)
)
def test_the_errors_shown_are_those_printed(page, project):
    """`…` stands for anything, on its line."""
    for block in BLOCKS[page]:
        if block.title:
            write(block, project)
        elif block.text.startswith("$ deepcli validate"):
            command, *lines = block.text.splitlines()
            done = run(f"{command[2:]} || true", project)
            expected = ".*".join(re.escape(part) for part in "\n".join(lines).split("…"))
            assert re.fullmatch(expected, (done.stdout + done.stderr).strip()), f"{block.place}\n{done.stderr}"


def test_the_plugins_shown_are_the_plugins_tested():
    plugins = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "plugins").glob("*.py")}
    found = [(block.title, block.text) for _, block in shown("python") if block.title in plugins]
    assert {"wide.py", "counts.py"} <= {title for title, _ in found}
    assert [title for title, text in found if text != plugins[str(title)]] == []


@pytest.mark.parametrize(
    ("page", "block"), [pytest.param(*one, id=one[1].place) for one in shown("yaml") if not one[1].title]
)
def test_the_specs_shown_are_valid(page, block, project, cli):
    (project / "shown.yaml").write_text(block.text)
    whole = {"data:", "model:"} <= {line.partition(" ")[0] for line in block.text.splitlines()}
    words = ["validate"] if whole else ["show", project / "configs" / "digits" / "mlp.yaml"]
    done = cli(*words, project / "shown.yaml")
    assert done.code == 0, f"{block.place}\n{done.err}"


@pytest.mark.parametrize(("page", "block"), [pytest.param(*one, id=one[1].place) for one in shown("json")])
def test_the_json_shown_keeps_the_promise(page, block):
    object_ = json.loads(block.text)
    shape = with_json()[object_["command"]].model_validate(object_)
    assert json.loads(shape.to_json() if hasattr(shape, "to_json") else shape.model_dump_json(by_alias=True)) == object_
