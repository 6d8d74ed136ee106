"""Every backend does the same: steps, exact resumption, predictions, and what was trained on one is resumed on another.

TensorFlow runs in this process, JAX in one of its own, as Keras has one backend in a process.
"""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli.models import MODELS
from deepcli.run.checkpoint.file import open_checkpoint

from . import backend_steps
from .test_jax import plain
from .test_models import DATA, VARIANTS, experiment_for, fields_of, suits

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
ROOT = Path(__file__).parent.parent.parent
STEPS = 5
FOUR_DEVICES = "--xla_force_host_platform_device_count=4"
MLP = {"model": {"type": "mlp", "hidden_units": [8]}, "data": {"type": "digits", "batch_size": 10}}
TRAINING = {"steps_per_execution": 2, "precision": "float32"}
PLAIN: dict[str, dict[str, Any]] = {
    "mlp": {},
    "averaged": {"optimizer": {"type": "adam", "use_ema": True, "ema_momentum": 0.5}},
    "accumulated": {
        "optimizer": {"type": "sgd", "gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2}
    },
    "free": {"optimizer": {"type": "schedule_free_adamw"}},
    "clipped": {"optimizer": {"type": "rmsprop", "global_clipnorm": 0.1, "weight_decay": 0.01}},
    "normalized": {
        "model": {"type": "mlp", "hidden_units": [8], "regularization": {"normalization": "batch"}},
        "optimizer": {"type": "sgd"},
    },
    "weighted": {"training": {**TRAINING, "class_weight": "balanced"}},
    "warm": {"schedule": {"type": "cosine", "warmup": 2}, "training": {**TRAINING, "epochs": 3}},
    "plateau": {"schedule": {"type": "reduce_on_plateau", "warmup": 0}, "optimizer": {"type": "sgd"}},
}
"""Cases without random layers: the same steps are taken to the last digits, whatever the backend."""
QUICK = {"accumulated", "weighted"}
LOOSE: dict[str, dict[str, Any]] = {
    "half": {"training": {**TRAINING, "precision": "mixed_float16"}},
    "brain": {"training": {**TRAINING, "precision": "mixed_bfloat16"}},
    "random": {
        "model": {"type": "cnn", "filters": [4], "regularization": {"dropout": 0.3}},
        "data": {"type": "digits", "batch_size": 10, "augmentation": {"rotation": 0.1, "erasing": 0.5}},
    },
}
"""Cases whose figures differ: numbers of few digits, and random numbers, of which each backend has its own."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def kept(monkeypatch, compiled):
    """Keep what JAX compiled from one test to the next."""
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(compiled))


def write(folder: Path, cases: dict[str, dict[str, Any]]) -> None:
    for name, case in cases.items():
        spec = {**MLP, "training": TRAINING, "schedule": {"type": "constant", "warmup": 0}, **case}
        (folder / f"{name}.json").write_text(json.dumps(spec))


def on_jax(*words: str, code: int = 0, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done


def compared(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Run the cases of a folder on both backends; return what each found, and how far predictions of the other's are off."""
    paths = sorted(folder.glob("*.json"))
    ours = {path.stem: backend_steps.Case(path).run(STEPS) for path in paths}
    rows = [
        *map(
            json.loads,
            on_jax(
                "-m", "tests.contracts.backend_steps", str(folder), str(STEPS), XLA_FLAGS=FOUR_DEVICES
            ).stdout.splitlines(),
        )
    ]
    theirs = {row["case"]: row for row in rows if not {"of", "on"} & set(row)}
    demand_same_on_devices(folder, theirs, {row["case"]: row for row in rows if "on" in row})
    off = {row["case"]: row["difference"] for row in rows if "of" in row}
    back = {path.stem: backend_steps.of_another(path, "jax")["difference"] for path in paths}
    assert set(ours) == set(theirs) == set(off) == set(back)
    return ours, theirs, {name: max(off[name], back[name]) for name in off}


def demand_same_on_devices(folder: Path, one: dict[str, Any], four: dict[str, Any]) -> None:
    """Check that a batch that is divided between four devices trains as on one, with the same random numbers."""
    demand_contract(four)
    assert set(one) == set(four)
    for name, row in four.items():
        few_digits = "mixed" in json.loads((folder / f"{name}.json").read_text())["training"].get("precision", "")
        assert weights_differ_by(folder, name, "jax", "parallel") < (0.02 if few_digits else 1e-5), name
        np.testing.assert_allclose(row["losses"], one[name]["losses"], rtol=0.02 if few_digits else 1e-4, err_msg=name)


def weights_differ_by(folder: Path, name: str, one: str = "tensorflow", other: str = "jax") -> float:
    """Return the largest difference of a weight after the same steps on two backends."""
    with np.load(folder / f"{name}.{one}.npz") as ours, np.load(folder / f"{name}.{other}.npz") as theirs:
        assert set(ours.files) == set(theirs.files)
        weights = [key for key in ours.files if key.startswith("weight_")]
        return max(float(np.abs(ours[key] - theirs[key]).max()) for key in weights)


def demand_contract(found: dict[str, Any]) -> None:
    """Check what each backend owes by itself."""
    for name, row in found.items():
        assert row["finite"] and row["moved"] and row["gradients"] > 0, name
        assert row["equal"] == row["arrays"], f"{name}: resumed, {row['equal']} of {row['arrays']} arrays are equal"


@pytest.mark.parametrize(
    "names", [QUICK, pytest.param(set(PLAIN) - QUICK, marks=pytest.mark.long)], ids=["quick", "all"]
)
def test_both_backends_take_the_same_steps(tmp_path, names):
    write(tmp_path, {name: PLAIN[name] for name in names})
    ours, theirs, off = compared(tmp_path)
    for found in (ours, theirs):
        demand_contract(found)
    for name in names:
        assert weights_differ_by(tmp_path, name) < 2e-5, name
        assert off[name] < 1e-5, name
        assert ours[name]["averaged"] == theirs[name]["averaged"]
        for figure in ("losses", "gradients"):
            np.testing.assert_allclose(theirs[name][figure], ours[name][figure], rtol=2e-4, err_msg=f"{name} {figure}")
        for metric, value in ours[name]["metrics"].items():
            assert theirs[name]["metrics"][metric] == pytest.approx(value, abs=1e-4), name


@pytest.mark.long
def test_both_backends_resume_random_layers_and_half_precision_exactly(tmp_path):
    write(tmp_path, LOOSE)
    ours, theirs, off = compared(tmp_path)
    for found in (ours, theirs):
        demand_contract(found)
    assert off["random"] < 1e-5 and max(off.values()) < 0.02, off


@pytest.mark.long
@pytest.mark.parametrize("kind", list(DATA))
def test_every_family_moves_between_backends(tmp_path, tiny_table, kind):
    names = []
    for variant in VARIANTS:
        family = fields_of(variant)["type"]
        if not variant.id.endswith("-0") or family == "application":
            continue
        if kind in MODELS[family].kinds and suits(variant, kind):
            spec = plain(experiment_for(variant.values[0], kind).model_dump())
            spec["data"]["batch_size"] = 10
            spec["training"] |= TRAINING
            names.append(family)
            (tmp_path / f"{family}.json").write_text(json.dumps(spec))
    assert names
    ours, theirs, off = compared(tmp_path)
    for found in (ours, theirs):
        demand_contract(found)
    assert max(off.values()) < 1e-5, off


UNTOUCHED = """
import sys

from deepcli.cli import script

sys.argv = ["deepcli", *sys.argv[1:]]
try:
    script()
finally:
    assert "tensorflow" not in sys.modules
"""
REFUSED = """
import sys


class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ImportError("TensorFlow is refused")


sys.meta_path.insert(0, Refusing())
"""


def run_of(tmp_path: Path, **optimizer: Any) -> str:
    """Write a spec; return its path."""
    spec = {
        **MLP,
        "optimizer": {"type": "sgd", "learning_rate": 0.5, **optimizer},
        "schedule": {"type": "reduce_on_plateau", "patience": 1, "warmup": 0},
        "training": {"epochs": 3, "on_divergence": "rollback", "backend": "jax"},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    return str(tmp_path / "spec.json")


def test_a_run_on_jax_imports_no_tensorflow_and_says_that_it_is_on_jax(tmp_path):
    run = str(tmp_path / "run")
    done = on_jax("-c", UNTOUCHED, "train", run_of(tmp_path), "-o", run, "--json")
    result = json.loads(done.stdout)
    assert result["status"] == "completed" and "backend: jax (requested)" in done.stderr
    environment = json.loads((tmp_path / "run/environment.json").read_text())
    assert environment["backend"]["value"] == "jax" and "jaxlib" in environment["versions"]
    evaluated = json.loads(on_jax("-c", REFUSED + UNTOUCHED, "evaluate", run, "--json").stdout)
    assert evaluated["metrics"]["test"]["loss"] == pytest.approx(result["metrics"]["test"]["loss"], abs=1e-6)


@pytest.mark.long
def test_rollbacks_resuming_and_predicting_work_where_tensorflow_cannot_be_imported(tmp_path):
    run, words = str(tmp_path / "run"), ["-c", REFUSED + UNTOUCHED]
    done = on_jax(*words, "train", run_of(tmp_path, learning_rate=1e30), "-o", run, code=1)
    assert "rollback" in done.stderr and "diverged" in done.stderr
    on_jax(*words, "train", run_of(tmp_path), "-o", run, "--if-exists", "overwrite")
    np.save(tmp_path / "image.npy", np.zeros((1, 8, 8), np.uint8))
    assert on_jax(*words, "predict", run, str(tmp_path / "image.npy")).stdout.count("\n") == 1
    resumed = on_jax(*words, "train", "--resume", run, "training.epochs=4")
    assert f"resuming {run}" in resumed.stderr and "epoch 4/4" in resumed.stderr


TEXT = {"task": "language_model", "data": {"type": "text", "path": "t.txt", "tokens": "characters", "window": 16}}
CODES = {"task": "reconstruction", "data": {"type": "digits", "limit": 200}}
SPECS: dict[str, dict[str, Any]] = {
    "a": {
        "data": {"type": "digits", "batch_size": 32, "limit": 400},
        "model": {"type": "mlp", "hidden_units": [16]},
        "training": {"epochs": 3},
    },
    "text": {**TEXT, "model": {"type": "gru", "units": [8]}, "training": {"epochs": 1}},
    "codes": {**CODES, "model": {"type": "autoencoder", "hidden_units": [8], "latent": 3}, "training": {"epochs": 1}},
}
ON_JAX = {
    "train a.json --seeds 2 -o seeds": "mean ± standard deviation over 2 seeds",
    "train a.json training.deterministic=true training.callbacks=[{type: stop_at, value: 9.0}] -o stopped": "best epoch",
    "train text.json -o text": "test perplexity",
    "train codes.json -o codes": "test mean_squared_error",
    "show a.json --cost": "FLOPs",
    "find lr a.json data.limit=null --steps 60 --seeds 1 -o rate.png": "to use it: optimizer.learning_rate=",
    "find batch_size a.json --to 32": "fastest: ",
    "sanity a.json": "no check failed",
    "baseline a.json": "most frequent class",
    "reproduce seeds/seed-0": "equal to the bit",
    "verify-resume a.json --kills 1": "equal to the bit after 1 kill",
    "evaluate seeds/seed-0 --calibrate": "temperature",
    "compare seeds/seed-0 seeds/seed-1": "within noise",
    "report seeds": "seeds/report.html",
    "predict codes image.npy --encode": "image.npy",
    "generate text the --length 5 --seed 1": "the",
    "sweep run a.json seed=[1,2] --workers 1 -o sweep": "2 completed of 2",
}
"""Commands, each with what it prints; the later ones take the runs of the earlier ones."""


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_every_command_that_trains_or_computes_does_so_on_jax(tmp_path):
    for name, spec in SPECS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(spec))
    (tmp_path / "t.txt").write_text("the cat sat on the mat and the dog ate the hat. " * 100)
    np.save(tmp_path / "image.npy", np.zeros((1, 8, 8), np.uint8))
    there = f"import os\nos.chdir({str(tmp_path)!r})\n{REFUSED}{UNTOUCHED}"
    for words, printed in ON_JAX.items():
        split = re.split(r" (?![^\[]*\])", words)  # a list in brackets is one word
        done = on_jax("-c", there, *split, PYTHONPATH=str(ROOT))
        assert printed in done.stdout, f"{words}: {done.stdout[-2000:]}{done.stderr[-1000:]}"
    free: dict[str, Any] = {
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": "",
    }  # so that the spec alone says which backend it is
    plan = on_jax("-c", there, "sweep", "plan", "a.json", "seed=[3]", "training.backend=jax", **free).stdout
    on_jax("-c", there, "sweep", "trial", plan.strip(), "-o", "planned", **free)
    done = on_jax("-c", there, "sweep", "collect", "planned", **free)
    assert "1 completed of 1" in done.stdout, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "term"])
