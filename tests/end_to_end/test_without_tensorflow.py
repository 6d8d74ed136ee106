"""An installation without TensorFlow, as docs/how-to/backends.md says, from the wheel; the packages come from the index."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
OF_PACKAGE = ("pyproject.toml", "README.md", "LICENSE", "constraints.txt")
WORDS = {
    "init digits mlp a.yaml": ["a.yaml"],
    "validate a.yaml": ["valid"],
    "list models": ["transformer"],
    "train a.yaml data.limit=200 training.epochs=2 -o run": ["test accuracy"],
    "evaluate run": ["test accuracy"],
    "predict run image.npy": ["image.npy"],
    "report run": ["report.html"],
    "sweep run a.yaml data.limit=200 training.epochs=1 seed=[1,2] --workers 1 -o sweep": ["2 completed of 2"],
    "doctor": ["backend             jax: TensorFlow is not installed", "training check      OK"],
}
"""Commands, each with what it prints."""


def call(*words, cwd, code=0):
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{words}: {done.stdout[-1500:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_an_installation_without_tensorflow_trains(tmp_path):
    sources, work = tmp_path / "sources", tmp_path / "an empty folder"
    sources.mkdir()
    work.mkdir()
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    asked = [python, "-m", "pip", "download", "-q", "--no-deps", "--retries", "0", "--timeout", "10", "annotated-types"]
    if subprocess.run([*map(str, asked)], cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached")
    shutil.copytree(ROOT / "deepcli", sources / "deepcli", ignore=shutil.ignore_patterns("__pycache__"))
    for name in OF_PACKAGE:
        shutil.copy(ROOT / name, sources)
    call(python, "-m", "pip", "wheel", "-q", "--no-deps", ".", "-w", tmp_path, cwd=sources)
    [wheel] = tmp_path.glob("deepcli-*.whl")
    call(python, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=work)
    needed = call(python, "-m", "deepcli.system.requirements", "jax", cwd=work)
    (tmp_path / "needed.txt").write_text(needed)
    pins = sources / "constraints.txt"
    call(python, "-m", "pip", "install", "-q", "-r", tmp_path / "needed.txt", "-c", pins, cwd=work)
    assert "requires tensorflow, which is not installed" in call(python, "-m", "pip", "check", cwd=work, code=1)
    np.save(work / "image.npy", np.zeros((1, 8, 8), np.uint8))
    for words, printed in WORDS.items():
        found = call(scripts / "deepcli", *words.split(), cwd=work)
        assert all(one in found for one in printed), f"{words}: {found}"
    assert json.loads((work / "run/environment.json").read_text())["backend"]["value"] == "jax"
