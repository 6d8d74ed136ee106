"""`evaluate --threshold`, `--calibrate` and `export --calibrate`, as their users meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import deepcli
from deepcli.evaluation.calibration import tempered
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.result import Result


def table(path, target, rows=400):
    """Write a table in which two numbers tell something of a rare class, or of labels."""
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("a,b,target\n")
        for a, b in rng.normal(size=(rows, 2)):
            file.write(f"{a:.4f},{b:.4f},{target(a, b, rng)}\n")
    return path


def train_on(path, metrics):
    data = {"type": "table", "path": str(path), "target": "target"}
    spec = {"data": data, "model": {"type": "mlp", "hidden_units": [8]}, "metrics": metrics, "training": {"epochs": 6}}
    deepcli.train(deepcli.load(spec), output=path.parent / "run")
    return path.parent / "run"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on two classes, with metrics that count right answers."""

    def bought(a, b, rng):
        return "yes" if rng.random() < 1 / (1 + np.exp(-(1.5 * a + b - 1.3))) else "no"

    path = table(tmp_path_factory.mktemp("classes") / "shop.csv", bought)
    return train_on(path, ["accuracy", "precision", "recall", "f1", "auc"])


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run on labels."""

    def tags(a, b, rng):
        noisy = rng.normal([a, b, a + b], 0.5)
        return ";".join(tag for tag, value in zip(("cheap", "red", "new"), noisy, strict=True) if value > 0.3)

    path = table(tmp_path_factory.mktemp("labels") / "tags.csv", tags)
    return train_on(path, ["f1_score"])


def predicted(run, split="test") -> Any:
    """Read the predictions of a run."""
    return load_predictions(Path(run) / f"predictions-{split}.npz")


def evaluated(cli, run, *words):
    done = cli("evaluate", run, *words, "--json", "--quiet")
    assert done.code == 0, done.err
    Result.from_json(done.out)
    return json.loads(done.out)


def test_a_threshold_changes_the_answers_and_nothing_that_the_run_keeps(cli, trained):
    plain = evaluated(cli, trained)
    kept = {path.name: path.read_bytes() for path in trained.glob("predictions-*")}
    found = evaluated(cli, trained, "--threshold", "0.3", "--output", "out")
    one = predicted(trained, "test")
    p = one.by_class[:, 1]
    answers, values = p >= np.float32(0.3), found["metrics"]["test"]
    assert (answers != (p > 0.5)).sum() > 3
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(one.labels, answers, average="binary")
    expected = {"precision": precision, "recall": recall, "f1": f1, "accuracy": (answers == one.labels).mean()}
    expected["balanced_accuracy"] = metrics.balanced_accuracy_score(one.labels, answers)
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["confusion_matrix"]["test"] == metrics.confusion_matrix(one.labels, answers).tolist()
    same = ("loss", "auc", "log_loss", "brier", "ece", "roc_auc", "average_precision")
    assert {name: values[name] for name in same} == {name: plain["metrics"]["test"][name] for name in same}
    assert list(values) == list(plain["metrics"]["test"])
    assert found["threshold"] == {
        "rule": "given", "value": 0.3, "name": "yes", "calibrated": False, "validation_examples": None,
        "validation_f1": None, "caveat": None,
    }  # fmt: skip
    assert "threshold" not in plain and "calibration" not in plain
    assert {path.name: path.read_bytes() for path in trained.glob("predictions-*")} == kept
    assert not (trained / "evaluation-test.json").exists()  # its own result has the usual figures
    assert json.loads(Path("out/result.json").read_text())["threshold"]["value"] == 0.3
    assert (predicted("out").answers == one.answers).all()


def test_the_best_threshold_is_that_of_validation_whatever_is_evaluated(cli, trained):
    evaluated(cli, trained, "--split", "validation")
    one = predicted(trained, "validation")
    p = one.by_class[:, 1]
    best = max(metrics.f1_score(one.labels, p >= candidate) for candidate in np.unique(p))
    found = {
        split: evaluated(cli, trained, "--threshold", "best-f1", "--split", split) for split in ("test", "validation")
    }
    (value,) = {result["threshold"]["value"] for result in found.values()}
    assert metrics.f1_score(one.labels, p >= value) == pytest.approx(best)
    for result in found.values():
        told = result["threshold"]
        assert (told["rule"], told["name"], told["validation_examples"]) == ("best-f1", "yes", len(p))
        assert told["validation_f1"] == pytest.approx(best)
    assert found["validation"]["classes"]["validation"][1]["f1"] == pytest.approx(best)
    assert "optimistic" in found["validation"]["threshold"]["caveat"]
    assert "optimistic" not in (found["test"]["threshold"]["caveat"] or "")
    done = cli("evaluate", trained, "--threshold", "best-f1", "-q")
    first = " ".join(done.out.split("\n\n")[0].split())
    assert first.startswith(
        f"threshold {value:.4g} for yes: best F1 on {len(p)} validation examples ({best:.4f} there)"
    )


def test_calibration_is_fitted_on_validation_and_shown_before_and_after(cli, trained):
    found = evaluated(cli, trained, "--calibrate")
    plain, told = evaluated(cli, trained)["metrics"]["test"], found["calibration"]
    assert found["metrics"]["test"] == plain
    one = predicted(trained, "test")
    after = tempered(one.probabilities, told["temperature"])[:, 0]
    assert told["before"] == {name: plain[name] for name in ("log_loss", "brier", "ece")}
    assert told["after"]["log_loss"] == pytest.approx(metrics.log_loss(one.labels, after))
    assert told["after"]["brier"] == pytest.approx(metrics.brier_score_loss(one.labels, after))
    evaluated(cli, trained, "--split", "validation")
    validation = predicted(trained, "validation")
    losses = [
        metrics.log_loss(validation.labels, tempered(validation.probabilities, told["temperature"] * factor)[:, 0])
        for factor in (0.99, 1, 1.01)
    ]
    assert losses[1] == min(losses) and told["validation_examples"] == len(validation.labels)
    both = evaluated(cli, trained, "--calibrate", "--threshold", "0.3")
    assert both["confusion_matrix"]["test"] == metrics.confusion_matrix(one.labels, after >= 0.3).tolist()
    assert both["threshold"]["calibrated"] and both["threshold"]["value"] == 0.3
    done = cli("evaluate", trained, "--calibrate", "--threshold", "best-f1", "--split", "validation", "-q")
    (first, caution, *lines), threshold, *_ = (block.splitlines() for block in done.out.split("\n\n"))
    assert first.startswith(f"temperature {told['temperature']:.3f} [")
    assert caution.startswith("caution: ")
    assert lines[-3].split()[:2] == ["validation", "log_loss"] and max(map(len, lines)) <= 80
    assert " for yes, calibrated: best F1 on " in threshold[0]


def test_an_exported_model_is_calibrated_and_says_so(cli, trained):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    done = cli("export", trained, "--format", "onnx", "--calibrate", "--verify", "-o", "out", "--json", "-q")
    told = json.loads(done.out)
    found = evaluated(cli, trained, "--calibrate")["calibration"]
    assert told["calibrated"]["temperature"] == pytest.approx(found["temperature"], rel=1e-3)
    assert told["verified"]["ok"] and told["verified"]["accuracy_change"] == 0
    facts = json.loads(Path("out/export.json").read_text())
    assert facts["calibration"]["temperature"] == told["calibrated"]["temperature"]
    said = subprocess.run(
        [sys.executable, "out/usage.py", json.dumps({"a": 1.2, "b": 0.5})], capture_output=True, text=True, check=True
    ).stdout.split()
    own = deepcli.Run(trained).predict([{"a": 1.2, "b": 0.5}])[0]
    p = tempered(
        np.array([[own.probability if own.label else 1 - own.probability]]), facts["calibration"]["temperature"]
    )
    assert (said[0], float(said[1])) == (own.name, pytest.approx(max(p[0, 0], 1 - p[0, 0]), abs=1e-4))


def test_python_has_the_same(trained):
    run = deepcli.Run(trained)
    found = run.evaluate(threshold="best-f1", calibrate=True)
    assert found.threshold is not None and found.calibration is not None
    exported = run.export("keras", "out", calibrate=True)
    assert exported.calibration is not None
    assert exported.calibration.temperature == pytest.approx(found.calibration.temperature, rel=1e-3)


def test_labels_take_a_threshold_in_common_or_the_best_of_each(cli, labelled):
    plain = evaluated(cli, labelled)
    one = predicted(labelled, "test")
    found = evaluated(cli, labelled, "--threshold", "0.7")
    expected = metrics.f1_score(one.labels, one.probabilities >= np.float32(0.7), average="macro")
    assert found["metrics"]["test"]["f1_macro"] == pytest.approx(expected)
    assert found["metrics"]["test"]["f1_macro"] != plain["metrics"]["test"]["f1_macro"]
    assert found["metrics"]["test"]["f1_score"] == plain["metrics"]["test"]["f1_score"]  # at 0.5, as its page says
    assert {round(row["threshold"], 6) for row in found["labels"]["test"]} == {0.7}
    best = evaluated(cli, labelled, "--threshold", "best-f1")
    assert best["labels"] == plain["labels"]  # the task itself chose them on the same split
    assert (best["threshold"]["value"], best["threshold"]["name"]) == (None, None)
    assert cli("evaluate", labelled, "--threshold", "0.7", "-q").out.startswith(
        "threshold 0.7 for each label: given\n\n"
    )
    left = predicted(labelled, "test")
    assert (left.thresholds == one.thresholds).all()


def test_what_makes_no_sense_is_refused_before_anything_is_computed(cli, labelled, trained):
    for words, why in (
        (["evaluate", labelled, "--calibrate"], "--calibrate: is for classification; labels have a threshold each"),
        (["export", labelled, "--format", "keras", "--calibrate"], "--calibrate: is for classification"),
        (["evaluate", trained, "--threshold", "best"], "--threshold: should be a probability such as 0.3, or best-f1"),
        (["evaluate", trained, "--threshold", "30"], "--threshold: should be a probability between 0 and 1, not 30"),
        (["export", trained, "--format", "keras", "data.path=x"], "has no effect without --verify or --calibrate"),
    ):
        done = cli(*words)
        assert (done.code, done.out) == (2, "") and why in done.err
        assert "Traceback" not in done.err
