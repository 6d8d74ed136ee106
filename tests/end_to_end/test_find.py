"""`deepcli find lr` and `deepcli find batch_size`: real steps, of which nothing is kept."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepcli
from deepcli.api.loading import load
from deepcli.data.files import OFFLINE
from deepcli.doctor.finding.range_test import RangeTest
from deepcli.doctor.finding.trial_spec import trial_spec
from deepcli.errors import UsageError
from deepcli.training.backend import make_backend
from deepcli.training.device import choose
from deepcli.training.ready import ready_model

ROOT = Path(__file__).parent.parent.parent
SPEC = "data: {type: digits, batch_size: 32}\nmodel: {type: mlp, hidden_units: 32}\nschedule: {type: cosine, warmup: 0.5}\n"
RATES = np.geomspace(1e-3, 1.0, 6)


@pytest.fixture
def spec():
    Path("s.yaml").write_text(SPEC)
    return "s.yaml"


def everything(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def range_test(*words, model=("mlp", {"hidden_units": 4})):
    name, fields = model
    data = {"type": "digits", "limit": 60, "batch_size": 16}
    experiment = load({"data": data, "model": {"type": name, **fields}, "seed": 3}, *words)
    device = choose(experiment.training)
    return RangeTest(experiment, experiment.data.load(OFFLINE), device, make_backend(device), OFFLINE)


@pytest.mark.parametrize("optimizer", ["{type: sgd, momentum: 0.9, clipnorm: 0.5}", "{type: adam}"])
def test_each_update_has_its_own_rate_and_what_follows_is_the_loss_after_it(optimizer):
    """Against Keras's own `train_on_batch`, with a rate that is assigned before each step."""
    test = range_test(f"optimizer={optimizer}", "schedule={type: cosine, warmup: 3}")
    trial = trial_spec(test.experiment, len(RATES) + 1)
    settings = test.settings(trial)
    model = ready_model(trial, test.splits, settings, test.backend)
    plain = trial.optimizer.build(1e-3)
    model.compile(plain, loss="sparse_categorical_crossentropy")
    train, order, wanted = test.splits.train, settings.order, []
    places = np.concatenate([order.epoch(0), order.epoch(1)])
    starts = [epoch * order.examples + at for epoch in (0, 1) for at in range(0, order.examples, 16)]
    assert order.steps < len(RATES)
    for number, start in enumerate(starts[: len(RATES) + 1]):
        plain.learning_rate = RATES[min(number, len(RATES) - 1)]
        batch = places[start : min(start + 16, (start // order.examples + 1) * order.examples)]
        model.reset_metrics()
        wanted.append(model.train_on_batch(train.x[batch], train.y[batch])[0])
    assert test.losses(RATES, 3) == pytest.approx(np.array(wanted, float), rel=1e-4)


def test_a_seed_gives_the_same_losses_again_whatever_was_tried_before():
    test = range_test()
    first = test.losses(RATES, 3)
    other = test.losses(RATES, 4)
    assert (test.losses(RATES, 3) == first).all() and (range_test().losses(RATES, 3) == first).all()
    assert not (other == first).any()


def test_accumulated_gradients_make_one_update_a_rate():
    """Two batches of eight make the update of one batch of sixteen, as the mean of two means is that of all."""
    whole = range_test("data.limit=80", "optimizer=sgd")
    halves = range_test("data.limit=80", "data.batch_size=8", "optimizer={type: sgd, gradient_accumulation_steps: 2}")
    examples = len(whole.splits.train)
    assert examples // 16 >= 3
    few = RATES[:2]
    assert halves.losses(few, 3) == pytest.approx(whole.losses(few, 3), rel=1e-4)


def test_loss_scaling_and_recurrent_layers_and_tokens_are_tested_too():
    recurrent = range_test("training.precision=mixed_float16", model=("lstm", {"units": 4}))
    losses = recurrent.losses(RATES, 0)
    assert len(losses) == 7 and np.isfinite(losses).all() and losses.min() < losses[0]


def test_a_rate_is_found_and_nothing_but_the_picture_is_left(cli, spec):
    done = cli("find", "lr", spec, "--seeds", 2, "--steps", 60, "-o", "lr.png", "--json", "-q")
    found = json.loads(done.out)
    assert done.code == 0 and found["status"] == "completed" and found["output"] == "lr.png"
    assert 1e-3 < found["proposal"] < 0.1 and found["override"] == f"optimizer.learning_rate={found['proposal']:.2g}"
    assert found["current"] == 1e-3 and len(found["rates"]) == 60
    assert [one["seed"] for one in found["curves"]] == [0, 1]
    with Image.open("lr.png") as picture:
        assert picture.format == "PNG" and picture.width > 600
    assert everything() == ["lr.png", "s.yaml"]
    again = cli("find", "lr", spec, "--seeds", 2, "--steps", 60, "-q")
    assert again.out.strip() == found["override"] and everything() == ["lr.png", "s.yaml"]


def test_the_same_in_python(spec):
    found = deepcli.find_learning_rate(spec, "optimizer.learning_rate=3", seeds=1, output="lr.svg")
    assert Path("lr.svg").read_text().startswith("<?xml") and "over the proposal" in found.standing
    assert repr(found).startswith("mlp on digits: 100 updates with batches of 32; adam; cpu")
    with pytest.raises(UsageError, match="--steps"):
        deepcli.find_learning_rate(spec, steps=5)


def test_a_range_in_which_the_loss_does_not_fall_or_still_falls_has_no_proposal(cli, spec):
    done = cli("find", "lr", spec, "--to", "1e-6", "--seeds", 1, "--json")
    found = json.loads(done.out)
    assert done.code == 1 and found["proposal"] is None and "never fell" in found["error"]
    done = cli("find", "lr", spec, "--to", "3e-3", "--seeds", 1)
    assert done.code == 1 and "no clear proposal: the loss still fell at 0.003" in done.out and "--to" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "1", "--to", "0.1"], "--from: 1 is not below --to"),
        (["--from", "0"], "--from: a learning rate is above 0"),
        (["--to", "inf"], "--to: a learning rate is above 0"),
        (["--steps", "3"], "--steps: 3 are too few"),
        (["--seeds", "0"], "--seeds"),
        (["-o", "lr.pdf"], "should end in .png or .svg"),
        (["-o", "nowhere/lr.png"], "nowhere is not a directory"),
        (["optimizer=adafactor"], "optimizer.relative_step: limits the learning rate"),
        (["optimizer.lr=3"], "learning_rate"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_input_is_an_error_before_a_step_is_taken(cli, spec, monkeypatch, words, said):
    monkeypatch.setattr("deepcli.training.tensorflow_backend.TensorFlowBackend.take_steps", None)
    done = cli("find", "lr", spec, *words)
    assert done.code == 2 and said in done.err and everything() == ["s.yaml"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["learning_rate", "s.yaml"], "did you mean deepcli find lr?"),
        (["batch-size", "s.yaml"], "did you mean deepcli find batch_size?"),
        (["s.yaml"], "did you mean deepcli find lr s.yaml or deepcli find batch_size s.yaml?"),
        (["colour", "s.yaml"], "write one of deepcli find lr, deepcli find batch_size"),
    ],
)
def test_an_unknown_thing_to_find(cli, words, meant):
    done = cli("find", *words)
    assert done.code == 2 and meant in done.err


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([np.nan], "the loss of a fresh model is nan with seed 0, before any update"),
        ([2.3, 2.2, np.inf], "the loss is inf with seed 0 after 2 updates, at a learning rate of 1.2e-07"),
    ],
)
def test_a_loss_that_is_not_finite_from_the_first_is_an_error(cli, spec, monkeypatch, losses, said):
    monkeypatch.setattr(RangeTest, "losses", lambda *_: np.array(losses))
    done = cli("find", "lr", spec, "--json")
    assert done.code == 1 and said in json.loads(done.out)["error"]


