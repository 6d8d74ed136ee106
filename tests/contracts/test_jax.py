"""Models and layers compute the same on Keras's JAX backend, where that is installed (extra `jax`)."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepcli.data.arrays.splits import Tokens
from deepcli.models import MODELS

from . import test_models
from .test_models import BACKEND, DATA, VARIANTS, built, experiment_for, fields_of, split_for, suits, trained

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")


def padded(x):
    if not isinstance(x, Tokens):
        return x.astype(np.int32) if x.ndim == 2 and x.dtype == np.uint8 else x
    out = np.zeros((len(x), x.lengths.max()), np.int32)
    for row, (start, end) in enumerate(zip(x.offsets[:-1], x.offsets[1:], strict=True)):
        out[row, : end - start] = x.values[start:end]
    return out


def plain(value):
    """Turn a dumped spec into what JSON has."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def with_weights(experiment, train):
    """Train a model; or move its weights, which costs no compiling and also sets what begins as zeros or ones."""
    if train:
        return trained(experiment)
    model, rng = built(experiment), np.random.RandomState(0)
    moved = [
        weight + rng.uniform(0, 0.1, weight.shape).astype(weight.dtype) if weight.dtype.kind == "f" else weight
        for weight in model.get_weights()
    ]
    model.set_weights(moved)
    return model


@pytest.mark.long
@pytest.mark.parametrize("kind", list(DATA))
@pytest.mark.parametrize("first", [True, False], ids=["first", "others"])
def test_every_family_predicts_and_trains_on_jax_as_on_tensorflow(tmp_path, first, kind, tiny_table):
    chosen = [variant for variant in VARIANTS if variant.id.endswith("-0") is first]
    cases = {
        f"{variant.id}-{kind}": (variant.values[0], kind)
        for variant in chosen
        if kind in MODELS[fields_of(variant)["type"]].kinds
        and fields_of(variant)["type"] != "application"
        and suits(variant, kind)
    }
    assert cases
    for name, (variant, of) in cases.items():
        experiment = experiment_for(variant, of)
        model, split = with_weights(experiment, first), split_for(experiment)
        (tmp_path / f"{name}.json").write_text(json.dumps(plain(experiment.model_dump())))
        weights = {f"weight_{index:03d}": weight for index, weight in enumerate(model.get_weights())}
        x = padded(split.x)
        outputs = BACKEND.predict(model, split.x, 24) if first else np.asarray(model(x, training=False))
        np.savez(tmp_path / f"{name}.npz", x=x, y=split.y, outputs=outputs, **weights)
    script = Path(test_models.__file__).with_name("jax_models.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {result["case"]: result for result in map(json.loads, done.stdout.splitlines())}
    assert set(found) == set(cases)
    for name, result in found.items():
        assert result["difference"] < 2e-5, name
        assert result["changed"] > 0.5 or "-0-" not in name, name
        assert result["finite"], name
