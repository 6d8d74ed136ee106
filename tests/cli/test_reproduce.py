"""`deepcli reproduce`: a run trained anew is the same to the bit, or the difference is explained."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import keras
import numpy as np
import pytest

import deepcli
from deepcli.cli.schemas import schemas
from deepcli.run.directory import RunDir
from deepcli.run.run_bits import fingerprint

PLUGIN = Path(__file__).parent.parent / "unrepeatable.py"
SPEC = (
    "data: {type: digits, limit: 200}\n"
    "model: {type: mlp, hidden_units: [16], regularization: {dropout: 0.3}}\n"
    "training: {epochs: 2, steps_per_execution: 2}\n"
)
RANDOM = "data: {type: digits, limit: 200}\nmodel: {type: unseeded, size: SIZE}\ntraining: {epochs: 1}\n"


def trained(cli, path, *words, output="runs/a"):
    done = cli("train", path, *words, "-o", output, "-q")
    assert done.code == 0, done.err
    return Path(output)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that several tests copy."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "spec.yaml").write_text(SPEC)
    deepcli.train(folder / "spec.yaml", output=folder / "a", progress=False)
    return folder / "a"


@pytest.fixture
def run(finished):
    """Copy that run into the current folder."""
    return Path(shutil.copytree(finished, "runs/a"))


def edited(run, **changes):
    """Change what a run recorded of its environment; dots lead into sections."""
    about = RunDir(run).described()
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            about[section][key] = value
        else:
            about[section] = value
    RunDir(run).environment.write_text(json.dumps(about))


def test_a_run_is_equal_to_the_bit_and_the_new_one_is_removed(cli, run):
    done = cli("reproduce", run)
    assert done.code == 0, done.err
    assert done.out.startswith(
        "equal to the bit: history, figures, predictions, last weights, optimizer, random generators and metrics, callbacks, best weights\n"
    )
    assert "epoch 2/2" in done.err  # progress as of train
    assert list(Path("runs").iterdir()) == [run]
    done = cli("reproduce", "latest", "--keep", "--json", "-q")
    told = json.loads(done.out)
    jsonschema.validate(told, schemas()["schemas/reproduce.schema.json"])
    assert (told["status"], told["equal"], told["verdict"]) == ("completed", True, "equal")
    assert told["reproduction"] == "runs/a-reproduced" and told["differences"] == told["environment"] == []
    assert fingerprint(RunDir(run)) == fingerprint(RunDir(Path("runs/a-reproduced")))


def test_the_first_epochs_alone_are_compared_by_their_history(run):
    found = deepcli.reproduce(run, output="elsewhere", epochs=1, progress=False)
    assert found.equal and found.headline == "equal to the bit: history of the first epoch"
    assert len(Path("elsewhere/history.csv").read_text().splitlines()) == 2
    assert not Path("elsewhere/predictions-test.npz").exists()


def test_a_run_that_was_interrupted_and_resumed_is_reproduced_in_one_go(cli, spec):
    run = trained(cli, spec(SPEC), "training.epochs=1")
    assert cli("train", "--resume", run, "training.epochs=3", "-q").code == 0
    done = cli("reproduce", run, "-q")
    assert (done.code, done.out[:16]) == (0, "equal to the bit"), done.out


@pytest.mark.parametrize("seconds", [0.0, pytest.param(1e9, marks=pytest.mark.long)])
def test_a_run_that_the_clock_ended_ends_at_the_same_step(cli, spec, monkeypatch, seconds):
    """In the second epoch, in one call of two steps; also where it had time for all."""
    from deepcli.training import time_limit

    decide, looked = time_limit.TimeLimit._decide, []

    def at_the_fifth(self):
        decide(self)
        looked.append(0)
        self.over = self.over or (not seconds and len(looked) >= 5)

    monkeypatch.setattr(time_limit.TimeLimit, "_decide", at_the_fifth)
    run = trained(cli, spec(SPEC), "schedule=cosine", "training.max_time=1h")
    monkeypatch.setattr(time_limit.TimeLimit, "_decide", decide)
    result = RunDir(run).result()
    assert (result.ended, result.epochs) == ("completed" if seconds else "time", 2)
    done = cli("reproduce", run, "--json", "-q")
    told = json.loads(done.out)
    assert done.code == 0 and told["equal"], told


@pytest.mark.long
def test_a_run_that_a_programs_callback_ended_ends_there(spec, cli):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    deepcli.train(spec(SPEC), output="runs/a", callbacks=[Stop()], progress=False)
    done = cli("reproduce", "runs/a")
    assert done.code == 0 and "equal to the bit" in done.out, done.out
    assert "notice: a callback of a Python program ended the run" in done.err


def test_a_layer_without_a_seed_is_found_and_the_evidence_is_kept(cli, spec):
    run = trained(cli, spec(RANDOM.replace("SIZE", "0.1")), "--plugin", PLUGIN)
    done = cli("reproduce", run, "--plugin", PLUGIN)
    assert done.code == 1, done.out
    assert done.out.startswith(
        "differs, although nothing that the run recorded is different: something in it is random"
    )
    assert "last weights: " in done.out and "history: loss from epoch 1 on: " in done.out
    assert "the new run: runs/a-reproduced" in done.out and Path("runs/a-reproduced/metrics.json").exists()


@pytest.mark.long
def test_a_second_difference_replaces_no_evidence(cli, spec):
    run = trained(cli, spec(RANDOM.replace("SIZE", "0.1")), "--plugin", PLUGIN)
    for name in ("runs/a-reproduced", "runs/a-reproduced_2"):
        done = cli("reproduce", run, "--plugin", PLUGIN, "--json", "-q")
        told = json.loads(done.out)
        assert (done.code, told["status"], told["verdict"]) == (1, "failed", "unexplained")
        assert told["reproduction"] == name and told["error"].startswith("differs, although")


@pytest.mark.long
def test_a_difference_with_a_cause_is_measured_by_the_test_examples(cli, spec):
    run = trained(cli, spec(RANDOM.replace("SIZE", "1e-6")), "--plugin", PLUGIN)
    edited(run, versions__tensorflow="2.1.0", processor=None)
    done = cli("reproduce", run, "--plugin", PLUGIN)
    assert done.code == 0, done.out + done.err
    assert "differs within the expected spread; what may have caused it: tensorflow" in done.out
    assert "expected spread over test examples: test accuracy" in done.out and "within noise" in done.out
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.split()}
    assert rows["tensorflow"][0] == "2.1.0" and rows["processor"][:2] == ["not", "recorded"]


@pytest.mark.long
def test_a_difference_beyond_the_spread_of_other_seeds_is_a_failure(cli, spec):
    path = spec(RANDOM.replace("SIZE", "1e-6"))
    for seed in (0, 1, 2):
        trained(cli, path, f"seed={seed}", "--plugin", PLUGIN, output=f"runs/seed-{seed}")
    edited(Path("runs/seed-0"), threads=None, versions__numpy="1.0")
    found = deepcli.reproduce("runs/seed-0", plugins=PLUGIN, progress=False)
    assert found.verdict == "within spread" and found.spread.method == "seeds" and found.spread.seeds == 3
    with np.load("runs/seed-0/predictions-test.npz") as saved:
        right = np.eye(10, dtype=np.float32)[saved["labels"]]
        arrays = {**{name: saved[name] for name in saved.files}, "probabilities": right}
    for seed in (0, 1, 2):  # as if the spec had known nearly everything
        wrong = arrays["probabilities"].copy()
        wrong[: 2 + seed] = wrong[: 2 + seed, ::-1]
        np.savez(f"runs/seed-{seed}/predictions-test.npz", **{**arrays, "probabilities": wrong})
    done = cli("reproduce", "runs/seed-0", "--plugin", PLUGIN, "--json", "-q")
    told = json.loads(done.out)
    assert done.code == 1 and told["verdict"] == "beyond spread", told
    assert "is not explained by numpy alone" in told["error"]
    assert told["spread"]["interval"][0] > 0.9 > told["spread"]["now"]


@pytest.mark.long
def test_a_trial_without_test_figures_is_not_tested(cli, spec):
    assert cli("sweep", "run", spec(SPEC), "seed=[1, 2]", "-o", "swept", "-q").code == 0
    results = {path.parent: json.loads(path.read_text()) for path in Path("swept").rglob("metrics.json")}
    (trial,) = [path for path, result in results.items() if "test" not in result["metrics"]]
    # Workers of a sweep have their own number of threads, and so has a process of its own.
    command = f"{sys.executable} -m deepcli reproduce {trial} -q -o anew".split()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:16]) == (0, "equal to the bit"), done
    assert not Path("anew/predictions-test.npz").exists()


def test_threads_that_a_process_cannot_have_are_a_cause(cli, run):
    edited(run, threads=7)
    done = cli("reproduce", run)
    assert done.code == 0 and "notice: runs/a was trained with 7 threads, but TensorFlow already runs" in done.err
    assert done.out.startswith("equal to the bit: ") and "threads  7     " in done.out


@pytest.fixture
def own(cli, tmp_path):
    """Train on a table of the user's."""
    rows = "\n".join(f"{i % 7},{i * 5 % 11},{'ab'[i % 7 > 3]}" for i in range(120))
    Path("table.csv").write_text(f"x,y,kind\n{rows}\n")
    assert cli("train", "table.csv", "data.target=kind", "training.epochs=1", "-o", "runs/a", "-q").code == 0
    return Path("runs/a")


