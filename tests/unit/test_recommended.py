"""What suits own data: `deepcli train PATH` trains it, and an override of the model changes what goes with it."""

import csv

import numpy as np
import pytest
from PIL import Image

from deepcli.catalog.recommended import recommend

from .. import own_files


def folder_of(path, side):
    """Write pictures of a size, four of each class."""
    r = np.random.default_rng(0)
    for label in ("a", "b"):
        (path / label).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(r.integers(0, 256, (side, side, 3), np.uint8)).save(path / label / f"{number}.png")
    return {"path": str(path)}


@pytest.fixture
def messages(tmp_path):
    return {"path": str(own_files.texts(tmp_path / "letters"))}


def test_classes_of_texts_get_a_bag_of_words_and_pairs(messages):
    found = recommend(messages)
    assert (found["model"]["type"], found["model"]["ngrams"]) == ("ngram", 2)
    assert found["optimizer"] == {"type": "adam", "learning_rate": 0.05}


@pytest.mark.parametrize("word", ["model=gru", "model.type=cnn"])
def test_another_model_of_texts_gets_a_rate_for_networks(messages, word):
    found = recommend(messages, [word])
    assert found["optimizer"] == {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01}
    assert "early_stopping" in found["training"]


def test_characters_get_a_network(messages):
    assert recommend({**messages, "tokens": "characters"})["model"]["type"] == "cnn"


def test_labels_of_texts_get_a_network(tmp_path):
    own_files.labelled(tmp_path / "topics.tsv")
    found = recommend({"path": str(tmp_path / "topics.tsv")}, ["data.target=topics"])
    assert found["model"]["type"] == "cnn" and found["optimizer"]["learning_rate"] == 1e-3


def test_one_word_a_text_has_no_pairs(tmp_path):
    with (tmp_path / "names.csv").open("w", newline="") as file:
        rows = [(word, kind) for kind, start in (("a", "x"), ("b", "y")) for word in (f"{start}{k}" for k in range(40))]
        csv.writer(file).writerows([("name", "kind"), *rows])
    data = {
        "path": str(tmp_path / "names.csv"),
        "target": "kind",
        "columns": {"name": "text"},
        "input": "name",
        "maxlen": 1,
    }
    assert recommend(data)["model"]["ngrams"] == 1


@pytest.mark.parametrize(("side", "filters"), [(16, [32, 64]), (32, [32, 64, 128]), (64, [16, 32, 64, 128])])
def test_larger_pictures_get_more_blocks_and_a_narrow_first_one(tmp_path, side, filters):
    found = recommend(folder_of(tmp_path / "photos", side))
    assert found["model"]["filters"] == filters
    assert found["optimizer"]["learning_rate"] == 3e-3 and "early_stopping" not in found["training"]
    assert recommend(folder_of(tmp_path / "more", side), ["model=lstm"])["optimizer"]["learning_rate"] == 1e-3
