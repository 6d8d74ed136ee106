"""Where each value of a spec was written: files, the command line, short forms, sweeps; the others are defaults."""

import pytest

from deepcli.api.loading import load_parts
from deepcli.experiment.load import dump
from deepcli.experiment.origins import PROGRAM
from deepcli.spec import yaml12
from deepcli.spec.trees import flat
from deepcli.sweeps.load import load_sweep

BASE = """\
data: digits
model:
  type: mlp
  activation: tanh
  hidden_units: [8, 4]
training: {epochs: 3}
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(BASE, encoding="utf-8")
    return "a.yaml"


def test_each_value_that_is_set_has_its_place_and_no_other(spec, tmp_path):
    (tmp_path / "b.yaml").write_text("training:\n  epochs: 4\nmetrics: [accuracy]\n", encoding="utf-8")
    found = load_parts([spec, "b.yaml", "optimizer=sgd", "training.early_stopping.patience=2"]).origins
    assert found == {
        "data.type": "a.yaml:1:7",
        "model.type": "a.yaml:3:9",
        "model.activation.type": "a.yaml:4:15",
        "model.hidden_units": "a.yaml:5:17",
        "training.epochs": "b.yaml:2:11",
        "metrics": "b.yaml:3:10",
        "training.early_stopping.patience": "command line",
        "optimizer.type": "command line",
    }


def test_every_key_is_one_of_the_resolved_spec(spec):
    loaded = load_parts([spec, "optimizer=sgd", "schedule={type: cosine, warmup: 0.1}", "model.regularization.l2=1e-4"])
    resolved = dict(flat(yaml12.quick(dump(loaded.experiment))))
    assert set(loaded.origins) <= set(resolved)


def test_values_of_a_program_have_no_file():
    found = load_parts([{"data": "digits", "model": {"type": "mlp"}}, "seed=3"]).origins
    assert found["model.type"] == found["data.type"] == PROGRAM and found["seed"] == "command line"


def test_a_sweep_says_what_it_varies(spec):
    plan = load_sweep([spec, "model.activation=[relu, tanh]"], [], (), {}, {"optimizer.learning_rate": [0.1, 0.2]})
    found = plan.origins({"optimizer.learning_rate": 0.1, "model.activation": "relu"})
    assert found["optimizer.learning_rate"] == found["model.activation.type"] == "the sweep"
    assert found["model.hidden_units"] == "a.yaml:5:17" and "seed" not in found
    stored = type(plan).from_json(plan.to_json())
    assert stored.origins({"optimizer.learning_rate": 0.1})["model.hidden_units"] == "the spec of the sweep"


def test_a_sweep_over_seeds_sets_them(spec):
    plan = load_sweep([spec], [], (), {"seeds": 3}, {"optimizer.learning_rate": [0.1, 0.2]})
    assert plan.origins({"optimizer.learning_rate": 0.1})["seed"] == "the sweep"
