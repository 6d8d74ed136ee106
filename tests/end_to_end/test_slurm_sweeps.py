"""Sweeps as jobs of SLURM: with programs that stand in for SLURM's, and with executors of submitit on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.engines.engine import Launch
from deepcli.sweeps.engines.slurm_submission import submit_to
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.start import open_study, start_sweep
from tests import fake_slurm
from tests.conftest import ROOT

submitit = pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM's machines have Linux")
SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: EPOCHS}
"""
RATES = "optimizer.learning_rate=[1e-3, 1e-2]"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    state = fake_slurm.install(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{state.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield state
    for pid in state.glob("*.pid"):
        if not pid.with_suffix(".code").exists():
            os.killpg(int(pid.read_text()), signal.SIGKILL)


def command(spec, epochs, *words):
    path = spec(SPEC.replace("EPOCHS", str(epochs)))
    return [sys.executable, "-m", "deepcli", "sweep", "run", str(path), RATES, "-o", "a sweep", "--json", *words,
            "--on", "slurm", "--workers", "2", "--time", "1h"]  # fmt: skip


def wait_for(what, seconds=90):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def begun():
    return len(list(Path("a sweep").glob("trials/*/history.csv"))) == 2


@pytest.mark.long
def test_a_sweep_on_slurm(cluster, spec):
    done = subprocess.run(command(spec, 1), capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "submitted to SLURM: 100_0 and 100_1 (pending); logs in a sweep/logs/slurm" in done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["status"], outcome["completed"], bool(outcome["best"]["test"])) == ("completed", 2, True)
    assert [(job["id"], job["engine"], job["state"]) for job in outcome["jobs"]] == [
        ("100_0", "slurm", "ended"), ("100_1", "slurm", "ended")
    ]  # fmt: skip
    assert sorted(path.name for path in Path("a sweep/logs/slurm").glob("*.finished")) == [
        "100_0.finished", "100_1.finished"
    ]  # fmt: skip


@pytest.mark.long
def test_jobs_that_are_left_alone_are_shown_found_again_and_ended_with_checkpoints(cluster, spec):
    done = subprocess.run([*command(spec, 3000), "--detach"], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "unfinished"
    wait_for(begun)
    status = subprocess.run(
        [sys.executable, "-m", "deepcli", "sweep", "status", "a sweep"], capture_output=True, text=True, timeout=60
    )
    assert "slurm jobs running: 100_0 on node-a, 100_1 on node-a" in status.stdout
    process = subprocess.Popen(command(spec, 3000), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = next(line for line in process.stderr if "jobs" in line)
    assert "jobs of this sweep are still in the queue, so none are submitted" in line
    wait_for(lambda: "2 running" in process.stderr.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"] == 2 and not list(cluster.glob("101*"))
    assert len(list(Path("a sweep").glob("trials/*/checkpoints/last.keras"))) == 2
    assert all(path.read_text().strip() == "143" for path in cluster.glob("100_*.code"))


@pytest.mark.long
def test_before_the_time_limit_a_job_leaves_its_trial_and_is_queued_again(cluster, spec):
    subprocess.run([*command(spec, 3000), "--detach"], check=True, capture_output=True, timeout=180)
    wait_for(begun)
    for pid in cluster.glob("100_*.pid"):  # every process of the job gets the signal but the script's shell
        for process in children(int(pid.read_text())):
            if "bash" not in process.name():
                process.send_signal(signal.SIGUSR1)
    wait_for(lambda: (cluster / "requeued").exists() and len((cluster / "requeued").read_text().split()) == 2)
    assert sorted((cluster / "requeued").read_text().split()) == ["100_0", "100_1"]
    assert len(list(Path("a sweep").glob("trials/*/checkpoints/last.keras"))) == 2
    study = open_study(SweepDir(Path("a sweep")))
    try:
        assert study.interrupted() == {0, 1}
        assert all(not trial.user_attrs.get("deaths") for trial in study.trials()), "left, not died"
    finally:
        study.close()


def children(pid):
    import psutil

    return psutil.Process(pid).children(recursive=True)


@pytest.fixture
def launch(spec, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def make(epochs):
        plan = load_sweep([str(spec(SPEC.replace("EPOCHS", str(epochs)))), RATES], (), (), {})
        folder, _ = start_sweep(Path("a sweep"), plan, None)
        (folder.logs / "slurm").mkdir()
        return Launch(folder, 1, ("--offline",), {"DEEPCLI_TEST": "1"})

    before = children(os.getpid())
    yield make
    for process in children(os.getpid()):  # submitit begins a job again whose time is over, for an hour
        if process not in before:
            process.kill()


def completed(folder):
    study = open_study(folder)
    try:
        return [trial.state.name for trial in study.trials()]
    finally:
        study.close()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit leaves its logs open
def test_submitits_debug_executor_trains_the_trials_in_this_process(launch):
    request = launch(1)
    executor = submitit.AutoExecutor(request.folder.logs / "slurm", cluster="debug")
    jobs = []
    submit = executor.submit
    executor.submit = lambda task: jobs.append(submit(task)) or jobs[-1]
    (job,) = submit_to(executor, request)
    assert job.state == "pending" and "DEEPCLI_TEST" not in os.environ
    jobs[0].result()
    assert completed(request.folder) == ["COMPLETE", "COMPLETE"]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit leaves its process to itself
def test_submitits_local_executor_leaves_the_trial_when_the_time_is_over(launch):
    request = launch(3000)
    folder = request.folder.logs / "slurm"
    executor = submitit.AutoExecutor(folder, cluster="local")
    executor.update_parameters(timeout_min=60)
    (job,) = submit_to(executor, request)
    wait_for(lambda: list(Path("a sweep").glob("trials/*/history.csv")))
    from submitit.local.local import LocalJobEnvironment

    (task,) = [process for process in children(os.getpid()) if "submitit.core._submit" in process.cmdline()]
    task.send_signal(LocalJobEnvironment._usr_sig())
    wait_for(lambda: not task.is_running() or task.status() == "zombie")
    assert "Requeued job" in (folder / f"{job.id}_0_log.out").read_text()
    assert completed(request.folder) == ["RUNNING"]
    assert list(Path("a sweep").glob("trials/*/checkpoints/last.keras"))
