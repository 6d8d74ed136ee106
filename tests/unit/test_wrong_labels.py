"""Wrong labels are found by confident learning: on a worked example, and on made data whose wrong labels are known."""

import json
from pathlib import Path

import numpy as np
import pytest

import deepcli
from deepcli.evaluation.wrong_labels import class_thresholds, confident_joint, wrong_labels

LABELS = np.array([0, 0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.05, 0.95], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5]])


def test_a_worked_example():
    # Means of the own class: (0.9 + 0.7 + 0.05) / 3 and (0.8 + 0.7 + 0.5) / 3.
    assert class_thresholds(LABELS, PROBABILITIES) == pytest.approx([0.55, 2 / 3])
    # Confident of 0: rows 0, 1; of 1: rows 2, 3, 4; row 5 of neither.
    assert confident_joint(LABELS, PROBABILITIES).tolist() == [[2, 1], [0, 2]]
    (found,) = wrong_labels(LABELS, PROBABILITIES)
    assert found[:3] == (2, 0, 1) and found[3:] == pytest.approx((0.95, 0.05 - 0.95))


def test_a_class_without_examples_is_never_suggested():
    probabilities = np.array([[0.1, 0.1, 0.8], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]])
    assert wrong_labels(np.array([0, 0, 1]), probabilities) == []
    assert wrong_labels(np.zeros(0, int), np.zeros((0, 3))) == []


def made(seed, wrong=0.1, classes=4, count=2_000):
    """Return labels of which a share is wrong, which ones, and the probabilities of a model that is right on average."""
    draw = np.random.RandomState(seed)
    truth = draw.randint(0, classes, count)
    logits = draw.normal(size=(count, classes))
    logits[np.arange(count), truth] += 3
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = draw.uniform(size=count) < wrong
    labels = np.where(flipped, (truth + draw.randint(1, classes, count)) % classes, truth)
    return labels, flipped, truth, probabilities


@pytest.mark.parametrize("seed", range(3))
def test_known_wrong_labels_are_found_first(seed):
    labels, flipped, truth, probabilities = made(seed)
    found = wrong_labels(labels, probabilities)
    rows = [one.row for one in found]
    assert flipped[rows[:20]].mean() == 1.0
    assert flipped[rows].mean() > 0.6, "precision"
    assert flipped[rows].sum() / flipped.sum() > 0.7, "recall"
    assert np.mean([truth[one.row] == one.suggested for one in found[:50]]) > 0.95
    assert [one.margin for one in found] == sorted(one.margin for one in found)


def test_right_labels_give_few():
    labels, flipped, _, probabilities = made(0, wrong=0.0)
    assert not flipped.any()
    assert len(wrong_labels(labels, probabilities)) < 0.08 * len(labels)


@pytest.fixture
def run():
    """A run on own data whose predictions are written by hand: two test labels are wrong."""
    draw = np.random.RandomState(0)
    rows = [f"{a:.4f},{b:.4f},{'no' if n % 2 else 'yes'}" for n, (a, b) in enumerate(draw.normal(size=(300, 2)))]
    Path("t.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    data = deepcli.load(data={"path": "t.csv", "target": "label"}, model="mlp")
    from deepcli.data.sources.assignment import unpacked
    from deepcli.experiment.load import dump
    from deepcli.spec.paths import with_absolute_paths

    schema = data.data.data_schema
    folder = Path("run")
    folder.mkdir()
    (folder / "config.yaml").write_text(dump(with_absolute_paths(data)))
    (folder / "environment.json").write_text("{}")
    (folder / "schema.json").write_text(schema.model_dump_json())
    ids = np.flatnonzero(np.array(unpacked(schema.assignment, sum(schema.counts.values()))) == "test")
    labels = 1 - ids % 2  # names are sorted: no, yes
    confident = np.where(labels == 1, 0.9, 0.1)
    confident[[3, 7]] = 1 - confident[[3, 7]]
    from deepcli.evaluation.predictions import Predictions

    Predictions(ids, labels, confident.astype(np.float32)[:, None]).save(folder / "predictions-test.npz")
    return folder, ids


def test_a_run_names_the_rows(run):
    folder, ids = run
    labels = deepcli.look(folder).labels
    assert labels.splits == ("test",) and labels.examples == len(ids) and labels.found == 2
    assert {one.where for one in labels.suspects} == {f"{Path('t.csv').resolve()}:{ids[k] + 2}" for k in (3, 7)}
    first = labels.suspects[0]
    assert (first.label, first.suggested) in (("no", "yes"), ("yes", "no"))
    assert first.probability == pytest.approx(0.9, abs=1e-6) and first.margin == pytest.approx(-0.8, abs=1e-6)
    assert "is not known" in labels.note and "--split validation" in labels.note


def test_data_that_have_changed_since_are_not_judged(run):
    folder, _ = run
    Path("t.csv").write_text(Path("t.csv").read_text() + "0.5,0.5,no\n")
    report = deepcli.look(folder)
    assert "changed-data" in {problem.code for problem in report.problems}
    assert report.labels.found == 0 and "have changed" in report.labels.note


def test_a_run_without_predictions(run):
    folder, _ = run
    (folder / "predictions-test.npz").unlink()
    report = deepcli.look(folder)
    assert "deepcli evaluate" in report.labels.note and report.labels.splits == ()


def test_other_data_than_those_of_the_run(run):
    folder, _ = run
    lines = Path("t.csv").read_text().splitlines()
    Path("new.csv").write_text("\n".join(lines[:101]) + "\n")
    report = deepcli.look(folder, "data.path=new.csv")
    assert sum(report.counts.values()) == 100 and report.labels is None
    json.dumps(report.to_dict())
