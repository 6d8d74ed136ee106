"""What follows from a spec alone, before any data are read."""

import pytest

from deepcli.errors import SpecError
from deepcli.experiment.load import load


@pytest.mark.parametrize(
    ("epochs", "max_steps", "steps_per_epoch", "total"),
    [(3, "null", 7, 21), (3, 20, 7, 20), (3, 21, 7, 21), (3, 22, 7, 21), (3, 7, 7, 7), (1, 1, 7, 1), (9, 11, 8, 11)],
)
def test_a_run_has_the_steps_of_its_epochs_and_at_most_max_steps(spec, epochs, max_steps, steps_per_epoch, total):
    words = [f"training.epochs={epochs}", f"training.max_steps={max_steps}"]
    assert load([spec()], words).experiment.total_steps(steps_per_epoch) == total


def test_a_warm_up_has_to_end_before_max_steps(spec):
    """The digits have 36 steps an epoch."""
    load([spec()], ["training.epochs=2", "schedule.warmup=20"])
    load([spec()], ["training.epochs=2", "schedule.warmup=20", "training.max_steps=21"])
    with pytest.raises(SpecError, match=r"takes the whole run of 20$"):
        load([spec()], ["training.epochs=2", "schedule.warmup=20", "training.max_steps=20"])
