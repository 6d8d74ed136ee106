"""A learning rate that is lowered during a run moves the weights by less, on every backend, and files do not hold rates."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import pytest

from deepcli.experiment.schema import Experiment
from deepcli.nn.tracked_rate import saved_variables
from deepcli.training.build import build_model, compile_model

from . import lowered_rate

RATES = ["learning_rate_scale", "learning_rates"]
JAX = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")


@pytest.mark.parametrize(
    "backend", [pytest.param("tensorflow", marks=pytest.mark.long), pytest.param("jax", marks=JAX)]
)
def test_a_lowered_rate_moves_the_weights_by_less(backend):
    done = subprocess.run(
        [sys.executable, "-m", "tests.contracts.lowered_rate"],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {row["optimizer"]: row["moved"] for row in map(json.loads, done.stdout.splitlines())}
    assert set(found) == set(lowered_rate.OPTIMIZERS)
    for name, (before, lowered, again) in found.items():
        assert 0 < lowered < 1e-3 * min(before, again), name


@pytest.mark.parametrize("name", ["adam", "schedule_free_adamw", "scaled"])
def test_a_file_has_the_optimizer_as_keras_writes_it(tmp_path, name):
    optimizer = lowered_rate.OPTIMIZERS.get(name, {"type": name})
    experiment = Experiment.model_validate({**lowered_rate.SPEC, "optimizer": optimizer})
    model = build_model(experiment, "mixed_float16" if name == "scaled" else "float32")
    compile_model(model, experiment, 100, jit=False, steps_per_execution=1)
    rates = [variable for variable in model.optimizer.variables if variable.name in RATES]
    assert [variable.name for variable in rates] == RATES
    kept = saved_variables(model.optimizer)
    assert len(kept) == len(model.optimizer.variables) - 2 and not {*map(id, rates)} & {*map(id, kept)}
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert len(file["optimizer/vars"]) == len(kept)
    if name == "scaled":  # Keras cannot load what it writes of these
        return
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=True)
    assert len(loaded.optimizer.variables) >= len(kept)
    own = [keras.ops.convert_to_numpy(one).tolist() for one in saved_variables(loaded.optimizer)]
    assert own == [keras.ops.convert_to_numpy(one).tolist() for one in kept]
