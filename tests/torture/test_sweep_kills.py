"""Sweeps whose workers are killed: no trial is lost, none is trained to its end twice, none is stuck."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.start import open_study
from deepcli.sweeps.study.study import Study
from tests.conftest import ROOT
from tests.postgresql_server import served
from tests.torture import FULL, count

SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: EPOCHS}
"""
TRIALS, WORKERS = count(8, 100), count(2, 4)
SECONDS = 2.0 if FULL else 0.7
PATIENCE = count(180, 1800)
KILLS = count(7, 1_000_000)
"""A trial in which eight workers die is given up, as it should be; on a slow machine few trials might meet them all."""


def sweep(folder: Path, *words: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "deepcli", "sweep", "run", *map(str, words), "--output", str(folder), "--json"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Find the processes that train: the children of the one that has TensorFlow loaded."""
    with contextlib.suppress(psutil.Error):
        return [worker for local in psutil.Process(process.pid).children() for worker in local.children()]
    return []


def torment(process: subprocess.Popen, rng: random.Random) -> int:
    """Kill a worker every so often until the sweep ends; returns how many."""
    killed, end = 0, time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < end, "the sweep is stuck"
        time.sleep(SECONDS)
        if killed < KILLS and (workers := workers_of(process)):
            with contextlib.suppress(psutil.Error):
                rng.choice(workers).send_signal(signal.SIGKILL)
                killed += 1
    return killed


def check(folder: Path, outcome: dict, storage: str | None = None) -> int:
    """Check that every trial was completed, and each once; returns how many were gone on with after a death."""
    study = open_study(SweepDir(folder), storage)
    try:
        return _check(study, outcome)
    finally:
        study.close()


def _check(study: Study, outcome: dict) -> int:
    trials = study.trials()
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert outcome["status"] == "completed" and outcome["completed"] == TRIALS and not outcome["failed"]
    again = 0
    for trial in trials:
        run = RunDir(study.runs(trial.number)[0])
        assert run.result().status == "completed"
        log = run.log.read_text()
        ends = log.count("best epoch: ")  # one line when a training ends
        assert ends == 1, (trial.number, log)
        again += "deaths" in trial.user_attrs
        assert trial.value == run.result().metrics["validation"]["loss"]
    assert open_checkpoint(RunDir(study.winners[0]).best)
    assert "test" in RunDir(study.winners[0]).result().metrics
    tested = [trial.number for trial in trials if "test" in RunDir(study.runs(trial.number)[0]).result().metrics]
    assert len(tested) == 1
    return again


def run_and_torment(spec, folder: Path, counted, what: str, storage: str | None = None) -> None:
    words = [
        spec(SPEC.replace("EPOCHS", str(count(10, 40)))),
        "optimizer.learning_rate=log:1e-4:1e-1",
        "--method",
        "random",
        "--max-trials",
        str(TRIALS),
    ]
    began = time.monotonic()
    process = sweep(folder, *words, "--workers", str(WORKERS), **({"DEEPCLI_STORAGE": storage} if storage else {}))
    try:
        killed = torment(process, random.Random(0))
    finally:
        process.kill()
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    again = check(folder, json.loads(out), storage)
    counted(
        f"sweep, {what}: {WORKERS} workers, {TRIALS} trials, {killed} workers killed, {again} trials gone on with: "
        f"0 lost, 0 run twice to completion, 0 stuck, {time.monotonic() - began:.0f} s"
    )


def test_workers_that_are_killed_lose_no_trial(spec, tmp_path, counted):
    run_and_torment(spec, tmp_path / "a sweep", counted, "journal")


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    with served(tmp_path_factory.mktemp("postgresql")) as server:
        yield server.url


@pytest.mark.long
def test_workers_that_are_killed_lose_no_trial_of_a_database(spec, tmp_path, counted, postgresql):
    folder = tmp_path / "a sweep"
    run_and_torment(spec, folder, counted, "PostgreSQL", postgresql)
    assert "secret" not in (folder / "sweep.json").read_text()
    assert not (folder / "journal.log").exists()