def test_data_that_are_gone_moved_or_changed(cli, own):
    table = Path("table.csv")
    moved = table.rename("moved.csv")
    done = cli("reproduce", own)
    assert done.code == 2 and "table.csv" in done.err and "add data.path=NEW after the run" in done.err
    assert cli("reproduce", own, "data.path=moved.csv", "-q").code == 0
    table.write_text(moved.read_text().replace("0,0,a", "0,0,b"))
    done = cli("reproduce", own)
    assert done.code == 2 and "the data differ from those that runs/a was trained on" in done.err
    assert "trained on  SHA-256 " in done.err and "read now    SHA-256 " in done.err
    done = cli("reproduce", own, "data.target=x")
    assert done.code == 2 and "only the place of its data can be named" in done.err
    assert list(Path("runs").iterdir()) == [own]


def test_plugins_are_named_and_compared(cli, spec):
    plugin = Path(shutil.copy(PLUGIN, "mine.py")).absolute()
    run = trained(cli, spec(RANDOM.replace("SIZE", "0")), "--plugin", "mine.py")
    assert cli("reproduce", run, "--plugin", "mine.py", "-q").code == 0
    plugin.write_text(plugin.read_text() + "\n")
    done = cli("reproduce", run, "--plugin", "mine.py")
    assert done.code == 2 and f"the plugin {plugin} has changed since runs/a was trained with it" in done.err
    assert done.err.count("SHA-256") == 2
    plugin.unlink()
    done = cli("reproduce", run)
    assert done.code == 2 and f"runs/a was trained with --plugin {plugin}, so add that" in done.err