def test_an_optimizer_of_a_plugin_is_tested(spec):
    found = deepcli.find_learning_rate(
        spec, "optimizer=sign_sgd", plugins=ROOT / "tests" / "plugins" / "sign_sgd.py", seeds=1
    )
    assert found.lowest is not None and found.lowest < 0.1  # steps of one size need a small rate


def test_the_fastest_and_the_largest_batch_are_found(cli, spec):
    done = cli("find", "batch_size", spec, "data.limit=200", "--from", 32, "--json", "-q")
    found = json.loads(done.out)
    assert done.code == 0, done.err
    assert [one["batch_size"] for one in found["sizes"]] == [32, 64, 128] and found["largest"] == 128
    assert found["limit"] == "training split" and found["override"] == f"data.batch_size={found['fastest']}"
    assert all(one["memory"] > 100 << 20 and one["examples_per_second"] > 0 for one in found["sizes"])
    assert everything() == ["s.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "8", "--to", "4"], "--from: 8 is more than --to"),
        (["--to", "0"], "--to: a batch has at least one example"),
        (["data=mnist"], "mnist"),
    ],
)
def test_batch_sizes_that_cannot_be_tried(cli, spec, words, said):
    done = cli("find", "batch_size", spec, *words)
    assert done.code == 2 and said in done.err and everything() == ["s.yaml"]


@pytest.mark.parametrize("what", ["lr", "batch_size"])
def test_an_interrupt_ends_it_and_leaves_nothing(spec, what):
    words = [sys.executable, "-m", "deepcli", "find", what, spec, "--json"]
    more = ["--steps", "100000", "-o", "lr.png"] if what == "lr" else []
    process = subprocess.Popen([*words, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4)  # whenever it arrives, it ends the command
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130 and json.loads(out)["status"] == "interrupted", err
    assert everything() == ["s.yaml"]
