"""Classes of series: what is behind the end of a series changes nothing, in every family that takes series."""

import numpy as np
import pytest

from deepcli.data.schema import Column
from deepcli.data.signature import Signature
from deepcli.models import MODELS
from deepcli.optim import LOSSES
from deepcli.tasks import TASKS

COLUMNS = tuple(Column(name=f"column_{k}", type="number", mean=0.5, scale=2.0) for k in range(2))
FAMILIES = {
    "cnn": {"filters": [4, 4], "kernel_size": 4, "strides": 2},
    "cnn-causal": {"filters": [4, 4], "padding": "causal", "dilation_growth": 2, "global_pooling": "average"},
    "lstm": {"units": [4], "bidirectional": True, "regularization": {"normalization": "layer"}},
    "transformer": {
        "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "patch_size": 3, "positions": "sinusoidal", "pooling": "cls"
    },
}  # fmt: skip


def built(name, steps):
    signature = Signature("series", (steps, 2), 3, 24, columns=COLUMNS)
    spec = MODELS.select({"type": name.partition("-")[0], **FAMILIES[name]})
    assert not list(spec.issues(signature))
    task = TASKS.select("classification")
    return spec.build(signature, task.head(task.choose_loss(LOSSES.select("auto"), signature), signature))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_padded_series_is_answered_like_one_that_is_not(name):
    model, shorter = built(name, 12), built(name, 6)
    shorter.set_weights(model.get_weights())
    series = np.random.RandomState(0).normal(size=(5, 6, 2)).astype(np.float32)
    padded = np.full((5, 12, 2), np.nan, np.float32)
    padded[:, :6] = series
    np.testing.assert_allclose(model(padded), shorter(series), atol=1e-6)
    longer = padded.copy()
    longer[:, 6] = 1.0
    assert not np.allclose(model(longer), model(padded), atol=1e-6)


def test_a_forecast_is_refused_for_classes():
    signature = Signature("series", (12, 2), 3, 24, columns=COLUMNS)
    ((place, why),) = MODELS.select("linear").issues(signature)
    assert place == ("type",) and "these series have classes" in why
    ((place, why),) = MODELS.select({"type": "gru", "revin": True}).issues(signature)
    assert place == ("revin",) and why == "is for forecasting; these data are series with classes"
