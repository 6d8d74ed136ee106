"""Embeddings that start from a file of word vectors."""

import numpy as np
import pytest

from deepcli.data.arrays.splits import Provenance, Split, Splits, Tokens
from deepcli.data.lexicon import Lexicon
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.models import MODELS
from deepcli.models.base import Embedded, Start
from deepcli.models.heads import Head

pytest.importorskip("deepcli.data.arrays.pretrained_vectors")

WORDS = ("", "<start>", "<unknown>", "", "good", "bad", "film", "zzz")
SIGNATURE = Signature("tokens", (6,), 2, 3, vocabulary=len(WORDS))
TEXTS = Split(Tokens(np.array([4, 5, 6], np.int32), np.array([0, 1, 2, 3])), np.array([0, 1, 0]), np.arange(3))
SPLITS = Splits(TEXTS, None, TEXTS, Provenance("", True, ""), lambda: Lexicon(WORDS))
VECTORS = {"bad": [5, 6, 7, 8], "good": [1, 2, 3, 4], "unheard-of": [9, 9, 9, 9]}
FAMILIES = sorted(name for name in MODELS if issubclass(MODELS[name], Embedded))


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in VECTORS.items()))
    return path


def family_of(name, path, **fields):
    wide = {"hidden_dim": 4, "num_heads": 2, "num_layers": 1} if name == "transformer" else {"embedding_dim": 4}
    section = {"embeddings": {"path": str(path), **fields}}
    return MODELS[name].model_validate({**wide, **section})


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_words_starts_from_the_vectors(name, glove):
    family = family_of(name, glove)
    notes: list[str] = []
    assert not list(family.issues(SIGNATURE))
    model = family.build(SIGNATURE, Head(1, "sigmoid"))
    before = np.array(model.get_layer("embedding").embeddings)
    family.begin(model, Start(SIGNATURE, SPLITS, note=notes.append))
    found = np.array(model.get_layer("embedding").embeddings)
    np.testing.assert_array_equal(found[[4, 5]], [VECTORS["good"], VECTORS["bad"]])
    np.testing.assert_array_equal(found[[0, 1, 2, 3, 6, 7]], before[[0, 1, 2, 3, 6, 7]])
    assert notes == [f"word vectors: 2 of 4 words (50%) are in {glove}; the others start at random"]


@pytest.mark.parametrize("trainable", [True, False])
def test_vectors_are_kept_or_trained(glove, trainable):
    model = family_of("mlp", glove, trainable=trainable).build(SIGNATURE, Head(1, "sigmoid"))
    assert any("embedding" in weight.path for weight in model.trainable_variables) is trainable


@pytest.mark.parametrize(("name", "field"), [("lstm", "embedding_dim"), ("transformer", "hidden_dim")])
def test_another_width_names_both(name, field, glove):
    wide = {"hidden_dim": 8} if name == "transformer" else {}
    family = MODELS[name].model_validate({**wide, "embeddings": {"path": str(glove)}})
    model, width = family.build(SIGNATURE, Head(1, "sigmoid")), 8 if name == "transformer" else 64
    with pytest.raises(DataError, match=f"glove.txt have 4 numbers, and model.{field} is {width}; set model.{field}=4"):
        family.begin(model, Start(SIGNATURE, SPLITS))


def test_data_without_words_are_refused(glove):
    family = family_of("mlp", glove)
    silent = Splits(TEXTS, None, TEXTS, Provenance("", True, ""))
    with pytest.raises(DataError, match=r"model\.embeddings: the words of these data are not on this machine"):
        family.begin(family.build(SIGNATURE, Head(1, "sigmoid")), Start(SIGNATURE, silent))


def test_what_has_no_embedding_refuses_vectors(glove):
    images = Signature("image", (8, 8, 1), 2, 10)
    assert (("embeddings",), "is for tokens; these data are images") in list(family_of("cnn", glove).issues(images))
    one_hot = MODELS["cnn"].model_validate({"one_hot": True, "embeddings": {"path": str(glove)}})
    assert (("embeddings",), "with `one_hot: true` there is no embedding") in list(one_hot.issues(SIGNATURE))


def test_a_run_does_not_need_the_file_afterwards(glove, tmp_path, tiny_imdb, spec):
    """Neither to resume nor to evaluate: checkpoints hold the vectors."""
    from deepcli import train

    words = tiny_imdb.parent / "imdb_word_index.json"
    words.write_text('{"good": 1, "bad": 2}')
    path = spec(
        f"data: {{type: imdb, path: {tiny_imdb}, num_words: 40, maxlen: 8, limit: 48, batch_size: 16}}\n"
        f"model: {{type: mlp, embedding_dim: 4, embeddings: {{path: {glove}, trainable: false}}}}\n"
    )
    run = train(path, "training.epochs=1", output=tmp_path / "run", progress=False)
    glove.unlink()
    resumed = train("training.epochs=2", resume=run, progress=False)
    assert resumed.result.epochs == 2
    with pytest.raises(DataError, match=r"glove\.txt"):
        train(path, "training.epochs=1", output=tmp_path / "new", progress=False)
