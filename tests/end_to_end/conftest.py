"""Small runs that several files of tests use: trained once a file."""

import json
import sys

import pytest


def trained(folder, *words):
    from deepcli.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["deepcli", "train", *map(str, words), "--output", str(folder), "--quiet"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run that knows a few digits."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "spec.yaml").write_text("data: {type: digits, limit: 600}\nmodel: mlp\ntraining: {epochs: 8}\n")
    return trained(folder / "digits run", folder / "spec.yaml")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory, tiny_imdb):
    """A run that knows that rank 5, `don't`, is blame, and rank 6, `great`, is praise."""
    folder = tmp_path_factory.mktemp("runs")
    words = {f"word{rank}": rank for rank in range(1, 201)} | {"don't": 5, "great": 6}
    del words["word5"], words["word6"]
    (folder / "imdb_word_index.json").write_text(json.dumps(words))
    (folder / "imdb.npz").write_bytes(tiny_imdb.read_bytes())
    (folder / "spec.yaml").write_text(
        f"data: {{type: imdb, path: '{folder}', num_words: 150}}\nmodel: ngram\ntraining: {{epochs: 12}}\n"
    )
    return trained(folder / "reviews", folder / "spec.yaml")
