"""The real MNIST and IMDB, through the command line, for a few steps; and the digits run in full."""

import json
import os
from pathlib import Path

import numpy as np
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
def test_raw_reviews_are_read_as_their_ids_are(cli):
    """Reviews of the test split, spelled out with all their words, get the probabilities that they got as ids."""
    words = ["data.limit=3000", "training.epochs=1", "optimizer.learning_rate=1e-2", "-o", "run", "-q"]
    assert cli("train", CONFIGS / "imdb" / "mlp.yaml", *words).code == 0
    folder = Path(os.environ["DEEPCLI_DATA_DIR"])
    lexicon = {rank: word for word, rank in json.loads((folder / "imdb_word_index.json").read_text()).items()}
    with np.load(folder / "imdb.npz", allow_pickle=True) as file:
        reviews = file["x_test"]
    kept = np.load("run/predictions-test.npz")
    chosen = kept["ids"][:200].tolist()
    Path("raw.txt").write_text("\n".join(" ".join(lexicon[rank] for rank in reviews[k]) for k in chosen))
    done = cli("predict", "run", "raw.txt", "--lines", "--json", "--probabilities")
    said = [json.loads(line)["classes"][1]["probability"] for line in done.out.splitlines()]
    assert np.abs(np.array(said) - kept["probabilities"][:200, 0]).max() < 1e-3  # bfloat16 rounds batches apart
    assert np.mean(np.array(said) > 0.5) == np.mean(kept["probabilities"][:200, 0] > 0.5)


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
