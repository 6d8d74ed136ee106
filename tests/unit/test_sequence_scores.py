"""What models of pairs are scored by, against figures by hand and against sacreBLEU."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from deepcli.data.sources.pair_vocabulary import END
from deepcli.errors import DataError
from deepcli.evaluation.paired import compare_pair
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.evaluation.scores import take
from deepcli.evaluation.sequence_mistakes import SequenceExamples, chosen_pairs
from deepcli.evaluation.sequence_predictions import SequencePredictions, joined_lines, lines_of
from deepcli.nn.pair_losses import SequenceAccuracy, SequenceCrossentropy, SequencePerplexity, signed_sequence_nats

NAN = float("nan")


def predictions(nats, written=(), wanted=None, tokens=None):
    nats = np.asarray(nats, np.float32)
    wanted = [f"target {k}" for k in range(len(nats))] if wanted is None else wanted
    tokens = np.where(np.isnan(nats), 0, 5) if tokens is None else tokens
    sources = joined_lines([f"input {k}" for k in range(len(nats))])
    return SequencePredictions(
        np.arange(len(nats)), tokens, nats, sources, joined_lines(wanted), joined_lines(list(written))
    )


def test_scores_count_tokens_and_not_padding():
    found = predictions([[np.log(2), -np.log(8), NAN], [np.log(4), NAN, NAN]], ["target 0", "other"])
    values = take(found, "sequence_to_sequence").values
    assert values["perplexity"] == pytest.approx(4)  # the third root of 2 * 8 * 4
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["exact_match"] == 0.5
    assert take(found, "sequence_to_sequence").interval_notes["perplexity"] == "none: 2 pairs, 20 needed"
    unasked = take(predictions([[1.0]]), "sequence_to_sequence")
    assert np.isnan(unasked.values["exact_match"])
    assert unasked.interval_notes["bleu"] == "none: the model was not asked to write these targets"


def test_losses_and_metrics_leave_padding_out():
    rng = np.random.RandomState(0)
    logits = rng.normal(size=(2, 4, 5)).astype(np.float32)
    targets = np.array([[4, 1, END, 0], [2, END, 0, 0]])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    real = targets != 0
    costs = -np.log(np.take_along_axis(shares, targets[..., None], axis=-1)[..., 0])[real]
    assert float(SequenceCrossentropy()(targets, logits)) == pytest.approx(costs.mean(), rel=1e-5)
    smoothed = 0.9 * costs.mean() + 0.1 * -np.log(shares)[real].mean()
    assert float(SequenceCrossentropy(0.1)(targets, logits)) == pytest.approx(smoothed, rel=1e-5)
    perplexity, accuracy = SequencePerplexity(), SequenceAccuracy()
    for metric in (perplexity, accuracy):
        metric.update_state(targets, logits)
    right = (logits.argmax(axis=-1) == targets)[real]
    assert float(perplexity.result()) == pytest.approx(np.exp(costs.mean()), rel=1e-5)
    assert float(accuracy.result()) == pytest.approx(right.mean())
    kept = np.asarray(signed_sequence_nats(None)(targets, logits))
    assert np.array_equal(np.isnan(kept), ~real)
    np.testing.assert_allclose(kept[real], np.where(right, costs, -costs), rtol=1e-5)
    assert np.isnan(np.asarray(signed_sequence_nats(2)(targets, logits))[1, 0])


def test_bleu_and_chrf_are_those_of_sacrebleu_with_its_signature():
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.RandomState(0)
    words = ["ein", "Hund", "rennt", "durch", "Gras", "der", "alte", "Mann", "."]
    wanted = [" ".join(rng.choice(words, rng.randint(3, 12))) for _ in range(40)]
    written = [" ".join(word for word in line.split() if rng.rand() < 0.8) or "ein" for line in wanted]
    found = predictions(np.ones((40, 3)), written, wanted)
    scored = take(found, "sequence_to_sequence")
    assert scored.values["bleu"] == pytest.approx(sacrebleu.corpus_bleu(written, [wanted]).score, abs=1e-9)
    assert scored.values["chrf"] == pytest.approx(sacrebleu.corpus_chrf(written, [wanted]).score, abs=1e-9)
    low, high = scored.intervals["bleu"]
    assert low < scored.values["bleu"] < high
    assert "sacreBLEU nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:" in scored.interval_notes["bleu"]
    from deepcli.evaluation.sequence_scores import Bleu, _bleu

    whole = _bleu(Bleu()._counts(found).sum(axis=0, keepdims=True))
    assert whole[0] == pytest.approx(scored.values["bleu"], rel=1e-9)


def test_without_sacrebleu_its_scores_say_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    scored = take(predictions([[1.0], [2.0]], ["a", "b"]), "sequence_to_sequence")
    assert np.isnan(scored.values["bleu"])
    assert scored.interval_notes["chrf"] == "none: needs sacrebleu: pip install 'deepcli[translation]'"
    assert scored.values["exact_match"] == 0


def test_predictions_are_saved_read_and_put_in_another_order(tmp_path):
    found = predictions([[1.0, 2.0], [0.5, NAN], [0.1, NAN]], ["a", "zwei\u2028Zeilen", ""])
    found.save(tmp_path / "a.npz")
    again: Any = load_predictions(tmp_path / "a.npz")
    assert again.written == ["a", "zwei\u2028Zeilen", ""]
    turned = again.reordered(np.array([2, 0, 1]))
    assert turned.written == ["", "a", "zwei\u2028Zeilen"]
    assert turned.inputs == ["input 2", "input 0", "input 1"]
    assert turned.nats[1].tolist() == [1.0, 2.0]
    bad = dataclasses.replace(found, translations=joined_lines(["one"]))
    assert "1 lines for 3 pairs" in (bad.misfit or "")


def test_models_are_compared_pair_by_pair():
    rng = np.random.RandomState(0)
    nats = rng.gamma(2, 1, (60, 5))
    first, second = predictions(nats, ["x"] * 60), predictions(nats - 0.1 * rng.rand(60, 5), ["target 0"] * 60)
    compared: Any = compare_pair(first, second)
    assert compared.verdict == "better"
    assert compared.loss == pytest.approx(np.mean(np.abs(second.nats) - np.abs(first.nats)), abs=1e-6)
    low, high = compared.loss_interval
    assert low < compared.loss < high < 0
    assert compared.exact_match == pytest.approx(1 / 60)
    assert compare_pair(predictions(nats[:5]), predictions(nats[:5])).verdict == "too few pairs to decide"
    with pytest.raises(DataError):
        compare_pair(first, predictions(np.where(rng.rand(60, 5) < 0.5, NAN, nats), tokens=first.tokens))


def test_the_worst_typical_and_best_pairs_are_kept_for_reports(tmp_path):
    found = predictions(np.arange(1, 41, dtype=float)[:, None], [f"w{k}" for k in range(40)])
    kept = chosen_pairs(found)
    assert kept.ids[:2].tolist() == [39, 38]
    assert kept.ids[kept.groups == 2][:2].tolist() == [0, 1]
    assert lines_of(kept.texts)[:3] == ["input 39", "target 39", "w39"]
    kept = kept.with_attention(np.full((2, 3), 1 / 3), ["a", "b", "<end>", "c", "<end>"])
    kept.save(tmp_path / "m.npz")
    again = SequenceExamples.load(tmp_path / "m.npz")
    assert np.array_equal(again.attention, kept.attention)
    few = chosen_pairs(predictions([[1.0], [2.0]]))
    assert sorted(few.ids.tolist()) == [0, 1]
    np.savez(tmp_path / "bad.npz", **{**vars(kept), "labels": joined_lines(["a"])})
    with pytest.raises(DataError):
        SequenceExamples.load(tmp_path / "bad.npz")
