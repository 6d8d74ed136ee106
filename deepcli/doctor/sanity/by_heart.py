"""One batch can be learned by heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import Split, select
from deepcli.doctor.sanity.contents import first_of_each
from deepcli.doctor.sanity.initial_loss import guessed, lowest
from deepcli.doctor.sanity.layer_calls import plain
from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import PER_CALL, Subject, part
from deepcli.training.order import Order

EXAMPLES, MOST_STEPS, AT_ONCE = 16, 1000, 2 * PER_CALL
LEFT = 0.1
"""Share of the way from guessing to the lowest possible loss that may be left."""
PATIENCE, STILL = 200, 0.95
"""Steps after which the share of that way that is left should be below this; less is not worth the rest of the steps."""
LOST = (
    "A model that cannot learn 16 examples cannot learn more. Try another optimizer.learning_rate, and look at the other "
    "lines: inputs, gradients and dead units."
)


@dataclass(frozen=True)
class Repeated(Order):
    """An order whose every step takes the same few examples."""

    def epoch(self, epoch: int) -> np.ndarray:
        return np.tile(np.arange(self.batch_size), self.steps)


def by_heart(subject: Subject) -> CheckResult:
    """Train on one batch again and again, without regularization and augmentation, until it is known."""
    batch = _different(subject)
    decay = subject.experiment.optimizer.weight_decay
    optimizer = subject.experiment.optimizer.model_copy(update={"weight_decay": 0.0 if decay else decay})
    model = subject.build(subject.experiment.model_copy(update={"optimizer": optimizer}))
    plain(model)
    guess, (least, _) = guessed(subject, batch), lowest(subject, batch)
    enough = least + LEFT * (guess - least)
    order, steps = Repeated(AT_ONCE * len(batch), len(batch), subject.experiment.seed), 0
    loss, right = float("nan"), None
    while steps < MOST_STEPS:
        loss, steps = subject.train(model, batch, order, AT_ONCE)["loss"], steps + AT_ONCE
        outputs = subject.backend.predict(model, batch.x, len(batch))
        right = subject.experiment.resolved_task.accuracy(outputs, batch.y)
        stuck = steps >= PATIENCE and loss > least + STILL * (guess - least)
        if stuck or not np.isfinite(loss) or loss <= enough or right == 1.0:
            break
    near = bool(np.isfinite(loss)) and loss <= enough
    known = guess > least and bool(np.isfinite(loss)) and (near or right == 1.0)
    shown = "" if right is None or near else f", {right:.0%} right"
    text = f"loss {loss:.4g} after {steps} steps on {len(batch)} examples{shown}; guessing gives {guess:.4g}"
    return judged(known, text, LOST, loss=loss, steps=steps, examples=len(batch), guessing=guess, accuracy=right)


def _different(subject: Subject) -> Split:
    """Return a few examples with different inputs: equal ones with other targets could not be learned by heart."""
    train = subject.splits.train
    once = select(train.x, train.y, first_of_each(train))
    return part(once, EXAMPLES, subject.random(3))
