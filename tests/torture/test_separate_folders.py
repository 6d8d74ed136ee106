"""Workers without a common folder, whose only tie is PostgreSQL: killed, and with the server away for a while."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deepcli.run.directory import RunDir
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.start import open_study
from tests.conftest import ROOT
from tests.postgresql_server import served
from tests.torture import FULL, count

SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: EPOCHS}
"""
TRIALS, MACHINES = count(8, 100), count(2, 4)
SECONDS = 2.0
"""Between two kills on a machine of its own; a busy one needs more, or nobody would live long enough to begin an epoch."""
PATIENCE = count(300, 2400)
KILLS = count(7, 1_000_000)
"""A trial in which eight workers die is given up, as it should be; on a slow machine few trials might meet them all."""
COMMANDS = 25
"""One of so many kills of a `sweep worker` is of a whole `sweep worker` command with its processes."""

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")]


@pytest.fixture
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("postgresql")) as own:
        yield own


class Machines:
    """A `sweep run` in one folder, and a `sweep worker` in each of some others, as on as many machines.

    Args:
        folder: A folder for theirs.
        url: The database.
        words: Arguments of `sweep run`.
    """

    def __init__(self, folder, url, *words):
        self.folders = [folder / f"machine {number}" for number in range(MACHINES)]
        for one in self.folders:
            one.mkdir()
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "DEEPCLI_STORAGE": url}
        self.restarted = 0
        self.run = self._start(0, "sweep", "run", *words, "--workers", "1", "--output", "mine", "--json")
        self.study = self._wait_for_study()
        self.workers = [self._join(number) for number in range(1, MACHINES)]

    def _start(self, number, *words):
        out = (self.folders[number] / "out.txt").open("ab")
        err = (self.folders[number] / "err.txt").open("ab")
        with out, err:
            return subprocess.Popen(
                [sys.executable, "-m", "deepcli", *map(str, words)],
                stdout=out, stderr=err, env=self._environment, cwd=self.folders[number],
            )  # fmt: skip

    def _join(self, number):
        return self._start(number, "sweep", "worker", "--study", self.study, "--workers", "1", "--output", "mine")

    def _wait_for_study(self):
        end = time.monotonic() + 120
        while not (found := re.search(r"sweep worker --study (\S+)", self.said(0))):
            assert self.run.poll() is None and time.monotonic() < end, self.said(0)
            time.sleep(0.1)
        return found[1]

    def said(self, number):
        return (self.folders[number] / "err.txt").read_text()

    def training(self, number):
        """Find the processes of a machine that train: those whose parent has TensorFlow loaded and waits for them."""
        with contextlib.suppress(psutil.Error):
            local = (
                psutil.Process(self.run.pid).children()
                if number == 0
                else [psutil.Process(self.workers[number - 1].pid)]
            )
            return [one for parent in local for one in parent.children()]
        return []

    def pause(self):
        """Wait until the processes have worked as long as they do in `SECONDS` where nothing else does."""
        worked = self._worked() + SECONDS * psutil.cpu_count() * 0.9
        time.sleep(SECONDS)
        end = time.monotonic() + 30 * SECONDS
        while self.run.poll() is None and time.monotonic() < end and self._worked() < worked:
            time.sleep(0.1)

    def _worked(self):
        """Return the processor seconds of all commands and their processes, also of those that have ended."""
        total = 0.0
        for command in (self.run, *self.workers):
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(command.pid)
                for one in (parent, *parent.children(recursive=True)):
                    with contextlib.suppress(psutil.Error):
                        total += sum(one.cpu_times()[:4])  # of its own, and of its children that have ended
        return total

    def wait_for_training(self):
        end = time.monotonic() + 300
        while not all(self.training(number) for number in range(MACHINES)) and self.run.poll() is None:
            assert time.monotonic() < end, [self.said(number) for number in range(MACHINES)]
            time.sleep(0.2)

    def kill(self, rng):
        """Kill what trains on a machine, or now and then its whole command, and start that again."""
        number = rng.randrange(MACHINES)
        if number and rng.randrange(COMMANDS) == 0 and (command := self.workers[number - 1]).poll() is None:
            command.kill()
            command.wait()
            self.workers[number - 1] = self._join(number)
            self.restarted += 1
            return True
        for process in self.training(number):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
                return True
        return False

    def wait(self):
        """Wait until all commands have ended by themselves."""
        end = time.monotonic() + PATIENCE
        for number, command in enumerate([self.run, *self.workers]):
            assert command.wait(max(end - time.monotonic(), 1)) == 0, self.said(number)
        return json.loads((self.folders[0] / "out.txt").read_text())

    def end(self):
        for command in [self.run, *self.workers]:
            if command.poll() is None:
                command.kill()
                command.wait()