def test_a_run_on_jax_that_is_stopped_leaves_a_checkpoint_and_goes_on(tmp_path, number):
    run = tmp_path / "run"
    words = [sys.executable, "-m", "deepcli", "train", run_of(tmp_path), "training.epochs=60", "-o", str(run)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as training:
        for line in training.stderr:
            if line.startswith("epoch  2/60"):
                training.send_signal(number)
                break
        rest = training.stderr.read()
    assert training.returncode == 128 + number and f"continue with: deepcli train --resume {run}" in rest
    resumed = on_jax("-m", "deepcli", "train", "--resume", str(run))
    assert f"resuming {run} at step " in resumed.stderr and "all 60 epochs done" in resumed.stderr


@pytest.mark.long
def test_what_was_compiled_is_used_again_and_changes_no_bit(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPCLI_CACHE_DIR", str(tmp_path / "cache"))
    kept = tmp_path / "cache/compiled/jax"
    spec = run_of(tmp_path)
    on_jax("-m", "deepcli", "train", spec, "-o", str(tmp_path / "off"), JAX_ENABLE_COMPILATION_CACHE="0")
    assert not kept.exists()
    found = []
    for name in ("first", "second", "damaged"):
        on_jax("-m", "deepcli", "train", spec, "-o", str(tmp_path / name))
        found.append({file.name: file.read_bytes() for file in kept.iterdir()})
        if name == "second":
            for number, file in enumerate(sorted(kept.iterdir())):
                file.write_bytes(file.read_bytes()[: 40 * (number % 3)])
    assert found[0] and found[0] == found[1] and found[2].keys() == found[0].keys()
    weights = [
        open_checkpoint(tmp_path / name / "checkpoints/last.keras").read("model.weights.h5")
        for name in ("off", "first", "second", "damaged")
    ]
    assert len(set(weights)) == 1


@pytest.mark.long
def test_doctor_finds_jax_sound_where_there_is_no_tensorflow():
    done = on_jax("-c", REFUSED + UNTOUCHED, "doctor", "--json", KERAS_BACKEND="")
    told = json.loads(done.stdout)
    assert told["backend"] == {"value": "jax", "why": "TensorFlow is not installed"}
    assert told["check"]["ok"] and told["tensorflow"] is None and list(told["backends"]) == ["jax"]


@pytest.mark.long
def test_doctor_trains_on_each_backend_that_is_installed():
    told = json.loads(on_jax("-m", "deepcli", "doctor", "--json").stdout)
    assert told["backend"] == {"value": "jax", "why": "KERAS_BACKEND"}
    assert told["check"]["ok"] and told["backends"]["tensorflow"]["accuracy"] > 0.8


def test_a_backend_that_is_asked_for_twice_or_not_installed_is_an_error_with_its_remedy(monkeypatch):
    from deepcli.errors import DeviceError, UsageError
    from deepcli.system import backend_startup
    from deepcli.system.backend_startup import backend_name

    installed = {"tensorflow", "jax"}
    monkeypatch.setattr(backend_startup, "is_installed", installed.__contains__)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert [backend_name(), backend_name("jax"), backend_name(preferred="jax")] == ["tensorflow", "jax", "jax"]
    installed.remove("tensorflow")
    assert backend_name() == "jax"
    with pytest.raises(
        DeviceError, match=r"training\.backend: tensorflow: TensorFlow is not installed; install it with"
    ):
        backend_name("tensorflow")
    installed.clear()
    with pytest.raises(DeviceError, match=r"neither .* pip install 'deepcli\[jax\]'"):
        backend_name()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        UsageError, match=r"training.backend: jax needs jax; install with: pip install 'deepcli\[jax\]'"
    ):
        backend_name("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(DeviceError, match="is tensorflow, but the environment variable KERAS_BACKEND is jax; unset"):
        backend_name("tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(DeviceError, match="KERAS_BACKEND is torch; deepcli trains and evaluates on tensorflow and jax"):
        backend_name()
