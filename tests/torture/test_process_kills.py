"""Runs that two processes train: one of them is killed at random moments, and the run comes to the same bits."""

import random
import time

import pytest

from tests.torture import count
from tests.torture.launched import SECONDS, SPEC, finished, launched, process_of, until, words_of
from tests.torture.runs import fingerprint

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
pytest.importorskip("jax")
KILLS = count(2, 20)
EPOCHS = count(30, 150)


def written(run):
    """Return when a run's last checkpoint was written; 0 if it has none."""
    last = run / "checkpoints/last.keras"
    return last.stat().st_mtime if last.is_file() else 0.0


def test_a_run_whose_processes_are_killed_at_random_moments_comes_to_the_same_bits(spec, tmp_path, counted):
    path = spec(SPEC.replace("EPOCHS", str(EPOCHS)))
    whole, run = tmp_path / "whole", tmp_path / "run"
    finished(2, *words_of(path, whole))
    rng = random.Random(0)
    longest = 0.0
    for number in range(KILLS):
        victim, before = number % 2, written(run)
        launcher = launched(2, *words_of(path, run))
        # Most kills come after new steps, some while the processes still start.
        until(lambda: process_of(launcher, victim) is not None, launcher)  # noqa: B023
        if number % 5:
            until(lambda: written(run) > before, launcher)  # noqa: B023
        time.sleep(rng.uniform(0, 2))
        process = process_of(launcher, victim)
        assert process is not None, launcher.communicate()[1]
        process.kill()
        killed = time.monotonic()
        _, errors = launcher.communicate(timeout=SECONDS)
        longest = max(longest, time.monotonic() - killed)
        assert launcher.returncode in (1, 128 + 9), errors
        if "epoch" in errors:  # they had found each other
            assert f"process {victim} of 2 (" in errors and ") died; " in errors, errors
    finished(2, *words_of(path, run))
    assert fingerprint(run) == fingerprint(whole)
    counted(f"{KILLS} kills of one of two processes; the other ended in {longest:.1f} s at most; equal to the bit")