def check(machines, url, outcome):
    """Check that every trial ended once, on one machine; return how many were resumed, begun anew, and on how many machines."""
    study = open_study(SweepDir(machines.folders[0] / "mine"), url)
    try:
        trials, winner = study.trials(), study.winner
    finally:
        study.close()
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert outcome["status"] == "completed" and outcome["completed"] == TRIALS and not outcome["failed"]
    anew = 0
    for trial in trials:
        logs = [folder / "mine" / "trials" / f"{trial.number:04d}" / "train.log" for folder in machines.folders]
        begun = [log.read_text() for log in logs if log.exists()]
        ends = [text.count("best epoch: ") for text in begun]  # one line when a training ends
        assert sum(ends) == 1, (trial.number, begun)
        anew += len(begun) > 1
        result = RunDir(Path(trial.user_attrs["where"]["path"])).result()
        assert result.status == "completed" and trial.value == result.metrics["validation"]["loss"]
    where = RunDir(Path(winner.user_attrs["where"]["path"]))
    assert where.best.is_file() and set(outcome["best"]["test"]) == set(where.result().metrics["test"])
    runs = [RunDir(path) for folder in machines.folders for path in (folder / "mine" / "trials").iterdir()]
    assert sum("test" in result.metrics for run in runs if (result := run.result())) == 1
    assert sum(run.best.exists() for run in runs) == 1, "checkpoints of trials that are not the best"
    places = {trial.user_attrs["where"]["place"] for trial in trials}
    return sum("deaths" in trial.user_attrs for trial in trials), anew, len(places)


def words(spec):
    text = SPEC.replace("EPOCHS", str(count(10, 20)))
    return [spec(text), "optimizer.learning_rate=log:1e-4:1e-1", "--method", "random", "--max-trials", TRIALS]


def test_workers_that_are_killed_lose_no_trial(spec, tmp_path, counted, server):
    began, rng, killed = time.monotonic(), random.Random(0), 0
    machines = Machines(tmp_path, server.url, *words(spec))
    try:
        machines.wait_for_training()
        while machines.run.poll() is None:
            assert time.monotonic() < began + PATIENCE, "the sweep is stuck"
            machines.pause()
            killed += killed < KILLS and machines.kill(rng)
        outcome = machines.wait()
    finally:
        machines.end()
    resumed, anew, places = check(machines, server.url, outcome)
    assert places == MACHINES or not FULL
    assert not any("secret" in path.read_text() for path in tmp_path.glob("machine*/**/*.json"))
    counted(
        f"sweep, separate folders: {MACHINES} workers, {TRIALS} trials, {killed} kills ({machines.restarted} of whole "
        f"commands), {resumed} trials gone on with, {anew} begun anew elsewhere: 0 lost, 0 run twice to completion, 0 stuck, "
        f"{time.monotonic() - began:.0f} s"
    )


def test_a_server_that_is_away_for_a_minute_costs_no_trial(spec, tmp_path, counted, server):
    began = time.monotonic()
    machines = Machines(tmp_path, server.url, *words(spec))
    try:
        machines.wait_for_training()
        time.sleep(5)
        server.stop()
        time.sleep(60)
        assert [command.poll() for command in (machines.run, *machines.workers)] == [None] * MACHINES
        server.start()
        outcome = machines.wait()
    finally:
        machines.end()
    _, anew, _ = check(machines, server.url, outcome)
    assert anew == 0
    counted(
        f"sweep, server away for 60 s: {MACHINES} workers, {TRIALS} trials: 0 lost, 0 run twice, 0 begun anew, "
        f"{time.monotonic() - began:.0f} s"
    )


def test_a_server_that_is_gone_for_good_ends_the_workers_and_no_work_is_lost(spec, tmp_path, server):
    text = SPEC.replace("EPOCHS", "1000")
    command = [
        *(sys.executable, "-m", "deepcli", "sweep", "run", spec(text), "optimizer.learning_rate=[1e-3]", "--json"),
        *("--workers", "1", "--output", tmp_path / "mine"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DEEPCLI_STORAGE": server.url}
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    run, end = RunDir(tmp_path / "mine" / "trials" / "0000"), time.monotonic() + 120
    while not run.history.exists() and time.monotonic() < end:
        time.sleep(0.05)
    server.stop()
    out, err = process.communicate(timeout=500)
    assert process.returncode == 1 and json.loads(out)["status"] == "failed"
    assert f"127.0.0.1:{server.port} has not answered for 12" in err and "secret" not in err
    assert run.last.is_file() and run.result() is None, "it may not end without a lease, and stops with a checkpoint"
    server.start()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == 1
    log = run.log.read_text()
    assert "resuming" in log and log.count("best epoch: ") == 1
