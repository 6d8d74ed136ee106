"""`deepcli sanity`: each fault is caught by the right line, and no good spec is accused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import deepcli
from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts
from deepcli.cli.schemas import schemas
from deepcli.data.arrays.splits import Tokens
from deepcli.doctor.sanity.contents import batch_marks, marks
from deepcli.doctor.sanity.dead_units import most_dead
from deepcli.doctor.sanity.layer_calls import plain
from deepcli.doctor.sanity.running import CHECKS, check_one
from deepcli.doctor.sanity.subject import Subject
from deepcli.errors import SpecError, UsageError
from deepcli.training.build import build_model
from deepcli.training.order import Order

ROOT = Path(__file__).parent.parent.parent
PLUGIN = str(ROOT / "tests" / "faulty.py")
DIGITS = {"type": "digits", "batch_size": 32}
MLP = {"type": "mlp", "hidden_units": [32]}


def with_fault(fault):
    return {"data": DIGITS, "model": {"type": "faulty", "fault": fault}}


BROKEN = {
    "a huge initializer saturates": (
        "initial loss",
        {"data": DIGITS, "model": {**MLP, "activation": "sigmoid", "kernel_initializer": {"type": "random_normal", "stddev": 100.0}}},
    ),
    "a loss of the wrong sign": ("initial loss", {"data": DIGITS, "model": MLP, "loss": "wrong_sign"}),
    "a loss of logits after a softmax": ("initial loss", {"data": DIGITS, "model": MLP, "loss": "of_logits"}),
    "an output without softmax": ("initial loss", with_fault("no_softmax")),
    "a learning rate of 10": (
        "one batch by heart", {"data": DIGITS, "model": MLP, "optimizer": {"type": "adam", "learning_rate": 10.0}}
    ),
    "validation labels shifted by one": (
        "shuffled targets", {"data": {"type": "faulty_digits"}, "model": {**MLP, "hidden_units": [64]}}
    ),
    "the same examples in all splits": (
        "shuffled targets", {"data": {"type": "faulty_digits", "fault": "repeated"}, "model": MLP}
    ),
    "frozen layers": ("gradients", with_fault("frozen")),
    "weights that have no part in the output": ("gradients", with_fault("unused")),
    "weights behind a stopped gradient": ("gradients", with_fault("detached")),
    "gradients that are not finite": ("gradients", with_fault("not_a_number")),
    "biases that silence all units": (
        "dead units", {"data": DIGITS, "model": {**MLP, "bias_initializer": {"type": "constant", "value": -50.0}}}
    ),
    "units that a layer after them silences": ("dead units", with_fault("dead_in_a_layer_of_its_own")),
    "inputs of 0 to 65,535": ("range of inputs", with_fault("too_large")),
    "inputs that are scaled twice": ("range of inputs", with_fault("twice_scaled")),
    "inputs that do not vary": ("range of inputs", with_fault("constant")),
    "inputs that are not numbers": ("range of inputs", with_fault("not_a_number")),
    "batch statistics at inference": ("batch mates", with_fault("always_training")),
    "dropout at inference": ("batch mates", with_fault("always_random")),
    "a layer that forgets when it is saved": ("saved and reloaded", with_fault("forgetful")),
}  # fmt: skip
ALSO = {
    "a huge initializer saturates": {"one batch by heart"},
    "a loss of the wrong sign": {"one batch by heart"},
    "an output without softmax": {"one batch by heart"},
    "gradients that are not finite": {"one batch by heart", "range of inputs"},
    "biases that silence all units": {"one batch by heart", "gradients"},
    "units that a layer after them silences": {"one batch by heart", "gradients", "range of inputs"},
    "inputs of 0 to 65,535": {"initial loss"},
    "inputs that are scaled twice": {"one batch by heart"},
    "inputs that do not vary": {"one batch by heart", "dead units"},
    "inputs that are not numbers": {"one batch by heart", "gradients"},
    "dropout at inference": {"saved and reloaded"},
}
"""The other lines that a fault may fail, because it has more than one consequence."""


def found(tree, check, folder):
    """Run one check of a spec."""
    experiment = load_parts([tree], plugins=(PLUGIN,)).experiment
    sources = data_sources(None, True)
    subject = Subject.of(experiment, experiment.data.load(sources), folder, (PLUGIN,), sources)
    return check_one(check, subject)


LONG = {
    "inputs that are scaled twice", "dropout at inference", "gradients that are not finite", "inputs that are not numbers",
    "weights that have no part in the output", "units that a layer after them silences", "an output without softmax",
    "the same examples in all splits",
}  # fmt: skip
"""Faults like others that are tested every time."""


@pytest.mark.parametrize("fault", [pytest.param(one, marks=[pytest.mark.long] * (one in LONG)) for one in BROKEN])
def test_each_fault_is_caught_by_the_right_line(fault, tmp_path):
    check, tree = BROKEN[fault]
    told = found(tree, check, tmp_path)
    assert told.status == "failed", told
    assert told.advice and "ended with" not in told.text


@pytest.mark.long
@pytest.mark.parametrize("fault", BROKEN)
def test_no_line_accuses_what_another_one_caught(fault):
    check, tree = BROKEN[fault]
    report = deepcli.sanity(tree, plugins=PLUGIN, offline=True)
    failed = {one.check for one in report.failed}
    assert check in failed and failed <= {check} | ALSO.get(fault, set()), report


def test_a_fresh_deep_network_with_batch_normalization_is_not_dead(tmp_path):
    assert found(with_fault("none_but_deep"), "dead units", tmp_path).status == "ok"


def test_learning_by_heart_leaves_out_what_only_hinders_it():
    regularization = {"dropout": 0.9, "gaussian_noise": 1.0, "l2": 0.1, "activity_l2": 0.1}
    tree = {"data": {**DIGITS, "augmentation": {"rotation": 0.5}}, "model": {**MLP, "regularization": regularization}}
    model = build_model(load_parts([tree]).experiment, "float32")
    x = np.random.RandomState(0).randint(0, 256, (4, 8, 8, 1)).astype(np.uint8)
    assert np.abs(np.asarray(model(x, training=True)) - np.asarray(model(x))).max() > 0.01 and model.losses
    plain(model)
    assert (np.asarray(model(x, training=True)) == np.asarray(model(x))).all() and not model.losses


def test_a_fixed_order_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(Order, "epoch", lambda self, epoch: np.arange(self.examples))
    told = found(with_fault("none"), "order of examples", tmp_path)
    assert told.status == "failed" and "512 of 512 places" in told.text


def test_an_epoch_that_leaves_examples_out_is_caught(tmp_path, monkeypatch):
    whole = Order.epoch
    monkeypatch.setattr(Order, "epoch", lambda self, epoch: whole(self, epoch) // 2)
    told = found(with_fault("none"), "order of examples", tmp_path)
    assert told.status == "failed" and "do not take each of them once" in told.text


def test_a_good_spec_passes_every_check_and_leaves_nothing_behind(cli):
    before = set(Path().rglob("*"))
    done = cli("sanity", ROOT / "configs" / "digits" / "cnn.yaml", "--json")
    assert done.code == 0, done.out + done.err
    told = json.loads(done.out)
    jsonschema.validate(told, schemas()["schemas/sanity.schema.json"])
    assert told["status"] == "completed" and {one["status"] for one in told["checks"]} == {"ok"}
    assert [one["check"] for one in told["checks"]] == list(CHECKS)
    assert told["checks"][0]["figures"]["guessing"] == pytest.approx(np.log(10), abs=1e-5)
    assert set(Path().rglob("*")) == before


@pytest.mark.long
def test_the_same_seed_gives_the_same_figures(tmp_path):
    tree = {"data": DIGITS, "model": {"type": "mlp", "hidden_units": [16]}}
    first, again, other = (found({**tree, "seed": seed}, "shuffled targets", tmp_path) for seed in (1, 1, 2))
    assert first == again and first.figures != other.figures


def test_a_failure_is_exit_code_1_with_what_to_do(cli, spec):
    path = spec("data: digits\nmodel: {type: mlp, hidden_units: [16], kernel_initializer: zeros}\n")
    done = cli("sanity", path)
    assert done.code == 1
    assert "gradients           FAILED: all zero: dense_1/kernel" in done.out
    assert done.out.splitlines()[-1].startswith("3 of 9 checks failed: one batch by heart, gradients, dead units (")
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_what_a_plugins_code_raises_is_what_the_check_found(tmp_path, monkeypatch):
    def broken(subject):
        raise ZeroDivisionError("division by zero\nmore")

    monkeypatch.setitem(CHECKS, "gradients", broken)
    told = found(with_fault("none"), "gradients", tmp_path)
    assert told.status == "failed" and told.text == "ended with ZeroDivisionError: division by zero"


def test_a_split_of_less_than_a_batch_is_no_fault(tmp_path):
    tree = {"data": {**DIGITS, "limit": 20}, "model": MLP}
    for check in ("gradients", "dead units", "range of inputs", "order of examples"):
        assert found(tree, check, tmp_path).status == "ok"
    assert found({**tree, "data": {**DIGITS, "limit": 12}}, "order of examples", tmp_path).status == "skipped"


def test_without_validation_examples_that_check_is_skipped(tmp_path):
    tree = {"data": {**DIGITS, "validation_split": 0.0}, "model": MLP}
    assert found(tree, "shuffled targets", tmp_path).status == "skipped"


def test_a_spec_that_cannot_be_read_is_exit_code_2(cli, spec):
    done = cli("sanity", spec("data: digits\nmodel: {type: mlp, hiden_units: 3}\n"))
    assert done.code == 2 and "did you mean" in done.err
    done = cli("sanity", "nowhere.yaml", "--json")
    assert done.code == 2 and json.loads(done.out)["status"] == "failed"
    with pytest.raises(UsageError):
        deepcli.sanity()
    with pytest.raises(SpecError):
        deepcli.sanity({"data": "digits"})


ROWS = [(i % 17, i * 7 % 23, "uvw"[i % 3], i % 17 // 4) for i in range(240)]


@pytest.mark.parametrize(
    ("target", "task"), [("y", "regression"), ("kind", "classification"), ("y", "ordinal")], ids=lambda one: one
)
def test_other_tasks_are_checked_by_what_guessing_is_for_them(target, task, tmp_path):
    text = "\n".join(["a,b,kind,y", *(",".join(map(str, row)) for row in ROWS)])
    (tmp_path / "table.csv").write_text(text + "\n", encoding="utf-8")
    values = dict(zip(("a", "b", "kind", "y"), zip(*ROWS, strict=True), strict=True))
    data = {"type": "table", "path": str(tmp_path / "table.csv"), "target": target}
    tree = {"task": task, "data": data, "model": {"type": "mlp", "hidden_units": [32]}}
    first, second = (found(tree, check, tmp_path) for check in ("initial loss", "shuffled targets"))
    assert first.status == second.status == "ok", (first, second)
    guess = first.figures["guessing"]
    if task == "regression":
        assert guess == pytest.approx(1.0, abs=0.1)  # the variance of standardized numbers
    else:
        assert guess == pytest.approx(np.log(len(set(values[target]))), abs=1e-4)


def test_equal_sequences_are_recognized_whatever_they_are_padded_with():
    tokens = Tokens(np.array([5, 6, 7, 5, 6], np.int32), np.array([0, 2, 3, 5]))
    assert marks(tokens)[0] == marks(tokens)[2] != marks(tokens)[1]
    assert batch_marks(np.array([[5, 6, 0, 0], [7, 0, 0, 0]], np.int32)) == marks(tokens)[:2]


def test_more_units_are_dead_than_chance_kills():
    assert [most_dead(units) for units in (1, 2, 10)] == [0, 1, 9]
    assert most_dead(100) == 65 and most_dead(1000) < 560  # P(Binomial(100, 1/2) > 65) is 0.0009, > 64 is 0.0018


@pytest.mark.long
@pytest.mark.parametrize(
    "path", [str(one.relative_to(ROOT)) for folder in ("digits", "lessons", "mnist") for one in sorted((ROOT / "configs" / folder).glob("*.yaml"))]
)  # fmt: skip
def test_no_config_is_accused(path):
    words = [ROOT / path]
    if "mnist" in path:
        words += ["data={type: digits, batch_size: 32}"]
        words += ["model.ngrams=2"] * ("ngram" in path) + ["model.patch_size=2"] * ("transformer" in path)
    report = deepcli.sanity(*words, offline=True)
    zeros = path.endswith("initialization-zeros.yaml")  # the lesson is that it cannot learn
    assert {one.check for one in report.failed} == (
        {"one batch by heart", "gradients", "dead units"} if zeros else set()
    ), report
