"""Thresholds and temperatures are the best on validation, by other ways of computing them, and change what they should."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn import metrics

from deepcli.data.signature import Signature
from deepcli.errors import DataError, UsageError
from deepcli.evaluation.calibration import TemperatureFit, calibrated, fit_temperature, tempered, tempered_threshold
from deepcli.evaluation.decided_predictions import DecidedPredictions
from deepcli.evaluation.predictions import Predictions
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.evaluation.scores import take
from deepcli.evaluation.thresholds import choose_threshold
from deepcli.export.portable import Portable, with_temperature
from deepcli.formats import FORMATS
from deepcli.tasks import TASKS
from deepcli.tasks.choices import Choices


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def said(labels, outputs):
    return Predictions(np.arange(len(labels)), np.asarray(labels, np.int32), np.asarray(outputs, np.float32))


def rare(units, count=400, seed=0):
    """Draw two classes, one of which is rare, with outputs of one unit or two."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < 0.2).astype(np.int32)
    p = 1 / (1 + np.exp(-rng.normal(2 * labels - 2.5, 1.2)))
    return said(labels, p[:, None] if units == 1 else np.stack([1 - p, p], axis=1))


def drawn_from(logits, factor, seed=0):
    """Draw labels from the distribution of logits, and outputs that are too confident by a factor."""
    rng = np.random.default_rng(seed)
    shares = softmax(logits)
    labels = (rng.random((len(logits), 1)) > shares.cumsum(axis=1)).sum(axis=1).clip(0, logits.shape[1] - 1)
    outputs = softmax(logits * factor)
    return said(labels, outputs[:, 1:] if logits.shape[1] == 2 else outputs)


UNITS = pytest.mark.parametrize("units", [1, 2])
CLASSES = pytest.mark.parametrize("classes", [2, 4])


