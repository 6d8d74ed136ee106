"""Going on with a run, from the command line: what may change, what is told, and what a run leaves."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepcli.data.files import Sources
from deepcli.errors import Interrupted
from deepcli.experiment.load import load
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.state import State
from deepcli.training.train import train
from tests.torture.runs import Cut, begin, fingerprint, position

BASE = "data: {type: digits, limit: 120, batch_size: 16}\nmodel: mlp\ntraining: {epochs: 3, steps_per_execution: 1}\n"


BROKEN = '''
from typing import Literal
from deepcli.optim import LOSSES, Loss


class Broken(Loss):
    def build(self, signature):
        import keras
        from keras import ops

        def loss(y, p):
            plain = keras.losses.sparse_categorical_crossentropy(y, p)
            if self.type == "broken_loss":
                return plain + ops.stop_gradient(plain) * float("inf")
            if self.type == "broken_weights":
                return plain * 1e30
            small = ops.sum(p, axis=-1) * 0.0
            return plain + ops.sqrt(small)  # 0, with a gradient of 0 / 0

        class Wrapped(keras.losses.Loss):
            def call(self, y_true, y_pred):
                return loss(y_true, y_pred)

        return Wrapped(name="broken")


@LOSSES.register
class BrokenLoss(Broken):
    """Infinite."""

    type: Literal["broken_loss"] = "broken_loss"


@LOSSES.register
class BrokenGradients(Broken):
    """Finite, with gradients that are not."""

    type: Literal["broken_gradients"] = "broken_gradients"


@LOSSES.register
class BrokenWeights(Broken):
    """Finite, and so are its gradients; but not their product with the rate."""

    type: Literal["broken_weights"] = "broken_weights"
'''


@pytest.fixture
def interrupted(spec):
    """A run that a signal ended in its second epoch, after 10 steps."""

    def make(text=BASE, at=14, output="a b"):
        with pytest.raises(Interrupted, match=r"continue with: deepcli train --resume 'a b'$"):
            begin(spec(text), [], Path(output), Cut(at))
        return spec(text)

    return make


def rows(run):
    with RunDir(Path(run)).history.open() as file:
        return list(csv.DictReader(file))


def test_resume_needs_nothing_but_the_run_and_says_where_it_goes_on(cli, interrupted):
    interrupted()
    step = position(Path("a b")).total
    assert step % 7
    done = cli("train", "--resume", "a b", "--json")
    assert done.code == 0
    assert f"resuming a b at step {step}" in done.err
    result = json.loads(done.out)
    assert (result["status"], result["epochs"], result["run"]) == ("completed", 3, "a b")
    assert [row["epoch"] for row in rows("a b")] == ["1", "2", "3"]
    environment = json.loads(Path("a b/environment.json").read_text())
    assert [part["step"] for part in environment["resumed"]] == [step]
    assert f"resuming a b at step {step}" in Path("a b/train.log").read_text()


def test_a_resumed_run_equals_one_that_was_not_interrupted(cli, interrupted, spec):
    path = interrupted()
    assert cli("train", "--resume", "a b").code == 0
    assert cli("train", path, "-o", "whole").code == 0
    assert fingerprint(Path("a b")) == fingerprint(Path("whole"))


def test_if_exists_resume_begins_goes_on_and_leaves_a_finished_run_alone(cli, interrupted):
    path = interrupted()
    assert cli("train", path, "-o", "new", "--if-exists", "resume").code == 0
    assert "resuming" in cli("train", path, "-o", "a b", "--if-exists", "resume").err
    before = {file: file.read_bytes() for file in Path("a b").rglob("*") if file.is_file()}
    again = cli("train", path, "-o", "a b", "--if-exists", "resume", "--json")
    assert again.code == 0
    assert "the run a b has finished; nothing was trained" in again.err
    assert json.loads(again.out)["status"] == "completed"
    assert before == {file: file.read_bytes() for file in Path("a b").rglob("*") if file.is_file()}
    assert cli("train", "--resume", "a b").code == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer.learning_rate=0.5", "optimizer.learning_rate: 0.001 in the run, 0.5 now"),
        ("model.hidden_units=[9]", "model.hidden_units: [128] in the run, [9] now"),
        ("data.batch_size=8", "data.batch_size: 16 in the run, 8 now"),
        ("training.epochs=2", "training.epochs: 3 in the run, 2 now"),
        ("model=cnn", "model.type: mlp in the run, cnn now"),
        ("training.deterministic=true", "training.deterministic: false in the run, true now"),
    ],
)
def test_another_spec_is_refused_with_the_difference(cli, interrupted, change, message):
    interrupted()
    before = Path("a b/config.yaml").read_text()
    done = cli("train", "--resume", "a b", change)
    assert done.code == 2
    assert message in done.err
    assert "training.initial_weights=a b" in done.err
    assert Path("a b/config.yaml").read_text() == before


def test_more_epochs_are_trained_where_no_rate_depends_on_them(cli, spec):
    path = spec(BASE)
    assert cli("train", path, "-o", "a").code == 0
    done = cli("train", "--resume", "a", "training.epochs=5")
    assert done.code == 0
    assert len(rows("a")) == 5
    assert cli("train", path, "training.epochs=5", "-o", "whole").code == 0
    ours, whole = fingerprint(Path("a")), fingerprint(Path("whole"))
    assert ours == whole
    assert "epochs: 5" in Path("a/config.yaml").read_text()


def test_more_epochs_are_refused_where_the_schedule_follows_the_length(cli, spec):
    assert cli("train", spec(BASE + "schedule: cosine\n"), "-o", "a").code == 0
    done = cli("train", "--resume", "a", "training.epochs=5")
    assert done.code == 2
    assert "training.epochs: 3 in the run, 5 now" in done.err
    assert "the schedule cosine depends on the length of the run" in done.err
    assert "training.initial_weights=a" in done.err


def test_more_epochs_do_not_wake_a_run_that_stopped_by_itself(cli, spec):
    text = BASE.replace("epochs: 3", "epochs: 30, early_stopping: {patience: 1, min_delta: 9.0}")
    assert cli("train", spec(text), "-o", "a").code == 0
    done = cli("train", "--resume", "a", "training.epochs=60")
    assert done.code == 0
    assert "stopped early after epoch 2; more epochs change nothing" in done.err
    assert len(rows("a")) == 2


def test_a_run_that_early_stopping_ended_before_its_test_is_only_tested(cli, spec):
    """As after a kill between the last checkpoint and the results."""
    text = BASE.replace("epochs: 3", "epochs: 30, early_stopping: {patience: 1, min_delta: 9.0}")
    first = cli("train", spec(text), "-o", "a", "--json")
    Path("a/metrics.json").unlink()
    again = cli("train", "--resume", "a", "--json")
    assert json.loads(again.out)["metrics"] == json.loads(first.out)["metrics"]
    assert len(rows("a")) == 2


def test_a_run_killed_before_its_first_checkpoint_begins_again_and_says_so(cli, spec):
    path = spec(BASE)
    RunDir.create(Path("a"), Path(path).read_text() + "name: spec\n", {})
    Path("a/.config.yaml.abc.yaml").write_text("half")
    done = cli("train", path, "-o", "a", "--if-exists", "resume")
    assert done.code == 0
    assert "notice: a has no checkpoint yet, so training starts again at step 0" in done.err
    assert not list(Path("a").glob(".config*"))


def test_what_cannot_be_resumed(cli, spec):
    Path("empty").mkdir()
    for words, message in (
        (["--resume", "nowhere"], "is not a run"),
        (["--resume", "empty"], "is not a run"),
        ([], "no spec file given"),
    ):
        done = cli("train", *words)
        assert done.code == 2
        assert message in done.err
    assert cli("train", spec(BASE), "-o", "a").code == 0
    done = cli("train", "--resume", "a", "-o", "b")
    assert done.code == 2
    assert "omit --output" in done.err
    Path("a/metrics.json").unlink()
    Path("a/checkpoints/last.keras").write_bytes(b"PK\3\4 not any more")
    done = cli("train", "--resume", "a")
    assert done.code == 2
    assert "last.keras" in done.err


def test_other_data_and_another_thread_count_are_noticed(cli, interrupted):
    interrupted()
    path = Path("a b/environment.json")
    environment = json.loads(path.read_text())
    path.write_text(json.dumps({**environment, "threads": 77, "versions": {**environment["versions"], "keras": "3.0"}}))
    done = cli("train", "--resume", "a b")
    assert done.code == 0
    assert "started with 77 CPU threads" in done.err
    assert "the last bits will differ from those" in done.err
    assert "started with keras 3.0" in done.err
    Path("a b/metrics.json").unlink()
    path.write_text(json.dumps({**environment, "data": {"sha256": "0" * 64}}))
    done = cli("train", "--resume", "a b")
    assert done.code == 2
    assert "the data differ from those that a b was trained on\n  trained on  SHA-256 0000000000000000...\n" in done.err


@pytest.mark.parametrize("content", ["", "[1]", '{"data": 3, "versions": null, "device": [], "threads": "x"}'])
def test_a_damaged_description_does_not_keep_a_run_from_going_on(cli, interrupted, content):
    interrupted()
    Path("a b/environment.json").write_text(content)
    assert cli("train", "--resume", "a b").code == 0
    assert json.loads(Path("a b/environment.json").read_text())["resumed"]


def test_a_run_has_one_owner(cli, interrupted):
    path = interrupted()
    code = "import sys; from pathlib import Path; from deepcli.run.directory import RunDir\nwith RunDir(Path('a b')).owned(): print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        owner.stdout.readline()
        for words in (["--resume", "a b"], [path, "-o", "a b", "--if-exists", "overwrite"]):
            done = cli("train", *words)
            assert done.code == 2
            assert "the run a b is being trained by another process" in done.err
        owner.kill()
    assert cli("train", "--resume", "a b").code == 0


def test_initial_weights_begin_a_new_run_with_old_weights(cli, spec):
    path = spec(BASE.replace("epochs: 3", "epochs: 6"))
    assert cli("train", path, "-o", "old").code == 0
    words = ["train", path, "training.epochs=1", "optimizer.learning_rate=1e-9", "training.precision=float32", "--json"]
    fresh = json.loads(cli(*words, "-o", "fresh").out)
    tuned = json.loads(cli(*words, "-o", "tuned", "training.initial_weights=old").out)
    old = json.loads(Path("old/metrics.json").read_text())
    assert tuned["metrics"]["test"]["loss"] == pytest.approx(old["metrics"]["test"]["loss"], rel=1e-3)
    assert fresh["metrics"]["test"]["loss"] > 1.1 * tuned["metrics"]["test"]["loss"]
    done = cli(*words, "-o", "misfit", "training.initial_weights=old", "model.hidden_units=[7]")
    assert done.code == 2
    assert "weights do not fit the model" in done.err
    assert not Path("misfit").exists()
    done = cli(*words, "-o", "misfit", "training.initial_weights=nowhere")
    assert done.code == 2
    assert "nowhere does not exist" in done.err


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_sigusr1_writes_a_checkpoint_and_goes_on(spec):
    class Asking(NullReporter):
        def __init__(self):
            self.seen = []

        def due(self):
            if not self.seen:
                os.kill(os.getpid(), signal.SIGUSR1)
            self.seen.append(RunDir(Path("a")).last.exists())
            return False

    experiment = load([spec(BASE.replace("epochs: 3", "epochs: 3, checkpoint: {every_epochs: null}"))]).experiment
    reporter = Asking()
    train(experiment, experiment.data.load(Sources()), TrainOptions(Path("a")), reporter)
    assert reporter.seen[:3] == [False, True, True]
    assert len(rows("a")) == 3


DIVERGING = """
data: {type: digits, limit: 120, batch_size: 16}
model: {type: mlp, hidden_units: [16, 16], activation: exponential}
optimizer: {type: sgd, learning_rate: RATE}
training: {epochs: 4, precision: float32, checkpoint: {every_steps: EVERY}}
"""


@pytest.fixture
def diverging(spec):
    return lambda rate, every: spec(DIVERGING.replace("RATE", rate).replace("EVERY", every))


@pytest.mark.parametrize(("rate", "every", "step"), [("1.0", "2", 2), ("0.3", "2", 4), ("0.3", "null", 4)])
def test_a_divergence_says_where_it_began_and_keeps_the_last_good_checkpoint(cli, diverging, rate, every, step):
    done = cli("train", diverging(rate, every), "-o", "a", "--json")
    assert done.code == 1
    result = json.loads(done.out)
    assert (result["status"], result["run"], result["checkpoint"]) == ("failed", "a", None)
    assert re.search(
        rf"it began in step {step} \(epoch 1\), at a learning rate of {rate.removesuffix('.0')}, with outputs of the layer "
        r"dense_\d_activation \(Activation\)", result["error"],
    )  # fmt: skip
    kept = json.loads(Path("a/metrics.json").read_text())
    assert (kept["status"], kept["error"]) == ("failed", result["error"])
    checkpoints = sorted(path.name for path in Path("a/checkpoints").iterdir())
    assert checkpoints == (["last.keras"] if step == 4 and every == "2" else [])
    for name in checkpoints:
        assert cli("evaluate", f"a/checkpoints/{name}").code == 0
        assert f"the last good checkpoint is a/checkpoints/{name}, at step 2" in result["error"]


def test_a_rollback_halves_the_rate_until_training_stays_finite(cli, diverging):
    words = ["train", diverging("0.3", "null"), "training.on_divergence=rollback", "--json"]
    done = cli(*words, "-o", "a")
    assert done.code == 0
    rollbacks = json.loads(done.out)["rollbacks"]
    assert 1 <= len(rollbacks) <= 3
    assert all(rollback["back_to"] == 0 and "became" in rollback["reason"] for rollback in rollbacks)
    assert done.err.count("with half the learning rate") == len(rollbacks)
    assert {float(row["learning_rate"]) for row in rows("a")} == {0.3 / 2 ** len(rollbacks)}
    with pytest.raises(Interrupted):
        begin(Path(words[1]), ["training.on_divergence=rollback"], Path("b"), Cut(10))
    assert len(State.from_bytes(open_checkpoint(Path("b/checkpoints/last.keras")).read(STATE)).rollbacks) == len(
        rollbacks
    )
    assert cli("train", "--resume", "b").code == 0
    assert fingerprint(Path("a")) == fingerprint(Path("b"))


def test_after_three_rollbacks_a_run_that_diverges_has_failed(cli, diverging):
    done = cli("train", diverging("100", "null"), "-o", "a", "training.on_divergence=rollback")
    assert done.code == 1
    assert "rollback 3 of 3" in done.err
    assert "at a learning rate of 12.5" in done.err
    assert len(json.loads(Path("a/metrics.json").read_text())["rollbacks"]) == 3


@pytest.mark.parametrize("where", ["gradients", "loss", "weights"])
def test_where_a_divergence_began_is_told_from_outputs_to_weights(cli, spec, where):
    """A plugin's loss of which only the gradient, or only the value, is no number; a rate that only weights overflow at."""
    plugin = Path("broken.py")
    plugin.write_text(BROKEN)
    text = BASE.replace("model: mlp", "model: {type: mlp, hidden_units: [8]}") + f"loss: broken_{where}\n"
    text += "optimizer: {type: sgd, learning_rate: 1e30}\n"
    done = cli("train", spec(text), "-o", "a", "--plugin", plugin, "training.precision=float32")
    assert done.code == 1
    expected = {
        "gradients": "gradients of the layer output (Dense)",
        "loss": "the loss, while all outputs and gradients are finite",
        "weights": "the new weights of the layer",
    }
    assert expected[where] in done.err
