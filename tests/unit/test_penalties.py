"""What each penalty of `regularization` adds to the loss: on kernels, biases or recurrent kernels, and nothing else."""

from typing import Any

import numpy as np
import pytest

from deepcli.experiment.schema import Experiment
from deepcli.training.build import build_model

MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"type": "mlp", "hidden_units": [3]},
    "cnn": {"type": "cnn", "filters": [2], "hidden_units": [3]},
    "lstm": {"type": "lstm", "units": 3},
    "transformer": {"type": "transformer", "num_layers": 1, "num_heads": 1, "hidden_dim": 4, "intermediate_dim": 4},
}
WHERE = {"l1": "kernel", "l2": "kernel", "bias_l2": "bias", "recurrent_l2": "recurrent_kernel"}
EXEMPT = ("output", "patches")
"""Layers whose weights are never penalized."""


@pytest.mark.parametrize(
    ("family", "field"),
    [(family, field) for family in MODELS for field in WHERE if field != "recurrent_l2" or family == "lstm"],
)
def test_a_penalty_is_on_what_its_name_says(family, field):
    """All weights at 2, at a strength of 0.5: 1 for each weight by L1, 2 by L2."""
    section = {**MODELS[family], "regularization": {field: 0.5}}
    model = build_model(Experiment.model_validate({"data": {"type": "digits"}, "model": section}), "float32")
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 2.0))
    penalized = [
        int(np.prod(weight.shape))
        for weight in model.trainable_weights
        if weight.path.endswith(f"/{WHERE[field]}") and not weight.path.startswith(EXEMPT)
    ]
    assert penalized
    assert float(sum(model.losses)) == pytest.approx(sum(penalized) * (1 if field == "l1" else 2))
