"""Importing deepcli changes nothing in the process; only `import_tensorflow` does, and commands print no noise."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.xdist_group("startup")  # what they compare with is found out once
PACKAGE = Path(__file__).parent.parent.parent / "deepcli"
ROOT = PACKAGE.parent
IMPORT = """
import gc, json, os, sys

{first}
def forbidden(*args):
    raise AssertionError("a file descriptor is redirected")

os.dup2 = forbidden

class Watch:
    hidden = set()

    def find_spec(self, name, path=None, target=None):
        self.hidden |= {{name for name, module in list(sys.modules.items()) if module is None}}

watch = Watch()
sys.meta_path.insert(0, watch)
before = dict(os.environ)
frozen, error = gc.get_freeze_count(), os.fstat(2)
{line}
import keras, logging
print(json.dumps({{
    "hidden": sorted(watch.hidden | {{name for name, module in sys.modules.items() if module is None}}),
    "frozen": gc.get_freeze_count() - frozen,
    "redirected": not os.path.samestat(error, os.fstat(2)),
    "environment": sorted(set(os.environ.items()) ^ set(before.items())),
    "filtering": keras.config.is_traceback_filtering_enabled(),
    "log": logging.getLogger("tensorflow").level,
    "backend": keras.backend.backend(),
}}))
"""


def fresh_environment(**more):
    """Return the environment of a user's process, without what these tests set for TensorFlow."""
    unset = ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def run(code, *words, **more):
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=fresh_environment(**more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def after(line, first="", **more):
    return json.loads(run(IMPORT.format(line=line, first=first), **more).stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain():
    """Return what a plain import of the same packages does."""
    return after("import keras, tensorflow, sklearn.metrics, scipy.stats, optuna, psutil, h5py")


def test_imports_change_nothing_in_the_process(plain):
    modules = ("training.train", "export.exporting", "sweeps.workers.worker", "doctor.training", "api.training")
    assert after(f"import {', '.join(f'deepcli.{module}' for module in modules)}") == plain
    assert (plain["hidden"], plain["frozen"], plain["redirected"], plain["filtering"]) == ([], 0, False, True)


def test_light_modules_import_no_tensorflow():
    modules = ("training", "export", "sweeps.workers", "sweeps.workers.pool", "training.order")
    imports = ", ".join(f"deepcli.{module}" for module in modules)
    assert run(f"import sys, {imports}; print({{'keras', 'tensorflow'}} & set(sys.modules))").stdout == "set()\n"


CALL = "from deepcli.system.tensorflow_startup import import_tensorflow\nimport_tensorflow()"


def test_the_call_makes_the_import_quick_and_quiet_once():
    done = run(
        f"{CALL}\nimport gc, os, sys, keras, logging\n"
        "frozen = gc.get_freeze_count()\nimport_tensorflow()\nassert gc.get_freeze_count() == frozen > 10000\n"
        "assert None not in sys.modules.values()\n"
        "assert (os.environ.get('KERAS_BACKEND'), os.environ['TF_CPP_MIN_LOG_LEVEL']) == (None, '3')\n"
        "assert keras.backend.backend() == 'tensorflow'\n"
        "assert not keras.config.is_traceback_filtering_enabled()\n"
        "assert logging.getLogger('tensorflow').level == logging.ERROR\n"
        "import tensorflow as tf; tf.zeros(1)"
    )
    assert done.stderr == done.stdout == ""


@pytest.mark.parametrize("first", ["import keras", pytest.param("import tensorflow", marks=pytest.mark.long)])
def test_the_call_leaves_a_program_alone_that_imported_keras_or_tensorflow_before(first, plain):
    assert after(CALL, first) == {**plain, "environment": []}


def test_the_call_overrides_the_backend_of_keras_json(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    code = f"{CALL}\nimport keras; print(keras.backend.backend())"
    assert run(code, KERAS_HOME=str(tmp_path)).stdout == "tensorflow\n"


def test_a_keras_on_another_backend_is_a_clear_error(monkeypatch, spec):
    import keras

    from deepcli.errors import DeviceError
    from deepcli.experiment.load import load
    from deepcli.training.device import choose

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    for named, text in (
        (None, "imported with the backend torch .*set KERAS_BACKEND=tens"),
        ("torch", "KERAS_BACKEND is torch; deepcli trains and evaluates on tensorflow and jax"),
    ):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if named:
            monkeypatch.setenv("KERAS_BACKEND", named)
        with pytest.raises(DeviceError, match=text):
            choose(load([spec()], []).experiment.training)


def deepcli(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "deepcli", *map(str, words)],
        env=fresh_environment(DEEPCLI_OFFLINE="1"), capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a small model in a process of its own; return its run, and a folder with a spec, an image and a sweep."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "spec.yaml").write_text(
        "data: {type: digits, limit: 48}\nmodel: {type: mlp, hidden_units: [8]}\ntraining: {epochs: 1}\n"
        "schedule: {type: constant, warmup: 0}\n"
    )
    np.save(folder / "image.npy", np.zeros((1, 8, 8), np.uint8))
    done = deepcli("train", "spec.yaml", "-o", "run", "-q", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    plan = deepcli("sweep", "plan", "spec.yaml", "seed=[1]", cwd=folder)
    (folder / "planned").write_text(plan.stdout)
    return folder


@pytest.mark.parametrize(
    "words",
    [["doctor", "--no-check"],
     ["sweep", "run", "spec.yaml", "seed=[1]", "--workers", "1", "-o", "sweep", "-q"],
     *(pytest.param(words, marks=pytest.mark.long) for words in
       (["evaluate", "run", "-q"], ["export", "run", "--format", "keras", "-q"], ["predict", "run", "image.npy", "-q"], ["show", "spec.yaml", "--model"],
        ["doctor", "--json"]))],
    ids=" ".join,
)  # fmt: skip
def test_no_command_prints_what_tensorflow_says_at_its_start(trained, words):
    done = deepcli(*words, cwd=trained)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.long
def test_show_samples_prints_its_notice_only(trained):
    done = deepcli("show", "spec.yaml", "--samples", "sheet.png", cwd=trained)
    assert done.returncode == 0 and done.stderr.count("\n") <= 1 and "notice" in done.stderr


@pytest.mark.long
def test_a_trial_and_its_collection_print_no_noise(trained):
    line = (trained / "planned").read_text().splitlines()[0]
    for words, stdin in ((["trial", "-", "-o", "trials", "-q"], line + "\n"), (["collect", "trials", "-q"], None)):
        done = deepcli("sweep", *words, cwd=trained, input=stdin)
        assert (done.returncode, done.stderr) == (0, "")


SPAWNED = """
from pathlib import Path
from deepcli.data.files import Sources
from deepcli.sweeps.workers.pool import WorkerConfig, WorkerPool
from deepcli.system.signals import Signals

if __name__ == "__main__":
    WorkerPool(1, WorkerConfig(Path("{sweep}"), None, (), Sources(), None, 1, None), "spawn").work(Signals(), False)
"""


@pytest.mark.long
def test_a_spawned_worker_prints_no_noise(trained):
    deepcli("sweep", "run", "spec.yaml", "seed=[2]", "--max-trials", "1", "-o", "spawned", "-q", cwd=trained)
    program = trained / "spawned.py"
    program.write_text(SPAWNED.format(sweep=trained / "spawned"))
    done = subprocess.run(
        [sys.executable, program], env=fresh_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@cache
def nodes(folder):
    return [
        (str(path.relative_to(PACKAGE)), node)
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


TENSORFLOW = {
    "training/tensorflow_backend.py": "implements the interface",
    "training/pipeline.py": "its batches",
    "training/tensorflow_reading.py": "reads what is in files for them",
    "training/replicas.py": "its steps on several devices",
    "training/tensorflow_device.py": "finds and sets up the devices, for which it makes the strategy",
}


JAX = {
    "training/jax_backend.py": "implements the interface",
    "training/jax_functions.py": "its predictions",
    "training/jax_device.py": "finds and sets up the device",
    "training/jax_placement.py": "puts batches and variables on the device",
    "training/jax_many_devices.py": "puts them on all devices of a run",
    "training/jax_processes.py": "connects the processes of a run",
    "training/jax_cache.py": "keeps what was compiled",
}


@pytest.mark.parametrize(("package", "files"), [("tensorflow", TENSORFLOW), ("jax", JAX)])
def test_training_reaches_a_package_through_its_backend(package, files):
    imports = {
        path
        for path, node in nodes("training")
        if (isinstance(node, ast.Import) and any(name.name.split(".")[0] == package for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package)
    }
    assert imports == set(files)


@pytest.mark.parametrize("name", ["TensorFlowBackend", "JaxBackend"])
def test_one_function_names_the_class_of_a_backend(name):
    named = {
        path
        for path, node in nodes(".")
        if name in (getattr(node, "id", ""), getattr(node, "name", ""), getattr(node, "attr", ""))
    }
    assert named == {"training/backend.py", f"training/{name.replace('Backend', '').lower()}_backend.py"}


def test_variables_are_read_through_keras_or_the_backend():
    read = {
        path
        for folder in ("training", "nn")
        for path, node in nodes(folder)
        if isinstance(node, ast.Attribute) and node.attr == "numpy"
    }
    assert read == {"training/tensorflow_backend.py"}


def test_training_names_no_error_of_tensorflow_outside_its_backend():
    named = {
        path
        for path, node in nodes("training")
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith(("tf.errors", "tensorflow.errors"))
    }
    assert named == {"training/tensorflow_backend.py", "training/tensorflow_reading.py"}
