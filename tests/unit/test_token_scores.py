"""What language models are scored by, against figures by hand; and n-grams against a count of their own."""

from collections import Counter

import numpy as np
import pytest

from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.text_windows import TextWindows
from deepcli.data.schema import Target
from deepcli.data.signature import Signature
from deepcli.errors import DataError
from deepcli.evaluation.baselines import fit_baseline
from deepcli.evaluation.ngram_baseline import WittenBell
from deepcli.evaluation.paired import compare_pair
from deepcli.evaluation.paired_tokens import PairedTokens
from deepcli.evaluation.scores import take
from deepcli.evaluation.token_mistakes import TokenMistakes, worst_windows
from deepcli.evaluation.token_predictions import TokenPredictions
from deepcli.evaluation.unigrams import unigram_nats
from deepcli.nn.token_losses import PerplexityMean, TokenCrossentropy, signed_nats

NAN = float("nan")


def predictions(nats, characters=1.0, tokens=None):
    nats = np.asarray(nats, np.float32)
    tokens = np.ones(nats.shape, np.uint8) if tokens is None else tokens
    return TokenPredictions(np.arange(len(nats)), tokens, nats, np.array([characters]))


def test_scores_follow_from_the_probabilities_of_the_scored_tokens():
    found = predictions([[np.log(2), -np.log(8)], [NAN, np.log(4)]], characters=2.0)
    values = take(found, "language_model").values
    assert values["perplexity"] == pytest.approx(4)  # the third root of 2 * 8 * 4
    assert values["bits_per_character"] == pytest.approx((1 + 3 + 2) / 3 / 2)
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert take(found, "language_model").interval_notes["perplexity"].startswith("none: 3 tokens, 5,120 needed")


def test_what_is_kept_of_logits_says_the_cross_entropy_and_whether_the_answer_was_right():
    logits = np.array([[[2.0, 0, 0], [0, 1.0, 3.0], [0.5, 0, 0]]], np.float32)
    targets = np.array([[0, 1, 2]])
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum(axis=1, keepdims=True)
    costs = -np.log(shares[np.arange(3), targets[0]])
    kept = np.asarray(signed_nats(None)(targets, logits))[0]
    np.testing.assert_allclose(kept, costs * [1, -1, -1], rtol=1e-5)
    assert np.isnan(np.asarray(signed_nats(1)(targets, logits))[0]).tolist() == [False, True, False]
    metric = PerplexityMean()
    metric.update_state(targets, logits)
    assert float(metric.result()) == pytest.approx(np.exp(costs.mean()), rel=1e-5)
    assert float(TokenCrossentropy()(targets, logits)) == pytest.approx(costs.mean(), rel=1e-5)
    smoothed = 0.9 * costs.mean() + 0.1 * -np.log(shares).mean()
    assert float(TokenCrossentropy(0.1)(targets, logits)) == pytest.approx(smoothed, rel=1e-5)


