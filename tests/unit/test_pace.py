"""The time that a run has left."""

from deepcli.training.pace import Pace


def test_steps_and_the_ends_of_epochs_are_measured_apart():
    pace = Pace()
    assert pace.seconds_left(10, 2) is None and pace.seconds_left(0, 2) == 0
    pace.stepped(4, 2.0)
    assert pace.seconds_left(10, 2) == 5.0
    pace.ended_epoch(3.0)
    assert pace.seconds_left(10, 2) == 11.0
    pace.stepped(4, 6.0)
    pace.ended_epoch(5.0)
    assert pace.seconds_left(10, 2) == 18.0
    assert pace.seconds_left(0, 1) == 4.0


def test_another_stage_has_another_speed():
    pace = Pace()
    pace.stepped(1, 100.0)
    pace.ended_epoch(3.0)
    pace.begin_stage()
    assert pace.seconds_left(1, 1) is None
    pace.stepped(1, 1.0)
    assert pace.seconds_left(2, 1) == 5.0
