"""Training processes that are killed: every checkpoint loads, little is lost, and the end is the same."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepcli.experiment.load import dump, load
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.training.state import State
from tests.conftest import ROOT
from tests.torture import FULL, count
from tests.torture.runs import ALWAYS, FAMILIES, features, fingerprint, position

EVERY = 5
SPEC = f"""
data: {{type: digits, limit: 480, batch_size: 16, augmentation: {{translation: 0.1}}}}
model: {{type: cnn, filters: [8, 8], regularization: {{dropout: 0.2, normalization: batch}}}}
optimizer: {{type: adam, use_ema: true}}
schedule: {{type: cosine, warmup: 0.1}}
training:
  epochs: EPOCHS
  steps_per_execution: 1
  checkpoint: {{every_steps: {EVERY}, every_epochs: null}}
"""
KILLS = count(3, 100)


def start(spec: Path, run: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.torture.runner", str(spec), str(run)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def steps_of(process: subprocess.Popen) -> int:
    """Count the steps that a process has reported so far, or in all once it has ended."""
    return len(os.read(process.stdout.fileno(), 1 << 16))


def kill_after(process: subprocess.Popen, seconds: float) -> int:
    """Kill a process some time after its first step; returns how many steps it took."""
    steps = steps_of(process)
    time.sleep(seconds)
    process.kill()
    rest, _ = process.communicate()
    return steps + len(rest)


def kill_while_saving(process: subprocess.Popen, checkpoints: Path, seconds: float) -> int:
    """Kill a process while a checkpoint is under its temporary name; returns how many steps it took."""
    steps = steps_of(process)
    end = time.monotonic() + seconds
    time.sleep(random.uniform(0, 0.3))
    while time.monotonic() < end:
        if any(checkpoints.glob(".last*")):
            break
    process.kill()
    rest, _ = process.communicate()
    return steps + len(rest)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


def test_killed_at_random_moments_and_resumed_a_run_comes_to_the_same_bits(spec, tmp_path, counted):
    """Half of the kills at any time, half of them while a checkpoint is written."""
    path = spec(SPEC.replace("EPOCHS", str(count(12, 200))))
    whole, run = tmp_path / "whole", tmp_path / "run"
    finish(start(path, whole))
    rng = random.Random(0)
    killed, saving, most_lost = 0, 0, 0
    while killed < KILLS:
        before = position(run).total if (run / "checkpoints" / "last.keras").exists() else 0
        process = start(path, run)
        if killed % 2 == 0:
            steps = kill_while_saving(process, run / "checkpoints", seconds=5.0)
        else:
            steps = kill_after(process, rng.uniform(0, 0.5))
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        killed += 1
        saving += bool(list((run / "checkpoints").glob(".last*")))
        for checkpoint in (run / "checkpoints").glob("[!.]*.keras"):
            State.from_bytes(open_checkpoint(checkpoint).read(STATE))
        kept = position(run).total if (run / "checkpoints" / "last.keras").exists() else 0
        lost = before + steps - kept
        most_lost = max(most_lost, lost)
        assert kept % EVERY == 0
        assert lost <= EVERY
    finish(start(path, run))
    assert killed == KILLS, "the run ended too soon to be killed as often"
    assert fingerprint(run) == fingerprint(whole)
    assert not [*run.glob(".*.*"), *(run / "checkpoints").glob(".*")]
    counted(
        f"{killed} kills, {saving} of them during a save: 0 unloadable checkpoints, at most {most_lost} steps lost with "
        f"a checkpoint every {EVERY}, and the same bits at the end"
    )
    assert saving >= (20 if FULL else 1)


@pytest.mark.long
@pytest.mark.parametrize("family", list(FAMILIES) if FULL else ["lstm"])
def test_every_family_comes_to_the_same_bits_after_kills(family, spec, tiny_mnist, tiny_imdb, tmp_path, counted):
    """With everything on that has a memory: dropout, augmentation, averaged weights, a schedule."""
    path = spec(FAMILIES[family].replace("PATH", str(tiny_mnist if family == "cnn" else tiny_imdb)))
    everything = itertools.chain.from_iterable(features(family).values())
    longer = [*ALWAYS, *everything, "training.epochs=12", "training.checkpoint={every_steps: 2, every_epochs: null}"]
    path.write_text(dump(load([path], longer).experiment))
    whole, run = tmp_path / "whole", tmp_path / "run"
    finish(start(path, whole))
    rng, kills = random.Random(family), 0
    for _ in range(count(1, 3)):
        process = start(path, run)
        kill_after(process, rng.uniform(0, 0.3))
        kills += process.returncode == -signal.SIGKILL
    finish(start(path, run))
    assert kills
    assert fingerprint(run) == fingerprint(whole)
    counted(f"{family}: bit-identical after {kills} kills")


def test_best_is_never_replaced_by_a_worse_one(spec, tmp_path, counted):
    """Over restarts at random moments, and also where the last checkpoint is lost altogether."""
    path = spec(SPEC.replace("EPOCHS", "400"))
    run = tmp_path / "run"
    rng = random.Random(1)
    restarts, values = count(3, 50), []
    for number in range(restarts):
        process = start(path, run)
        kill_after(process, rng.uniform(0.1, 1.0))
        if (best := RunDir(run).best).exists():
            values.append(State.from_bytes(open_checkpoint(best).read(STATE)).best["value"])
        if number % 3 == 2:
            RunDir(run).last.unlink(missing_ok=True)
    assert values == sorted(values, reverse=True), "the monitored loss rose"
    assert len(values) >= restarts // 2
    counted(f"{restarts} restarts, {restarts // 3} of them without the last checkpoint: best never became worse")


def test_sigterm_writes_a_checkpoint_and_ends(spec, tmp_path, counted):
    path = spec(SPEC.replace("EPOCHS", "100000"))
    run, times, rng = tmp_path / "run", [], random.Random(2)
    terms = count(1, 20)
    for _ in range(terms):
        process = start(path, run)
        steps_of(process)
        time.sleep(rng.uniform(0, 1.0))
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        times.append(time.monotonic() - sent)
        assert process.returncode == 143, errors.decode()
        assert State.from_bytes(open_checkpoint(run / "checkpoints" / "last.keras").read(STATE)).position.total > 0
    counted(f"{terms} SIGTERM: a checkpoint and exit code 143 each time, after {max(times):.1f} s at most")
