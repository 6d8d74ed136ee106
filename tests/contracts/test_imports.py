"""Heavy imports stay in the heavy rooms; that imports run in one direction is a contract that import-linter checks."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = {
    "tensorflow",
    "keras",
    "numpy",
    "sklearn",
    "scipy",
    "h5py",
    "pandas",
    "matplotlib",
    "filelock",
    "optuna",
    "PIL",
}
FRESH = """
import sys
sys.argv = {words!r}
from deepcli.cli import main
try:
    main()
except SystemExit as ended:
    code = ended.code
heavy = sorted(set(sys.modules) & {heavy!r})
print("HEAVY", heavy, "CODE", code)
"""


@pytest.mark.parametrize(
    "words",
    [["--help"], ["train", "--help"], ["validate", "SPEC"], ["list"], ["list", "models"], ["show", "SPEC"], ["runs", "."],
     ["runs", ".", "--json"], ["list", "--json"], ["validate", "SPEC", "--json"],
     ["init", "digits", "cnn", "new.yaml"], ["schema"]],
    ids=" ".join,
)  # fmt: skip
def test_light_commands_import_nothing_heavy(words, spec):
    path = str(spec("data: imdb\nmodel: lstm\noptimizer: sgd\nschedule: cosine\n"))
    words = ["deepcli", *(path if word == "SPEC" else word for word in words)]
    done = subprocess.run(
        [sys.executable, "-c", FRESH.format(words=words, heavy=HEAVY)], capture_output=True, text=True, check=True
    )
    assert "HEAVY [] CODE 0" in done.stdout, done.stdout + done.stderr


def test_the_reference_is_written_without_anything_heavy():
    code = f"import sys; from deepcli.cli.command_pages import pages; pages(); print(set(sys.modules) & {HEAVY!r})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_help_does_not_even_import_the_registries():
    code = FRESH.format(words=["deepcli", "--help"], heavy={"pydantic", "deepcli.experiment.schema", "yaml"})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY [] CODE 0" in done.stdout


IMPORTED = """
import sys
before = set(sys.modules)
import deepcli
dir(deepcli)
print(sorted({name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names}))
deepcli.SpecError
print(sorted({"pydantic", "yaml", "typer", "rich"} & set(sys.modules)))
deepcli.load(data="digits", model="cnn")
print(sorted({"typer", "rich", *HEAVY} & set(sys.modules)))
"""


def test_importing_deepcli_imports_nothing_until_a_call_needs_it():
    code = f"HEAVY = {HEAVY!r}\n{IMPORTED}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['deepcli']", "[]", "[]"]


def test_listing_runs_from_python_imports_nothing_heavy():
    code = f"import deepcli, sys; deepcli.runs('.'); print(set(sys.modules) & {HEAVY!r})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


WATCHER = '''
import sys
from pathlib import Path
from typing import Literal

from deepcli.optim import SCHEDULES, Schedule


@SCHEDULES.register
class Watcher(Schedule):
    """A constant rate; the first step writes down which modules are there by then."""

    type: Literal["watcher"] = "watcher"

    def build(self, peak, steps):
        import numpy as np
        import tensorflow as tf

        def watch(step):
            if step == 0:
                Path("modules.txt").write_text("\\n".join(sys.modules), encoding="utf-8")
            return np.float32(peak)

        return lambda step: tf.ensure_shape(tf.numpy_function(watch, [step], tf.float32), [])
'''
TRAINING = """
import sys
sys.argv = {words!r}
from deepcli.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
import sklearn.metrics, matplotlib.pyplot, scipy.stats  # whoever wants them later gets them
assert None not in sys.modules.values()
"""


@pytest.mark.parametrize("data", ["mnist", pytest.param("digits", marks=pytest.mark.long)])
def test_training_begins_without_what_only_others_use(data, spec, tiny, tmp_path):
    from deepcli.system.tensorflow_startup import USED_BY_OTHERS

    for name in ("matplotlib", "pandas", "IPython"):  # wherever this runs, these can be imported
        (tmp_path / "site" / name).mkdir(parents=True)
        (tmp_path / "site" / name / "__init__.py").touch()
    (tmp_path / "site" / "matplotlib" / "pyplot.py").touch()
    plugin = spec(WATCHER, "watcher.py")
    path = spec(f"data: {data}\nmodel: cnn\nschedule: watcher\n")
    words = ["deepcli", "train", str(path), *tiny(data), "--plugin", str(plugin), "-o", "run"]
    paths = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    subprocess.run(
        [sys.executable, "-c", TRAINING.format(words=words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        check=True,
    )
    there = {name.partition(".")[0] for name in Path("modules.txt").read_text(encoding="utf-8").split()}
    assert {"tensorflow", "keras", "numpy"} <= there
    assert there & USED_BY_OTHERS == set()


def test_the_heavy_rooms_are_told_by_folder():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ignores = settings["tool"]["ruff"]["lint"]["per-file-ignores"]
    patterns = [pattern for pattern, rules in ignores.items() if "TID253" in rules]
    assert 0 < len(patterns) <= 10
    assert all(pattern.endswith("/*") for pattern in patterns)


def test_few_files_stand_at_the_root():
    assert {path.name for path in (ROOT / "deepcli").glob("*.py")} == {
        "__init__.py", "__main__.py", "errors.py", "layers.py", "result.py"
    }  # fmt: skip
