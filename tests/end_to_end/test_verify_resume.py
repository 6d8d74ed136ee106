"""`deepcli verify-resume`: kills at random places, resumed to the same bits, and what cannot be resumed is found."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jsonschema
import psutil
import pytest

import deepcli
from deepcli.api import killed_runs, resume_trial
from deepcli.api.kill_plan import KillPlace, RunPlaces
from deepcli.cli.schemas import schemas
from tests.in_process import InProcess

PLUGIN = str(Path(__file__).parent.parent / "unrepeatable.py")
SPEC = """
data: {type: digits, limit: 240, batch_size: 16, augmentation: {translation: 0.1}}
model: {type: mlp, hidden_units: [16], regularization: {dropout: 0.2}}
optimizer: {type: adam, use_ema: true}
schedule: {type: cosine, warmup: 0.1}
training: {epochs: 3, steps_per_execution: 2, checkpoint: {every_steps: 4}}
"""
PLAIN = "data: {type: digits, limit: 160}\nmodel: {type: mlp, hidden_units: [8]}\ntraining: {epochs: 2}\n"


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """Make temporary files in a folder of this test."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_run_that_is_killed_comes_to_the_same_bits(cli, spec, temporary):
    done = cli("verify-resume", spec(SPEC), "--kills", "1")
    assert done.code == 0, done.out + done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("kill 1: killed at epoch ") and "; resumed from epoch " in lines[0]
    assert lines[1].startswith(
        "equal to the bit after 1 kill: history, figures, predictions, last weights, optimizer, random generators and metrics, callbacks, best weights"
    )
    assert "one run takes about " in done.err and "killed once" in done.err
    assert not any(temporary.iterdir()) and not any(Path().iterdir())


@pytest.fixture
def quick(monkeypatch):
    """Train without processes of their own."""
    InProcess.starts = []
    monkeypatch.setattr(killed_runs, "WorkerProcess", InProcess)
    return InProcess


@pytest.mark.long
def test_the_object_says_where_and_what(cli, spec, quick):
    done = cli("verify-resume", spec(SPEC), "--kills", "2", "--json", "-q", "training.max_time=1h")
    told = json.loads(done.out)
    assert done.code == 0, told
    jsonschema.validate(told, schemas()["schemas/verify-resume.schema.json"])
    assert told["verdict"] == "equal" and told["differences"] == [] and told["folder"] is None
    assert len(quick.starts) == 4 and {kill["kind"] for kill in told["kills"]} == {"step", "saving"}
    for kill in told["kills"]:
        if kill["resumed_epoch"] is not None:
            steps = 15 * (kill["resumed_epoch"] - 1) + kill["resumed_step"]
            killed = 15 * (kill["epoch"] - 1) + kill["step"]
            assert 0 <= killed - steps <= 5  # a checkpoint every 4 steps, of which a call takes 2
    assert "training.max_time=null" in quick.starts[0]["overrides"]


def test_a_callback_whose_state_no_checkpoint_holds_is_found(cli, spec, quick):
    done = cli(
        "verify-resume",
        spec(PLAIN),
        "training.callbacks=[shrink_once]",
        "--plugin",
        PLUGIN,
        "--kills",
        "1",
        "--seed",
        "3",
    )
    assert done.code == 1, done.out + done.err
    assert "; resumed from epoch " in done.out
    assert (
        "differs after 1 kill, and two runs without kills do not: something has a state that no checkpoint" in done.out
    )
    assert "last weights: 4 of 4 arrays differ, by at most " in done.out
    folder = Path(done.out.splitlines()[-1].removeprefix("the runs: "))
    assert {path.name for path in folder.iterdir()} == {"whole", "killed", "again"}
    assert deepcli.Run(folder / "killed", plugins=PLUGIN).result.status == "completed"


def test_a_layer_without_a_seed_is_not_blamed_on_resuming(spec, quick):
    found = deepcli.verify_resume(spec(PLAIN), "model=unseeded", kills=1, plugins=PLUGIN, progress=False)
    assert found.verdict == "not repeatable" and not found.ok and "so do two runs without kills" in found.headline


