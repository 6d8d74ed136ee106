"""Models of running text: no output depends on a later token, and a step at a time gives what the whole gives."""

from pathlib import Path

import numpy as np
import pytest

from deepcli.evaluation.sampling import Sampling
from deepcli.experiment.schema import Experiment
from deepcli.training.build import build_model
from deepcli.training.continuation import Continuation
from deepcli.training.device import choose
from deepcli.training.evaluate import LoadedModel
from deepcli.training.tensorflow_backend import TensorFlowBackend
from tests import own_files

SMALL = {"type": "transformer", "num_layers": 2, "num_heads": 2, "hidden_dim": 8}
MODELS = {
    "learned": SMALL,
    "sinusoidal, post-norm": {**SMALL, "positions": "sinusoidal", "normalize_first": False},
    "rotary, tied": {**SMALL, "positions": "rotary", "tie_embeddings": True, "regularization": {"dropout": 0.5}},
    "rnn": {"type": "rnn", "units": [6]},
    "lstm": {"type": "lstm", "units": [6, 5], "regularization": {"normalization": "layer", "dropout": 0.5}},
    "gru": {"type": "gru", "units": [6, 5], "regularization": {"normalization": "batch", "recurrent_dropout": 0.5}},
}
WINDOW = 10
each = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    return own_files.running_text(tmp_path_factory.mktemp("text") / "book.txt")


def loaded(book, name, precision="float32") -> LoadedModel:
    data = {"type": "text", "path": str(book), "window": WINDOW}
    experiment = Experiment.model_validate({"data": data, "model": MODELS[name]})
    model = build_model(experiment, precision)
    rng = np.random.RandomState(0)
    for variable in model.trainable_variables:  # far from a symmetric start
        variable.assign(rng.normal(0, 0.5, variable.shape))
    device = choose(experiment.training)
    return LoadedModel(experiment, None, device, model, TensorFlowBackend(device.strategy))


def whole(model, tokens):
    """The logits of a whole window, (window, vocabulary)."""
    padded = np.zeros((1, WINDOW), np.int32)
    padded[0, : len(tokens)] = tokens
    return np.asarray(model.model(padded, training=False))[0]


@each
def test_no_output_depends_on_a_later_token(book, name):
    model, rng = loaded(book, name), np.random.RandomState(1)
    vocabulary = model.experiment.signature.vocabulary
    first, second = rng.randint(1, vocabulary, (2, WINDOW))
    second[:6] = first[:6]
    one, other = whole(model, first), whole(model, second)
    np.testing.assert_array_equal(one[:6], other[:6])
    assert np.abs(one[6:] - other[6:]).max() > 0.1


@each
def test_a_step_at_a_time_gives_the_logits_of_the_whole_window(book, name):
    model = loaded(book, name)
    run = model.backend.stepping(model.experiment.model.stepper(model.model, model.experiment.signature))
    tokens = np.random.RandomState(2).randint(1, model.experiment.signature.vocabulary, WINDOW).astype(np.int32)
    expected, state = whole(model, tokens), None
    for place in range(WINDOW):
        logits, state = run(tokens[None, place : place + 1], place, state)
        np.testing.assert_allclose(logits, expected[place], rtol=0, atol=1e-5)
    logits, state = run(tokens[None, :4], 0, None)  # several at once, then several more
    np.testing.assert_allclose(logits, expected[3], rtol=0, atol=1e-5)
    logits, _ = run(tokens[None, 4:9], 4, state)
    np.testing.assert_allclose(logits, expected[8], rtol=0, atol=1e-5)


@each
def test_a_step_at_a_time_is_as_near_as_half_precision_allows(book, name):
    tokens = np.arange(1, WINDOW + 1, dtype=np.int32)
    exact, model = loaded(book, name), loaded(book, name, "mixed_bfloat16")
    run, state = model.backend.stepping(model.experiment.model.stepper(model.model, model.experiment.signature)), None
    for place in range(WINDOW):
        logits, state = run(tokens[None, place : place + 1], place, state)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, whole(exact, tokens)[-1], rtol=0, atol=0.2)


def continuation(model):
    return Continuation(model.model, model.experiment, model.backend)


def drawn(model, prompt, count, **fields):
    tokens = continuation(model).tokens(prompt, Sampling(**fields), [7])
    return [next(tokens) for _ in range(count)]


@each
def test_a_text_of_any_length_is_that_of_a_loop_over_the_whole_model(book, name):
    """Beyond the window a transformer begins again with the latest half of it; a recurrent model never does."""
    model = loaded(book, name)
    prompt = [1, 2, 3]
    found = drawn(model, prompt, 40, temperature=0)
    if model.experiment.model.type == "transformer":
        context, expected = list(prompt), []
        for _ in range(40):
            expected.append(int(whole(model, context)[len(context) - 1].argmax()))
            context.append(expected[-1])
            if len(context) > WINDOW:
                context = context[-(WINDOW // 2) :]
        assert found == expected
    else:
        run = model.backend.stepping(model.experiment.model.stepper(model.model, model.experiment.signature))
        logits, _ = run(np.array([prompt + found[:-1]], np.int32), 0, None)
        assert int(logits.argmax()) == found[-1]


def test_equal_seeds_draw_equal_texts_and_others_do_not(book):
    model = loaded(book, "lstm")
    tokens = [
        [next(one) for _ in range(30)]
        for one in (continuation(model).tokens([1], Sampling(), seed) for seed in ([3], [3], [4]))
    ]
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_prompt_longer_than_the_window_counts_by_its_end(book):
    model = loaded(book, "learned")
    prompt = list(np.random.RandomState(3).randint(1, 10, 35))
    assert drawn(model, prompt, 5) == drawn(model, prompt[-WINDOW:], 5)


def test_probabilities_follow_temperature_and_what_may_be_drawn():
    logits = np.log(np.array([0.4, 0.3, 0.2, 0.1]))
    np.testing.assert_allclose(Sampling().probabilities(logits), [0.4, 0.3, 0.2, 0.1])
    squares = np.array([16, 9, 4, 1]) / 30
    np.testing.assert_allclose(Sampling(temperature=0.5).probabilities(logits), squares)
    assert Sampling(temperature=0).probabilities(logits).tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(Sampling(top_k=2).probabilities(logits), [4 / 7, 3 / 7, 0, 0])
    np.testing.assert_allclose(Sampling(top_p=0.6).probabilities(logits), [4 / 7, 3 / 7, 0, 0])
    np.testing.assert_allclose(Sampling(top_p=0.1).probabilities(logits), [1, 0, 0, 0])
    np.testing.assert_allclose(Sampling(top_k=3, top_p=0.95).probabilities(logits), [4 / 9, 3 / 9, 2 / 9, 0])
    np.testing.assert_allclose(Sampling(forbidden=[0]).probabilities(logits), [0, 3 / 6, 2 / 6, 1 / 6])
    assert Sampling(temperature=0, forbidden=[0]).draw(logits, np.random.RandomState(0)) == 1


def test_draws_have_the_shares_of_the_probabilities():
    rng, logits = np.random.RandomState(0), np.log(np.array([0.5, 0.3, 0.2]))
    drawn = [Sampling().draw(logits, rng) for _ in range(4000)]
    np.testing.assert_allclose(np.bincount(drawn) / 4000, [0.5, 0.3, 0.2], atol=0.03)