class TestThresholds:
    @UNITS
    def test_no_threshold_has_a_better_f1(self, units):
        one = rare(units, 100)
        p = one.by_class[:, 1]
        best = max(metrics.f1_score(one.labels, p >= candidate) for candidate in np.unique(p))
        chosen = choose_threshold(one)
        assert metrics.f1_score(one.labels, p >= chosen) == best > metrics.f1_score(one.labels, p >= 0.5)

    @UNITS
    def test_scores_of_answers_follow_it_and_those_of_probabilities_do_not(self, units):
        one = rare(units)
        at = DecidedPredictions(one.ids, one.labels, one.probabilities, 0.2)
        answers = (one.by_class[:, 1] >= 0.2).astype(int)
        plain, found = take(one), take(at)
        assert found.values["accuracy"] == metrics.accuracy_score(one.labels, answers) != plain.values["accuracy"]
        assert found.values["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(one.labels, answers))
        assert found.values["mcc"] == pytest.approx(metrics.matthews_corrcoef(one.labels, answers))
        assert found.confusion_matrix == metrics.confusion_matrix(one.labels, answers).tolist()
        assert found.classes[1].f1 == pytest.approx(metrics.f1_score(one.labels, answers))
        same = ("log_loss", "brier", "ece", "roc_auc", "pr_auc", "average_precision")
        assert [found.values[name] for name in same] == [plain.values[name] for name in same]

    def test_an_output_that_equals_it_reaches_it_also_in_float32(self):
        for threshold in (0.1, 0.3, 0.7, 0.9):
            one = DecidedPredictions(
                np.arange(1), np.zeros(1, np.int32), np.array([[threshold]], np.float32), threshold
            )
            assert one.answers.tolist() == [1]

    def test_what_is_saved_are_the_plain_predictions(self, tmp_path):
        one = rare(1)
        DecidedPredictions(one.ids, one.labels, one.probabilities, 0.3).save(tmp_path / "a.npz")
        loaded: Any = load_predictions(tmp_path / "a.npz")
        assert type(loaded) is Predictions
        assert (loaded.probabilities == one.probabilities).all()

    def test_without_an_example_of_the_class_none_is_best(self):
        task, one = TASKS.select("classification"), rare(1)
        with pytest.raises(DataError, match="no example of the second class"):
            task.decide(one, None, said(np.zeros(5), np.full((5, 1), 0.4)))
        with pytest.raises(DataError, match="not probabilities"):
            task.decide(said([0, 1], [[2.0, -1.0], [0.5, 3.0]]), 0.3, None)


class TestTemperatures:
    @CLASSES
    @pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
    def test_dividing_the_logits_of_probabilities_is_dividing_those_of_the_model(self, classes, temperature):
        logits = np.random.default_rng(1).normal(0, 3, (200, classes))
        outputs, expected = softmax(logits), softmax(logits / temperature)
        if classes == 2:
            one = tempered(outputs[:, 1:].astype(np.float32), temperature)
            assert one == pytest.approx(expected[:, 1:], abs=1e-4)  # near 1, a float32 has few digits left
        assert tempered(outputs.astype(np.float32), temperature) == pytest.approx(expected, abs=1e-6)

    @CLASSES
    def test_the_fit_minimizes_log_loss(self, classes):
        one = drawn_from(np.random.default_rng(2).normal(0, 1.5, (500, classes)), 2.0)

        def loss(logarithm):
            return metrics.log_loss(one.labels, calibrated(one, np.exp(logarithm)).by_class)

        expected = np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded", options={"xatol": 1e-9}).x)
        assert fit_temperature(one).temperature == pytest.approx(expected, rel=1e-5)

    @CLASSES
    def test_the_interval_holds_the_factor_of_confidence_as_often_as_it_says(self, classes):
        logits = np.random.default_rng(3).normal(0, 2, (300, classes))
        fits = [fit_temperature(drawn_from(logits, 3.0, seed)) for seed in range(200)]
        held = [low <= 3 <= high for low, high in (fit.interval for fit in fits)]
        assert 0.91 <= np.mean(held) <= 0.985

    @CLASSES
    def test_answers_stay_and_probabilities_become_better(self, classes):
        logits = np.random.default_rng(4).normal(0, 2, (4000, classes))
        validation, test = drawn_from(logits[:2000], 3.0, 1), drawn_from(logits[2000:], 3.0, 2)
        after = calibrated(test, fit_temperature(validation).temperature)
        assert (after.answers == test.answers).all()
        plain, better = take(test).values, take(after).values
        assert better["accuracy"] == plain["accuracy"]
        assert all(better[name] < 0.9 * plain[name] for name in ("log_loss", "brier", "ece"))
        assert better["ece"] < 0.3 * plain["ece"]

    def test_a_model_that_is_never_wrong_determines_none(self):
        labels = np.arange(60) % 3
        fit = fit_temperature(said(labels, 0.1 + 0.7 * np.eye(3)[labels]))
        assert (fit.interval, fit.wrong, fit.examples) == (None, 0, 60)
        assert "at an end of the range" in fit.caveat

    def test_caveats_say_what_is_uncertain(self):
        logits = np.random.default_rng(5).normal(0, 2, (2000, 3))
        assert "not distinguishable from 1" in fit_temperature(drawn_from(logits, 1.0)).caveat
        assert fit_temperature(drawn_from(logits, 3.0)).caveat is None
        sure = drawn_from(logits[:200] * 4, 0.25)
        right = sure.answers == sure.labels
        kept = np.flatnonzero(right)[:100].tolist() + np.flatnonzero(~right)[:3].tolist()
        assert fit_temperature(said(sure.labels[kept], sure.probabilities[kept])).caveat.startswith("3 wrong answers")

    def test_a_threshold_moves_with_the_probabilities(self):
        one = rare(1)
        for threshold in (0.1, 0.5, 0.9):
            moved = tempered_threshold(threshold, 2.5)
            both = (one.by_class[:, 1] >= threshold), (calibrated(one, 2.5).by_class[:, 1] >= moved)
            assert (both[0] == both[1]).all()
            assert tempered_threshold(moved, 1 / 2.5) == pytest.approx(threshold)

    @pytest.mark.parametrize(
        "outputs",
        [[[0.0], [1.0], [0.3], [1e-12]], [[0.0, 1.0, 0.0], [1e-40, 0.5, 0.5], [0.2, 0.3, 0.5]]],
        ids=["one unit", "three units"],
    )
    def test_the_layer_of_exports_says_the_same_also_where_float32_has_no_more_digits(self, outputs):
        import keras

        from deepcli.nn.output_layers import Temperature

        x: Any = np.array(outputs, np.float32)
        for temperature in (0.5, 4.0):
            layer = Temperature(temperature)
            found = np.asarray(layer(x))
            assert np.isfinite(found).all()
            assert found == pytest.approx(tempered(x, temperature), abs=2e-6)
            again = keras.layers.deserialize(keras.layers.serialize(layer))
            assert again.temperature == temperature
        assert tempered(np.array([[1.0], [0.0]], np.float32), 4.0)[:, 0].sum() == pytest.approx(1)  # both ends alike


class TestWords:
    @pytest.mark.parametrize("value", ["maybe", "best", 0, 1, "1.5", "nan", "-0.1"])
    def test_a_threshold_that_is_no_probability(self, value):
        with pytest.raises(UsageError, match="--threshold: should be a probability"):
            Choices.of(value, False)

    def test_what_is_chosen_on_validation(self):
        options = [Choices.of(*asked).on_validation for asked in ((0.3, False), ("best-f1", False), (0.3, True))]
        assert options == [None, "--threshold best-f1", "--calibrate"]
        assert Choices.of(None, False) == Choices()

    @pytest.mark.parametrize(
        ("task", "classes", "threshold", "temperature"),
        [
            ("classification", 2, None, None),
            ("classification", 10, "10 classes, the likeliest of which is the answer", None),
            ("multilabel", 2, None, "labels have a threshold each"),
            ("ordinal", 2, "ordinal answers the median level", "could change the answers of ordinal"),
            ("regression", 2, "regression answers without a threshold", "regression has no probabilities of classes"),
            ("forecasting", 2, "forecasting answers without", "forecasting has no probabilities of classes"),
            ("sequence_to_sequence", 9, "sequence_to_sequence answers without", "has no probabilities of classes"),
            ("language_model", 9, "language_model answers without", "language_model has no probabilities of classes"),
            (
                "reconstruction",
                2,
                "reconstruction answers without a threshold",
                "reconstruction has no probabilities of",
            ),
        ],
    )
    def test_each_task_says_whether_it_has_a_threshold_and_a_temperature(self, task, classes, threshold, temperature):
        signature = Signature("image", (4, 4, 1), classes, 300)
        for choices, why in (
            (Choices(decide=True), threshold),
            (Choices(decide=True, threshold=0.3), threshold),
            (Choices(calibrate=True), temperature),
        ):
            with pytest.raises(UsageError, match=why) if why else contextlib.nullcontext():
                choices.check(TASKS.select(task), signature)

    def test_nothing_is_chosen_where_there_is_no_validation_split(self):
        class Whole:
            validation = None

        splits: Any = Whole()
        assert Choices(decide=True, threshold=0.3).validation(splits) is None
        for choices in (Choices(decide=True), Choices(calibrate=True)):
            with pytest.raises(UsageError, match="no validation split, and nothing is chosen on the test split"):
                choices.validation(splits)


def test_every_task_is_asked_for_both():
    others = ("forecasting", "language_model", "reconstruction", "sequence_to_sequence")
    assert set(TASKS) - {"auto"} == {"classification", "multilabel", "ordinal", "regression", *others}


@pytest.mark.parametrize("units", [1, 3])
def test_every_export_format_says_the_calibrated_probabilities_of_the_model(units, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="features")
    outputs = keras.layers.Dense(units, "sigmoid" if units == 1 else "softmax", kernel_initializer="he_normal")(inputs)
    model = keras.Model(inputs, outputs)
    fit = TemperatureFit(2.5, (2.0, 3.0), 100, 20)
    portable = with_temperature(Portable(model, None), fit)
    x = np.random.default_rng(0).normal(0, 3, (20, 4)).astype(np.float32)
    plain = np.asarray(model(x))
    expected = tempered(plain, 2.5)
    assert np.abs(expected - plain).max() > 0.05
    for name in FORMATS:
        format_ = FORMATS.select(name)
        if any(importlib.util.find_spec(package) is None for package in format_.packages):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the converters, about themselves
            format_.write(portable, tmp_path / format_.file)
            found = format_.open(tmp_path / format_.file, "features")(x)
        assert found == pytest.approx(expected, abs=1e-5), name
