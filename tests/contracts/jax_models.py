"""Run under `KERAS_BACKEND=jax`: build every model of a folder, compare its predictions with TensorFlow's, train a step.

Usage: python jax_models.py FOLDER; prints one line of JSON a model.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from deepcli.data import DATASETS
from deepcli.experiment.schema import Experiment
from deepcli.training.build import build_model, compile_model

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.contracts.tiny_pairs import TinyPairs
from tests.contracts.tiny_series import TinySeries
from tests.contracts.tiny_table import TinyTable
from tests.contracts.tiny_text import TinyText

DATASETS._classes |= {
    "tiny_table": TinyTable,
    "tiny_text": TinyText,
    "tiny_series": TinySeries,
    "tiny_pairs": TinyPairs,
}
assert keras.backend.backend() == "jax"
for case in sorted(Path(sys.argv[1]).glob("*.json")):
    experiment = Experiment.model_validate(json.loads(case.read_text()))
    with np.load(case.with_suffix(".npz")) as arrays:
        weights = [arrays[f"weight_{index:03d}"] for index in range(len(arrays.files) - 3)]
        x, y, expected = arrays["x"], arrays["y"], arrays["outputs"]
    model = build_model(experiment, "float32")
    model.set_weights(weights)
    difference = float(np.abs(np.asarray(model(x, training=False)) - expected).max())
    if "-0-" in case.stem:  # compiling a step takes seconds, so one variant of each family trains
        compile_model(model, experiment, 1, jit=True, steps_per_execution=1)
        model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
    else:
        assert np.isfinite(np.asarray(model(x, training=True))).all()
    changed = [not np.array_equal(old, new) for old, new in zip(weights, model.get_weights(), strict=True)]
    finite = all(np.isfinite(weight).all() for weight in model.get_weights())
    print(json.dumps({"case": case.stem, "difference": difference, "changed": np.mean(changed), "finite": finite}))