@pytest.mark.long
def test_weights_that_a_run_started_from_are_compared(cli, spec):
    first = trained(cli, spec(SPEC), "training.epochs=1", output="first")
    run = trained(cli, spec(SPEC), "training.epochs=1", "training.initial_weights=first")
    assert cli("reproduce", run, "-q").code == 0
    trained(cli, spec(SPEC), "training.epochs=1", "seed=3", output="second")
    shutil.copy("second/checkpoints/best.keras", first / "checkpoints/best.keras")
    done = cli("reproduce", run)
    assert done.code == 2 and "training.initial_weights: " in done.err and "has changed since" in done.err
    shutil.rmtree(first)
    done = cli("reproduce", run)
    assert done.code == 2 and "is gone, which runs/a was trained with" in done.err


def test_what_cannot_be_reproduced_is_refused_before_training(cli, run):
    before = sorted(Path().rglob("*"))
    for words, message in (
        (["nowhere"], "nowhere is not a run"),
        ([run, "-o", run], "--output: runs/a exists"),
        ([run, "--epochs", "3"], "--epochs: should be from 1 to 2"),
        ([run, "--epochs", "0"], "--epochs"),
        ([run, "seed=3"], "only the data can be changed here"),
        ([run, "--device", "tpu"], "device"),
    ):
        done = cli("reproduce", *words)
        assert done.code == 2 and message in done.err, done.err
    edited(run, versions__deepcli="99.1.0")
    done = cli("reproduce", run)
    assert done.code == 2 and "was trained by deepcli 99.1.0, which is newer" in done.err
    edited(run, versions__deepcli="0.1.0")
    result = Path("runs/a/metrics.json").read_text()
    Path("runs/a/metrics.json").write_text(result.replace('"completed", "error": null', '"failed", "error": "x"', 1))
    done = cli("reproduce", run)
    assert done.code == 2 and "runs/a has failed" in done.err, done.err
    Path("runs/a/metrics.json").unlink()
    done = cli("reproduce", run)
    assert done.code == 2
    assert "runs/a has not ended (epoch 2 of 2); continue it first: deepcli train --resume runs/a" in done.err
    assert set(Path().rglob("*")) <= {*before, Path("runs/a/.lock")}


def test_an_interrupt_leaves_nothing_behind(cli, run, monkeypatch):
    import signal

    from deepcli.training.loop import Loop

    progress = Loop._numbers

    def interrupted(self, logs):
        self._signals.stop = signal.SIGINT
        return progress(self, logs)

    monkeypatch.setattr(Loop, "_numbers", interrupted)
    done = cli("reproduce", run, "--keep")
    assert done.code == 130 and "error: interrupted; the new run was removed" in done.err
    assert list(Path("runs").iterdir()) == [run]
