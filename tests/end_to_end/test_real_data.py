"""The real MNIST and IMDB, through the command line, for a few steps; and the digits run in full."""

import json
from pathlib import Path

import pytest

CONFIGS = Path(__file__).parent.parent.parent / "configs"


def test_the_embedded_default_reaches_97_percent(cli):
    done = cli("train", CONFIGS / "digits" / "cnn.yaml", "-o", "run", "--json", "-q")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] >= 0.97


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("config", "overrides", "least"),
    [
        ("mnist/cnn", ["data.limit=6000", "training.epochs=4"], 0.93),
        ("imdb/mlp", ["data.limit=6000", "training.epochs=4"], 0.78),
    ],
)
def test_a_few_steps_on_real_data_already_learn(cli, config, overrides, least):
    done = cli("train", CONFIGS / f"{config}.yaml", *overrides, "-o", "run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] > least
    environment = json.loads(Path("run/environment.json").read_text())
    assert environment["data"]["verified"] is config.startswith("mnist")
    assert ("is not the published file" in done.err) is config.startswith("imdb")
    assert cli("evaluate", "run", "--split", "validation", "-q").code == 0


@pytest.mark.real_data
@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "least"),
    [
        ("mnist/cnn", 0.986),
        ("mnist/lstm", 0.98),
        ("mnist/gru", 0.98),
        ("mnist/transformer", 0.98),
        ("mnist/ngram", 0.97),
        ("imdb/fast", 0.91),
        ("imdb/mlp", 0.86),
        ("imdb/cnn", 0.86),
        ("imdb/transformer", 0.86),
        ("imdb/gru", 0.86),
        ("imdb/rnn", 0.80),
        ("imdb/lstm", 0.835),
    ],
)
def test_a_config_reaches_its_bar(cli, config, least):
    done = cli("train", CONFIGS / f"{config}.yaml", "-o", "run", "--json", "-q")
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] >= least
