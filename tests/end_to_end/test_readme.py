"""Every command in the README is run, in its order, in a copy of the project's configs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
BLOCKS = [text for kind, text in FENCES if kind == "sh"]
PLAIN = [text for kind, text in FENCES if not kind]
REAL = re.compile(r"configs/(mnist|imdb)/")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "a project"
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "tests" / "plugins", folder / "tests" / "plugins")
    return folder


def run(script, folder):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def only(kind):
    (text,) = [text for fence, text in FENCES if fence == kind]
    return text


def test_the_blocks_are_found():
    assert len(BLOCKS) >= 7
    assert sum(block.count("deepcli ") for block in BLOCKS) >= 17
    assert "make train" in PLAIN[0]
    assert "make test" in PLAIN[0]


def test_every_command_runs(project):
    for block in BLOCKS:
        if not REAL.search(block):
            done = run(block, project)
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.real_data
def test_every_command_on_real_data_runs(project):
    blocks = [block for block in BLOCKS if REAL.search(block)]
    assert blocks
    for block in blocks:
        done = run(block, project)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def test_the_errors_shown_are_those_printed(project):
    (project / "my.yaml").write_text(
        "# one\n# two\n# three\ndata: digits\nmodel:\n  type: cnn\n  filter: 3\n\n\n\ntraining:\n  epochs:   0\n"
    )
    done = run("deepcli validate my.yaml || true", project)
    shown = next(block for block in PLAIN if "$ deepcli validate my.yaml" in block).splitlines()[1:]
    printed = done.stderr.splitlines()
    assert printed[0].startswith(shown[0].partition("known: ")[0])
    assert printed[1].partition("training.")[2] == shown[1].partition("training.")[2]


def test_the_plugin_shown_is_the_plugin_tested():
    assert (ROOT / "tests" / "plugins" / "wide.py").read_text() == only("python")


def test_the_spec_shown_is_valid(project):
    (project / "shown.yaml").write_text(only("yaml"))
    assert run("deepcli validate shown.yaml", project).returncode == 0


def test_the_json_shown_keeps_the_promise():
    import json

    from deepcli.result import Result

    shown = json.loads(only("json"))
    assert json.loads(Result.model_validate(shown).to_json()) == shown