def test_a_run_that_does_not_go_on_is_found(cli, spec, quick):
    done = cli(
        "verify-resume",
        spec(PLAIN),
        "training.callbacks=[refuses_state]",
        "--plugin",
        PLUGIN,
        "--kills",
        "1",
        "--json",
        "-q",
    )
    told = json.loads(done.out)
    assert (done.code, told["verdict"]) == (1, "failed")
    assert told["error"].startswith("cannot be resumed after 1 kill: ") and "of the wrong kind" in told["error"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kills", "0"], "--kills: should be from 1 to 100, not 0"),
        (["training.epochs=1"], "the run writes its first checkpoint at its end, so there is nothing to resume"),
        (["model.hiden_units=3"], "did you mean"),
        (["--device", "tpu"], "device"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_is_an_error_before_anything_is_trained(cli, spec, monkeypatch, temporary, words, message):
    monkeypatch.setattr(killed_runs, "WorkerProcess", None)
    done = cli("verify-resume", spec(PLAIN), *words)
    assert done.code == 2 and message in done.err, done.err
    assert cli("verify-resume", "nowhere.yaml").code == 2
    assert not any(temporary.iterdir())


def test_a_run_without_a_checkpoint_before_its_end_has_nothing_to_resume(cli, spec, quick, temporary):
    done = cli("verify-resume", spec(PLAIN), "training.checkpoint={every_epochs: null, every_minutes: 60}")
    assert (
        done.code == 2 and "the run writes its first checkpoint at its end, so there is nothing to resume" in done.err
    )
    assert not any(temporary.iterdir()) and len(quick.starts) == 1


def test_a_failure_without_kills_is_that_of_train(cli, spec, quick, temporary):
    done = cli("verify-resume", spec(PLAIN), "optimizer.learning_rate=1e30")
    assert done.code == 1 and "the run diverged" in done.err
    assert not any(temporary.iterdir())


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_processes_and_leaves_nothing_behind(spec, tmp_path, number):
    path = spec(SPEC + "name: long\n")
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "deepcli", "verify-resume", path, "training.epochs=100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    end = time.monotonic() + 120
    while not list((tmp_path / "tmp").glob("*/whole/checkpoints/last.keras")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number and "error: interrupted; nothing was kept" in err, err
    _, alive = psutil.wait_procs(children, timeout=60)
    assert children and not alive
    assert not list((tmp_path / "tmp").iterdir())


def test_the_time_counts_both_runs_and_each_start():
    cost = {"run": 100.0, "epoch": 20.0, "starting": 10.0}
    assert resume_trial.duration_line(cost, 3) == (
        "one run takes about 1m40s; with a second one that is killed 3 times, 4m20s"
    )
    assert "training.epochs=2" in resume_trial.duration_line({**cost, "run": 1000.0}, 1)


def test_places_are_anywhere_but_one_is_after_the_first_checkpoint():
    from deepcli.api.kill_plan import planned_kills

    places = RunPlaces(10, (4, 10), 3, 6, (2, 5))
    drawn = [planned_kills(places, 3, seed) for seed in range(200)]
    assert all(any((kill.epoch, kill.step) > (2, 5) for kill in kills) for kills in drawn)
    assert all([(k.epoch, k.step) for k in kills] == sorted((k.epoch, k.step) for k in kills) for kills in drawn)
    steps = {(kill.epoch, kill.step) for kills in drawn for kill in kills}
    assert steps == {(epoch, step) for epoch in range(1, 5) for step in range(1, 11)}
    assert {(kill.kind, kill.nth) for kills in drawn for kill in kills} == {
        ("step", 1), *(("validation", n) for n in (1, 2, 3)), *(("saving", n) for n in range(1, 7)),
    }  # fmt: skip
    without = planned_kills(RunPlaces(10, (1, 7), 0, 4, (1, 3)), 6, 0)
    assert {kill.kind for kill in without} == {"step", "saving"} and max(kill.step for kill in without) <= 7
    assert planned_kills(places, 3, 5) == planned_kills(places, 3, 5) != planned_kills(places, 3, 6)
    assert KillPlace("saving", 2, 7, 1, "best.keras").text == "epoch 2, step 7, while best.keras was written"