def test_intervals_count_blocks_and_hold_the_truth_as_often_as_they_say():
    """Costs that depend on each other over some tokens: single tokens would give intervals that are far too short."""
    rng, held = np.random.RandomState(0), 0
    for _ in range(200):
        level = np.repeat(rng.normal(0, 0.5, 16_384 // 64), 64)  # a passage is hard or easy
        costs = np.abs(2 + level + rng.normal(0, 0.5, len(level)))
        ends = predictions(costs.reshape(-1, 64)).mean_interval(costs.reshape(-1, 64))
        held += ends[0] <= 2 <= ends[1]
    assert 182 <= held <= 199


def test_models_are_compared_by_what_each_token_costs():
    rng = np.random.RandomState(0)
    costs = np.abs(rng.normal(2, 0.5, (200, 64)))
    first, second = predictions(costs), predictions(costs - 0.01 - 0.1 * rng.rand(200, 64))
    pair = compare_pair(first, second)
    assert isinstance(pair, PairedTokens)
    assert pair.loss == pytest.approx(-0.06, abs=0.002) and pair.verdict == "better"
    assert pair.loss_interval[0] < pair.loss < pair.loss_interval[1] < 0
    assert compare_pair(second, first).verdict == "worse" and compare_pair(first, first).verdict == "within noise"
    few = compare_pair(predictions(costs[:5]), predictions(costs[:5] - 0.1))
    assert few.verdict == "too few tokens to decide"
    with pytest.raises(DataError, match="different examples"):
        compare_pair(first, predictions(costs, tokens=np.zeros((200, 64), np.uint8)))


def test_the_worst_windows_are_those_with_the_highest_mean(tmp_path):
    found = predictions([[1, -1], [NAN, -5], [NAN, NAN], [-2, -2]])
    worst = worst_windows(found)
    assert worst.ids.tolist() == [1, 3, 0] and worst.errors.tolist() == [5, 2, 1]
    worst.save(tmp_path / "m.npz")
    assert TokenMistakes.load(tmp_path / "m.npz").ids.tolist() == [1, 3, 0]


def test_shares_of_tokens_are_the_trivial_prediction():
    found = unigram_nats(np.array([[1, 1], [1, 2]]), np.array([[1, 2, 3, 0]]), 4, 0)
    expected = [np.log(7 / 4), -np.log(7 / 2), -np.log(7 / 1), NAN]  # one is added to each of three counts
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_witten_bell_is_as_by_hand():
    """The text a b a b a c: after `a` come b, b, c; P(b) from 2 of 6 and P(c) from 1 of 6, with three kinds."""
    model = WittenBell(np.array([0, 1, 0, 1, 0, 2]), vocabulary=4, n=2)
    text = np.array([0, 1, 2, 3])
    p_b = (2 + 3 / 4) / (6 + 3)
    after_a = (2 + 2 * p_b) / (3 + 2)  # two kinds follow
    p_c = (1 + 3 / 4) / (6 + 3)
    after_b = (0 + 1 * p_c) / (2 + 1)  # only `a` follows
    p_d = (0 + 3 / 4) / (6 + 3)  # nothing followed c, so that only its own share counts
    found = model.nats(text, np.array([1, 2, 3]))
    np.testing.assert_allclose(np.abs(found), -np.log([after_a, after_b, p_d]), rtol=1e-6)
    assert np.signbit(found).tolist() == [False, True, True]


def slow_witten_bell(train, text, place, n, vocabulary):
    chance = np.full(vocabulary, 1 / vocabulary)
    for length in range(n):
        context = tuple(text[place - length : place])
        follows = Counter(train[k] for k in range(length, len(train)) if tuple(train[k - length : k]) == context)
        if place >= length and follows:
            counts = np.array([follows[k] for k in range(vocabulary)])
            chance = (counts + len(follows) * chance) / (counts.sum() + len(follows))
    return chance


def test_witten_bell_is_a_distribution_and_equals_a_slow_count():
    rng = np.random.RandomState(0)
    train, text = rng.choice(5, 300, p=[0.4, 0.3, 0.15, 0.1, 0.05]), rng.choice(5, 40)
    places = np.arange(len(text))
    found = WittenBell(train, 5, 3).nats(text, places)
    right = 0
    for place in places:
        chance = slow_witten_bell(train, text, place, 3, 5)
        assert chance.sum() == pytest.approx(1)
        assert abs(found[place]) == pytest.approx(-np.log(chance[text[place]]), rel=1e-5)
        right += np.signbit(found[place]) == (chance.argmax() != text[place])
    assert right >= 38  # the likeliest is looked for among those that followed most often


def test_the_baseline_learns_from_training_and_chooses_its_length_on_validation():
    rng = np.random.RandomState(0)
    tokens = (np.arange(4000) + (rng.rand(4000) < 0.1)).astype(np.uint8) % 4 + 1
    signature = Signature("text", (20,), 5, 100, 5, target=Target(kind="tokens"), unscored=0)
    train, held = (
        Split.of_text(TextWindows(tokens, places, 20)) for places in (range(0, 2000, 20), range(2000, 3900, 20))
    )
    fitted = fit_baseline("ngram", signature, train, held)
    found = fitted.outputs(held)
    assert found.shape == held.y.shape
    assert np.abs(found).mean() < 0.7 < np.abs(unigram_nats(train.y, held.y, 5, 0)).mean()
    assert "chosen on validation" in fitted.notes[0]


def test_n_grams_see_no_token_before_the_window():
    """As a network does, so that both are compared on the same text."""
    tokens = np.tile(np.array([1, 1, 2, 2], np.uint8), 500)  # the next token follows from two, not from one
    signature = Signature("text", (4,), 3, 100, 3, target=Target(kind="tokens"), unscored=0)
    split = Split.of_text(TextWindows(tokens, range(0, 1900, 4), 4))
    costs = np.abs(fit_baseline("ngram", signature, split, split).outputs(split)).mean(axis=0)
    assert costs[0] == pytest.approx(np.log(2), abs=0.02) and (costs[1:] < 0.02).all()
