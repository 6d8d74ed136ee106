"""Outputs that a model could have: their losses are those that theory gives to guessing and to right answers."""

import keras
import numpy as np
import pytest

from deepcli.api.loading import load_parts
from deepcli.evaluation.assumed_outputs import Assumption, assumed_numbers, assumed_outputs
from deepcli.training.build import build_loss

LABELS = np.array([0, 2, 1, 2])


def test_guessing_costs_the_logarithm_of_the_number_of_classes():
    outputs = assumed_outputs("classes", LABELS, 3, Assumption())
    assert outputs.dtype == np.float32 and outputs.shape == (4, 3)
    assert float(keras.losses.SparseCategoricalCrossentropy()(LABELS, outputs)) == pytest.approx(np.log(3))


def test_certainty_goes_from_guessing_to_the_targets():
    right = assumed_outputs("classes", LABELS, 3, Assumption(certainty=1.0))
    assert right.tolist() == np.eye(3)[LABELS].tolist()
    half = assumed_outputs("classes", LABELS, 3, Assumption(certainty=0.5))
    assert half[0].tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_one_output_is_the_probability_of_the_second_class_and_labels_are_each_their_own():
    targets = np.array([0, 1])
    assert assumed_outputs("classes", targets, 1, Assumption(0.5)).tolist() == [[0.25], [0.75]]
    labels = np.array([[1, 0], [0, 0]])
    assert assumed_outputs("labels", labels, 2, Assumption(0.5)).tolist() == [[0.75, 0.25], [0.25, 0.25]]


@pytest.mark.parametrize(("units", "activation"), [(3, "softmax"), (1, "sigmoid")])
def test_logits_are_those_whose_activation_gives_the_probabilities(units, activation):
    targets, noise = LABELS % (units + 1), np.random.RandomState(0).standard_normal((4, units))
    assumption = Assumption(0.3, noise)
    logits = assumed_outputs("classes", targets, units, assumption, logits=True)
    likely = assumed_outputs("classes", targets, units, assumption)
    assert np.asarray(keras.activations.get(activation)(logits)) == pytest.approx(likely, abs=1e-5)


def test_guessing_numbers_costs_their_variance_and_noise_adds_its_own():
    rng = np.random.RandomState(0)
    targets = rng.normal(50, 3, (4000, 1))
    means, scales = (float(targets.mean()),), (float(targets.std()),)
    for deviation, expected in ((0.0, 1.0), (2.0, 5.0)):
        outputs = assumed_numbers(targets, means, scales, Assumption(noise=deviation * rng.standard_normal((4000, 1))))
        assert float((((outputs - targets) / scales) ** 2).mean()) == pytest.approx(expected, rel=0.05)
    assert assumed_numbers(targets, means, scales, Assumption(1.0)) == pytest.approx(targets, rel=1e-6)


ROWS = "a,b,y\n" + "".join(f"{i % 7},{i * 3 % 5},{i % 3}\n" for i in range(90))


@pytest.mark.parametrize("task", ["classification", "ordinal", "regression"])
def test_each_task_says_what_guessing_is_in_the_form_of_its_outputs(task, tmp_path):
    (tmp_path / "t.csv").write_text(ROWS, encoding="utf-8")
    data = {"type": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
    spec = load_parts([{"task": task, "data": data, "model": "mlp"}]).experiment
    targets = np.array([0, 1, 2, 1]) if task != "regression" else np.array([[0.0], [1.0], [2.0], [1.0]], np.float32)
    task_of, loss = spec.resolved_task, build_loss(spec)
    losses = [
        float(loss(targets, task_of.assumed(spec.signature, spec.head, targets, Assumption(certainty))))
        for certainty in (0.0, 0.5, 1.0)
    ]
    assert losses == sorted(losses, reverse=True) and losses[2] == pytest.approx(0, abs=1e-5)
    if task != "regression":
        assert losses[0] == pytest.approx(np.log(3), rel=1e-5)
