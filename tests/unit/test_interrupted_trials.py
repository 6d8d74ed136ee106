"""Trials of an interrupted sweep: their state, and the time that they were trained."""

import os

import pytest

from deepcli.api.sweep import read_sweep
from deepcli.cli import render
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.ranking import keep_checkpoints, ranking
from deepcli.sweeps.start import open_study, start_sweep

SPEC = "data: {type: digits, limit: 120}\nmodel: mlp\n"


class Clock:
    """The time that a study sees."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def time(self):
        return 1_000_000 + self.now


@pytest.fixture
def swept(spec, tmp_path, monkeypatch):
    clock = Clock()
    for module in ("study", "claim"):
        monkeypatch.setattr(f"deepcli.sweeps.study.{module}.time", clock)
    plan = load_sweep([str(spec(SPEC)), "optimizer.learning_rate=[1e-3, 1e-2]"], (), (), {})
    folder, _ = start_sweep(tmp_path / "s", plan, None)
    opened = open_study(folder)
    yield opened, clock
    opened.close()


def written(study, when):
    """Write the log of trial 0 at a time."""
    log = study.folder.run(0) / "train.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    os.utime(log, (when, when))


def states(study):
    return {row.number: (row.state, row.seconds) for row in ranking(study)}


def test_a_trial_is_running_while_a_process_holds_it_and_interrupted_afterwards(swept):
    study, clock = swept
    claim = study.claim()
    assert states(study) == {0: ("running", None)}
    written(study, study.trials()[0].datetime_start.timestamp() + 60)
    clock.now = 60
    study.give_back(claim)
    assert states(study) == {0: ("interrupted", 60)}
    assert study.interrupted() == {0}
    clock.now = 86400
    again = study.claim()
    assert again.number == 0 and states(study) == {0: ("running", None)}
    clock.now += 5
    study.complete(again, [0.25])
    assert states(study) == {0: ("completed", 65)}


def test_status_counts_interrupted_trials_and_prints_them(swept, capsys):
    study, _ = swept
    study.complete(study.claim(), [0.25])
    study.give_back(study.claim())
    found = read_sweep(study.folder.path)
    assert (found.outcome.running, found.outcome.interrupted, found.outcome.unfinished) == (0, 1, 1)
    assert found.outcome.status == "unfinished"
    render.ranking(found.outcome, found.rows)
    out = capsys.readouterr().out
    assert "unfinished: 1 completed, 1 interrupted of 2 trials" in out
    assert [line.split()[1] for line in out.splitlines()[1:3]] == ["completed", "interrupted"]


def test_the_checkpoints_of_an_interrupted_trial_stay(swept):
    study, _ = swept
    study.complete(study.claim(), [0.25])
    claim = study.claim()
    last = study.folder.run(claim.number) / "checkpoints" / "last.keras"
    last.parent.mkdir(parents=True)
    last.touch()
    study.give_back(claim)
    with study.folder.exclusive():
        keep_checkpoints(study)
    assert last.exists()


def test_the_time_of_a_worker_that_was_killed_ends_with_the_last_line_that_it_wrote(swept):
    study, clock = swept
    claim = study.claim()
    # Optuna's own clock says when the trial started.
    began = study.trials()[0].datetime_start.timestamp()
    written(study, began + 30)
    claim.lease.release()  # as the system does for a process that dies
    again = study.claim()
    clock.now += 3600
    written(study, clock.time() - 3590)
    again.lease.release()
    last = study.claim()
    clock.now += 5
    study.complete(last, [0.5])
    assert states(study)[0] == ("completed", pytest.approx(30 + 10 + 5, abs=0.01))


def test_a_trial_of_an_earlier_version_has_the_time_from_its_start_to_its_end(swept):
    study, _ = swept
    trial = study.optuna.ask()
    study.optuna.tell(trial, 0.5)
    state, seconds = states(study)[0]
    assert state == "completed" and seconds >= 0


def test_a_trial_that_was_given_back_counts_no_death_and_one_whose_worker_died_does(swept):
    study, _ = swept
    study.give_back(study.claim())
    again = study.claim()
    assert (again.number, again.deaths) == (0, 0)
    again.lease.release()  # as the system does for a process that dies
    assert study.claim().deaths == 1
