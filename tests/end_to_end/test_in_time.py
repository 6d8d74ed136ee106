"""Runs that end in time, and what they would cost: `training.max_time`, `--budget`, `--dry-run`."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepcli.data.files import Sources
from deepcli.errors import Interrupted
from deepcli.experiment.load import load
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.rehearsal import Rehearsal
from deepcli.training.state import State
from deepcli.training.train import train
from tests.torture.runs import Cut, begin, fingerprint, go_on, position

BASE = "data: {type: digits, limit: 120, batch_size: 16}\nmodel: mlp\ntraining: {epochs: 3, steps_per_execution: 1}\n"
FORGETFUL = {
    "mlp": (
        "data: {type: digits, limit: 60, batch_size: 16, augmentation: {rotation: 0.1}}\n"
        "model: {type: mlp, regularization: {dropout: 0.4, normalization: batch}}\n"
        "optimizer: {type: adam, use_ema: true, ema_momentum: 0.9}\n"
    ),
    "lstm": (
        "data: {type: digits, limit: 60, batch_size: 16}\n"
        "model: {type: lstm, units: 8, regularization: {dropout: 0.2, recurrent_dropout: 0.3}}\n"
        "optimizer: {type: adam, gradient_accumulation_steps: 3}\nschedule: {type: cosine, warmup: 0.2}\n"
    ),
}


@pytest.fixture
def ticks(monkeypatch):
    """Let each training step take a second, and nothing else any time."""
    from deepcli.training import in_time, time_limit
    from deepcli.training.tensorflow_backend import TensorFlowBackend

    passed, take = [0.0], TensorFlowBackend.take_steps

    def take_steps(*words):
        passed[0] += 1
        return take(*words)

    monkeypatch.setattr(TensorFlowBackend, "take_steps", take_steps)
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    monkeypatch.setattr(in_time, "rehearse", lambda *_: Rehearsal(0.0, 1.0, 8, 1, 0.0, 0.0, 0.0, 1, 0.0, 1.5))


def trained(output):
    """Return what makes up the last checkpoint and the history, without the state of the limit."""
    prints = fingerprint(Path(output))
    return {name: mark for name, mark in prints.items() if not name.endswith("memory")}


def saved(output):
    return State.from_bytes(open_checkpoint(RunDir(Path(output)).last).read(STATE))


@pytest.mark.parametrize("family", ["mlp", pytest.param("lstm", marks=pytest.mark.long)])
def test_a_limit_that_is_not_reached_changes_no_bit(spec, family):
    """Although real steps were taken before the first one, to measure them."""
    path = spec(FORGETFUL[family])
    begin(path, ["training.epochs=1"], Path("free"))
    begin(path, ["training.epochs=1", "training.max_time=1d"], Path("limited"))
    assert trained("limited") == trained("free")
    assert saved("limited").callbacks["max_time"]["ended_by"] is None


def test_time_ends_a_run_within_an_epoch_with_figures(spec, ticks):
    path = spec(BASE)
    result = begin(path, ["training.max_time=12s"], Path("a"))
    # Ten steps and one more would be 11 of the 12 seconds; 8 steps are an epoch.
    assert (result.status, result.epochs) == ("completed", 2)
    assert {"train", "validation", "test"} == set(result.metrics)
    at = position(Path("a"))
    assert (at.epoch, at.step, at.total) == (1, 3, 11)
    assert result.ended == "time"
    assert "stopped in epoch 2 of" in (log := Path("a/train.log").read_text())
    assert "11s of training.max_time 12s are over, and 0s of it are kept" in log
    assert Path("a/predictions-test.npz").exists()


def test_more_time_continues_the_epoch_that_was_cut_as_if_nothing_had_been(cli, spec, ticks):
    path = spec(BASE)
    begin(path, [], Path("whole"))
    begin(path, ["training.max_time=12s"], Path("a"))
    done = cli("train", "--resume", "a")
    assert done.code == 0 and "the run a has finished; nothing was trained" in done.err
    assert cli("train", path, "training.max_time=12s", "-o", "a", "--if-exists", "skip").code == 0
    assert (
        "training.max_time: 12.0 in the run, 50.0 now"
        in cli("train", path, "training.max_time=50s", "-o", "a", "--if-exists", "skip").err
    )
    done = cli("train", path, "training.max_time=50s", "-o", "a", "--if-exists", "resume", "--json")
    assert "resuming a at step 11" in done.err and json.loads(done.out)["epochs"] == 3
    ours, theirs = trained("a"), trained("whole")
    assert {name: mark for name, mark in ours.items() if name.startswith(("last", "history"))} == {
        name: mark for name, mark in theirs.items() if name.startswith(("last", "history"))
    }
    done = cli("train", "--resume", "a", "training.max_time=9m")
    assert "the run a has finished; nothing was trained" in done.err


def test_time_counts_over_resumptions(spec, ticks):
    path = spec(BASE)
    with pytest.raises(Interrupted):
        begin(path, ["training.max_time=12s"], Path("a"), Cut(6))
    taken = position(Path("a")).total
    assert saved("a").callbacks["max_time"] == {"seconds": taken, "ended_by": None} and 0 < taken < 8
    go_on(Path("a"))
    assert position(Path("a")).total == 11
    begin(path, ["training.max_time=12s"], Path("whole"))
    assert trained("a") == trained("whole")


def test_a_run_that_is_stopped_after_its_time_only_evaluates(spec, ticks):
    path, whole = spec(BASE), Cut()
    result = begin(path, ["training.max_time=12s"], Path("whole"), whole)
    # The last times that a run looks for signals: validation of the epoch that was cut, its end, the test.
    for at in range(whole.looked - 3, whole.looked + 1):
        output = Path(f"cut-{at}")
        with pytest.raises(Interrupted):
            begin(path, ["training.max_time=12s"], output, Cut(at))
        assert position(output).total == 11
        assert go_on(output).metrics == result.metrics
        assert trained(output) == trained("whole")


def test_the_best_weights_that_wait_in_memory_are_written_at_the_end(spec, ticks):
    experiment = load([spec(BASE)], ["training.max_time=12s"]).experiment
    options = TrainOptions(Path("a"), test=False, seconds_between_saves=1000.0)
    result = train(experiment, experiment.data.load(Sources()), options, NullReporter())
    best = State.from_bytes(open_checkpoint(RunDir(Path("a")).best).read(STATE)).best
    assert best["epoch"] == result.best_epoch == 2 and set(result.metrics) == {"train", "validation"}


def test_a_time_too_short_for_one_step_is_an_error_that_leaves_nothing(cli, spec):
    done = cli("train", spec(BASE), "training.max_time=0.001", "-o", "a")
    assert done.code == 2 and not Path("a").exists()
    assert "error: training.max_time: 0.001s is too short for one step: compiling took" in done.err
    assert "allow at least " in done.err


def test_a_budget_writes_the_epochs_that_it_chose_into_the_run(cli, spec, monkeypatch):
    from deepcli.training import in_time

    def rehearsed(*_):
        return Rehearsal(0.0, 1.0, 8, 1, 900.0, 300.0, 0.0, 1, 0.0, 1.5)

    monkeypatch.setattr(in_time, "rehearse", rehearsed)
    path = spec(BASE + "schedule: cosine\n")
    done = cli("train", path, "--budget", "1h", "-o", "a")
    # 0.9 * (3,600 - 300) are three epochs of 908.
    assert done.code == 0 and "budget 1h: 15m8s an epoch measured; training.epochs=3" in done.err
    assert "budget 1h: " in Path("a/train.log").read_text()
    own = load([Path("a/config.yaml")]).experiment.training
    assert (own.epochs, own.max_steps, own.max_time) == (3, None, 3600)
    assert cli("train", path, "--budget", "1h", "-o", "a", "--if-exists", "resume").code == 0
    assert cli("train", path, "--budget", "1h", "-o", "a", "--if-exists", "skip").code == 0
    again = cli("train", path, "--budget", "2h", "-o", "a", "--if-exists", "resume")
    assert again.code == 2 and "the run a was started for 1h, not with --budget 2h" in again.err
    # Without the option, and without any measuring, the spec of the run gives the same figures.
    assert cli("train", "a/config.yaml", "-o", "b").code == 0
    assert trained("a")["history"] == trained("b")["history"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["training.epochs=3"], "--budget: chooses training.epochs; leave out one of the two"),
        (["--set", "training.max_time=3"], "--budget: chooses training.max_time"),
        (["--resume", "a"], "--budget: chooses the epochs of a new run"),
    ],
)
def test_a_budget_and_what_it_chooses_exclude_each_other(cli, spec, words, says):
    done = cli("train", spec(BASE), "--budget", "1h", *words)
    assert done.code == 2 and says in done.err


def test_a_dry_run_says_what_the_run_then_is_and_writes_nothing(cli, spec):
    path = spec(BASE)
    before = sorted(Path().rglob("*"))
    done = cli("train", path, "--dry-run", "-o", "a")
    assert done.code == 0 and sorted(Path().rglob("*")) == before
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert "parameters  " in done.out and "nothing was written" in done.out
    cost = json.loads(cli("show", path, "--cost", "--json").out)
    assert cost["parameters"] == 64 * 128 + 128 + 128 * 10 + 10
    assert cost["flops_example"] == 2 * (64 * 128 + 128 * 10)
    cli("train", path, "-o", "a", "--quiet")
    environment = json.loads(Path("a/environment.json").read_text())
    assert cost["parameters"] == cost["trainable"] == environment["parameters"]
    size = RunDir(Path("a")).last.stat().st_size
    assert cost["disk"]["checkpoint"] == pytest.approx(size, rel=0.05)
    assert cost["disk"]["checkpoints"] == len(list(Path("a/checkpoints").glob("*.keras")))
    # Three passes of 16 examples.
    assert cost["flops_step"] == 3 * 16 * cost["flops_example"]
    assert cost["steps_per_epoch"] == 8 and cost["epochs"] == 3
    # Adam keeps two values for each weight, and a few counters.
    assert cost["memory"]["weights"] == cost["memory"]["gradients"] == 4 * cost["parameters"]
    assert 8 * cost["parameters"] <= cost["memory"]["optimizer"] < 8 * cost["parameters"] + 100
    assert cost["seconds"]["run"] > 3 * cost["seconds"]["epoch"] > 24 * cost["seconds"]["step"] > 0


def test_the_cost_is_there_for_python_and_a_budget_changes_its_epochs(spec, monkeypatch):
    import deepcli

    found = deepcli.cost(spec(BASE), budget="1h", progress=False)
    assert found.epochs > 100
    assert found.seconds.run < 3600
    with pytest.raises(deepcli.UsageError, match="--budget"):
        deepcli.cost(spec(BASE), budget="soon", progress=False)


def test_only_the_cost_has_json(cli, spec):
    assert "--json: has no effect without --cost" in cli("show", spec(BASE), "--json").err
    assert "choose one" in cli("show", spec(BASE), "--model", "--cost").err
