"""When a run with a time limit ends, and which epochs a budget gets, with a clock of the test's own."""

import keras
import pytest

from deepcli.errors import SpecError
from deepcli.experiment.load import load
from deepcli.training.in_time import fit_budget
from deepcli.training.rehearsal import Rehearsal
from deepcli.training.state import Position, State
from deepcli.training.time_limit import EndTimes, TimeLimit, TrainingClock


class Clock(TrainingClock):
    """Has the time that the test says."""

    seconds = 0.0


def limited(limit, known, ratio=0.0):
    clock = Clock()
    rule = TimeLimit(limit, clock, known, ratio, lambda: None)
    rule.set_model(keras.Sequential())
    return rule, clock


def step(rule, clock, seconds, batch=1):
    rule.on_train_batch_begin(batch)
    clock.seconds += seconds
    rule.on_train_batch_end(batch)
    return rule.over


def test_training_ends_when_one_more_call_would_take_the_time_of_the_evaluation():
    # Kept: a call of 1, a validation of 2, three times 1 for checkpoints and their loading, a test of 3.
    rule, clock = limited(20, EndTimes(1, 2, 3, 1))
    assert [step(rule, clock, 1) for _ in range(11)] == [False] * 10 + [True]
    kept = "8s of it are kept for validation and evaluation"
    assert rule.why_stopped == f"11s of training.max_time 20s are over, and {kept}" and rule.ended == "time"


def test_without_a_test_nothing_is_kept_for_it():
    rule, clock = limited(20, EndTimes(1, 2, 0, 1))
    assert [step(rule, clock, 1) for _ in range(15)] == [False] * 14 + [True]


def test_what_epochs_really_take_replaces_what_was_measured_before():
    rule, clock = limited(100, EndTimes(1, 2, 3, 1), ratio=4)
    step(rule, clock, 1, 0)
    with rule.validating():
        clock.seconds += 10
    clock.seconds += 5  # checkpoints
    rule.on_epoch_end(0)
    assert not rule.over and clock.seconds == 16
    # From now on 15 for the end of an epoch, and 4 * 10 + 1 for the test: over at 100 - 1 - 15 - 41.
    while not step(rule, clock, 1, int(clock.seconds) - 16):
        pass
    assert clock.seconds == 43


def test_a_slow_first_call_is_soon_forgotten():
    rule, clock = limited(100, EndTimes(0, 0, 0, 0))
    assert not step(rule, clock, 40)
    assert [step(rule, clock, 0.001) for _ in range(3)] == [False] * 3
    assert step(rule, clock, 59)


def test_the_end_of_an_epoch_ends_training_as_early_stopping_does():
    rule, clock = limited(10, EndTimes(1, 1, 1, 0))
    rule.model.stop_training = False
    rule.on_epoch_end(0)
    assert not rule.model.stop_training
    clock.seconds = 8
    rule.on_epoch_end(1)
    assert rule.over and rule.model.stop_training


@pytest.mark.parametrize(("limit", "over"), [(20, True), (19, True), (21, False)])
def test_a_checkpoint_holds_that_time_ended_the_run_and_more_time_goes_beyond(limit, over):
    rule, clock = limited(20, EndTimes(1, 0, 0, 0))
    assert rule.state_dict() == {"seconds": 0, "ended_by": None}
    step(rule, clock, 19)
    assert rule.state_dict() == {"seconds": 19, "ended_by": 20}
    again, _ = limited(limit, EndTimes(1, 0, 0, 0))
    again.load_state_dict(rule.state_dict())
    assert again.over == over
    again.load_state_dict({})
    assert not again.over


def test_the_time_of_earlier_processes_counts():
    now = TrainingClock()
    assert 0 <= now.seconds < 100

    def resumed(**callbacks):
        return TrainingClock(State(Position(), "float32", 1, callbacks=callbacks)).seconds

    assert 1000 <= resumed(max_time={"seconds": 1000.0, "ended_by": None}) < 1100
    # A run that had no limit until now: its epochs count.
    rows = [{"epoch": 1, "seconds": 400.0}, {"epoch": 2, "seconds": 300.0}]
    assert 700 <= resumed(history={"rows": rows}) < 800


def measured(**changes):
    fields = {"compiling": 5.0, "step": 1.0, "steps": 10, "steps_per_call": 1, "validation": 3.0, "test": 4.0}
    fields |= {"saving": 2.0, "checkpoint_bytes": 1, "writing": 0.5, "saves": 1.5}
    return Rehearsal(**(fields | changes))


def test_an_epoch_has_steps_validation_checkpoints_and_the_history():
    assert measured().epoch == 10 * 1 + 3 + 1.5 * 2 + 0.5


def test_a_budget_gets_the_epochs_that_fill_nine_tenths_of_it(spec):
    experiment = load([spec()], ["training.max_steps=7", "schedule=cosine"]).experiment
    # 1,000 less 20 that have passed, 5 of compiling anew and 6 of evaluation; 16.5 an epoch.
    chosen, line = fit_budget(experiment, 1000, [measured()], 20)
    assert chosen.training.epochs == int(0.9 * 969 / 16.5) == 52
    assert (chosen.training.max_steps, chosen.training.max_time) == (None, 1000)
    assert chosen.schedule == experiment.schedule and chosen.total_steps(10) == 520
    assert line == "budget 16m40s: 16s an epoch measured; training.epochs=52"


def test_less_than_an_epoch_is_a_number_of_steps_for_the_schedule_to_follow(spec):
    chosen, line = fit_budget(load([spec()], []).experiment, 25, [measured()], 0)
    # 0.9 * (25 - 5 - 6) less 3 for validation and 4 for checkpoints.
    assert (chosen.training.epochs, chosen.training.max_steps) == (1, 5)
    assert line.endswith("training.epochs=1 training.max_steps=5")


def test_a_budget_too_short_for_a_step_is_an_error_with_what_it_takes(spec):
    with pytest.raises(
        SpecError, match=r"--budget: 15s is too short for one step: compiling took 5s, a step takes 1s, "
    ):
        fit_budget(load([spec()], []).experiment, 15, [measured()], 0)


def test_earlier_stages_keep_their_epochs(monkeypatch, spec):
    from deepcli.models.base import Stage

    experiment = load([spec()], []).experiment
    kind = type(experiment.model)
    monkeypatch.setattr(kind, "stages", (Stage(), Stage(begins=4)))
    stages = [measured(step=0.5), measured()]
    # 0.9 * (1,000 - 2 * 5 - 6) less 4 epochs of 11.5.
    chosen, _ = fit_budget(experiment, 1000, stages, 0)
    assert chosen.training.epochs == 4 + int((0.9 * 984 - 4 * 11.5) / 16.5)
