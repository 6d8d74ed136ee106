"""Packages that name deepcli in their entry points add components and commands, until they are left out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
from typing import Literal
from deepcli.models import MODELS, Head, Model

@MODELS.register
class Narrow(Model):
    """One narrow hidden layer."""
    type: Literal["narrow"] = "narrow"
    def build(self, signature, head: Head):
        import keras
        inputs = keras.Input(signature.shape, dtype="uint8")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, self.dense_output(keras.layers.Dense(4, "relu")(x), head))
'''
BROKEN = """
from deepcli.evaluation import SCORES
from tests.plugins import kappa_that_is_not_there
"""
HALF = MODULE.replace("Narrow", "Half").replace("narrow", "half") + "raise RuntimeError('out of luck')\n"
GREET = '''
import typer
def greet(name: str = typer.Argument("you", help="Whom.")) -> None:
    """Greet somebody."""
    print("hello", name)
'''
QUICK = ["data.limit=40", "data.batch_size=8", "training.epochs=1"]


@pytest.fixture
def site(tmp_path):
    """Install a package, and give a function that runs deepcli beside it."""
    folder = tmp_path / "a site"
    folder.mkdir()

    def install(name, files, plugins=(), commands=()):
        info = folder / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = ["[deepcli.plugins]", *plugins, "[deepcli.commands]", *commands]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for file, text in files.items():
            (folder / file).write_text(text)

    def run(*words, **environment):
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "deepcli", *map(str, words)],
            env={**os.environ, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    run.install = install  # type: ignore[attr-defined]
    return run


def test_an_installed_model_trains_and_is_evaluated_without_being_named(site, spec):
    site.install("deepcli-narrow", {"narrow.py": MODULE}, plugins=["narrow = narrow"])
    assert site("train", spec(), "model=narrow", *QUICK, "-o", "a", "-q").returncode == 0
    assert site("evaluate", "a", "-q").returncode == 0
    without = site("evaluate", "a", "--no-plugins")
    assert without.returncode == 2 and "unknown type 'narrow'" in without.stderr
    by_variable = site("validate", spec(), "model=narrow", DEEPCLI_NO_PLUGINS="1")
    assert by_variable.returncode == 2 and "unknown type 'narrow'" in by_variable.stderr


@pytest.mark.long
def test_an_installed_model_is_swept_by_workers(site, spec):
    site.install("deepcli-narrow", {"narrow.py": MODULE}, plugins=["narrow = narrow"])
    words = ["model=narrow", "optimizer.learning_rate=[0.01,0.001]", *QUICK, "-o", "s", "-q"]
    done = site("sweep", "run", spec(), *words)
    assert done.returncode == 0, done.stderr


def test_list_says_where_a_component_comes_from(site):
    site.install("deepcli-narrow", {"narrow.py": MODULE}, plugins=["narrow = narrow"])
    assert "models narrow: from deepcli-narrow 1.2\n" in site("list").stdout
    assert site("list", "models", "narrow").stdout.startswith(
        "narrow  One narrow hidden layer.  (from deepcli-narrow 1.2)"
    )
    found = json.loads(site("list", "--json").stdout)
    assert found["origins"] == {"models": {"narrow": "deepcli-narrow 1.2"}}
    (entry,) = json.loads(site("list", "models", "narrow", "--json").stdout)["entries"]
    assert entry["origin"] == "deepcli-narrow 1.2"
    assert "narrow" not in site("list", "--no-plugins").stdout


def test_a_broken_plugin_is_named_and_costs_nothing_else(site, spec):
    files = {"narrow.py": MODULE, "broken.py": BROKEN, "half.py": HALF}
    site.install("deepcli-three", files, plugins=["broken = broken", "half = half", "narrow = narrow"])
    done = site("validate", spec(), "model=narrow")
    assert done.returncode == 0
    assert done.stderr.count("notice: plugin broken (from deepcli-three 1.2): cannot be imported: ") == 1
    assert "plugin half (from deepcli-three 1.2): cannot be imported: RuntimeError: out of luck; it is left out" in (
        done.stderr
    )
    assert "unknown type 'half'" in site("validate", spec(), "model=half").stderr
    assert site("validate", spec(), "--no-plugins").stderr == ""


def test_an_installed_command_is_a_command(site):
    commands = ["greet = greeting:greet", "train = greeting:greet", "odd = greeting:typer", "gone = greeting:nothing"]
    site.install("deepcli-greet", {"greeting.py": GREET}, commands=commands)
    overview = site("--help")
    assert "A command of the package deepcli-greet 1.2." in overview.stdout
    assert (
        "command train (from deepcli-greet 1.2): deepcli has a command of that name; it is left out" in overview.stderr
    )
    assert "Greet somebody." in site("greet", "--help").stdout
    assert site("greet", "Ada").stdout == "hello Ada\n"
    for name in ("odd", "gone"):
        done = site(name)
        assert (
            done.returncode == 2 and f"error: command {name} (from deepcli-greet 1.2): cannot be used: " in done.stderr
        )
    assert site("greet", "--no-plugins").returncode == 2


def test_a_checkpoint_never_has_a_plugin_imported(site, spec, tmp_path):
    site.install("deepcli-narrow", {"narrow.py": MODULE}, plugins=["narrow = narrow"])
    assert site("train", spec(), "model=narrow", *QUICK, "-o", "a", "-q").returncode == 0
    (tmp_path / "a site" / "narrow.py").write_text("raise RuntimeError('imported')\n")
    done = site("evaluate", "a", "--no-plugins")
    assert done.returncode == 2 and "imported" not in done.stderr


def test_help_imports_no_plugin(site):
    site.install("deepcli-narrow", {"narrow.py": "open('imported', 'w')\n"}, plugins=["narrow = narrow"])
    assert site("--help").returncode == 0
    assert site("train", "--help").returncode == 0
    assert not Path("imported").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "from deepcli.scores import SCORES",
        "from deepcli.data.splits import Provenance, Raw",
        "from deepcli.models import layers; layers.PadLeft",
        "import deepcli.registry; deepcli.registry.Component",
    ],
)
def test_a_plugin_of_an_earlier_version_finds_what_it_imports(statement, tmp_path, cli, spec):
    plugin = tmp_path / "old.py"
    plugin.write_text(statement + "\n")
    done = cli("validate", spec(), "--plugin", plugin)
    assert done.code == 0, done.err
