"""Shuffled targets give chance on validation examples, and true targets do not give less than chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Split, Splits
from deepcli.doctor.sanity.contents import groups
from deepcli.doctor.sanity.sanity_report import CheckResult, judged, skipped
from deepcli.doctor.sanity.subject import Subject
from deepcli.training.evaluate import BATCH_SIZE

DRAWS = 1000
LEVELS = (1e-3, 1e-4)
"""Probability with which chance alone is below and above the interval. What is below is accused only if training learned."""
FEWEST, MORE = 20, 4
"""Validation examples to measure on; how often more steps are taken on true targets while validation is not above chance."""
OVERLAP = 0.5
"""Share of the validation examples whose inputs are in the training split, too, above which nothing has to be trained."""


@dataclass(frozen=True)
class AgainstChance:
    """A score and what chance would give it: the same predictions with targets that have nothing to do with them."""

    score: float
    chance: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.score:.3g} (chance {self.chance:.3g}, from {self.low:.3g} to {self.high:.3g})"


def shuffled_labels(subject: Subject) -> CheckResult:
    """Train a few steps on shuffled and on true targets, and compare both with chance on the validation split."""
    train, held = subject.splits.train, subject.splits.validation
    if isinstance(train.x, PairRows):
        return skipped("a model of pairs reads the tokens of its targets, so that others cannot be put in their place")
    if held is None or len(held) < FEWEST:
        return skipped(f"there are fewer than {FEWEST} validation examples to measure on")
    mixed = shuffled(subject)
    assert mixed.validation is not None
    blind = _measure(subject, subject.train_on(mixed), mixed.validation)
    seen, true = _on_true_targets(subject, train, held)
    known = float(np.isin(*reversed(groups(train, held))).mean())
    name = "accuracy" if _has_accuracy(subject, held) else "loss x -1"
    scores = {"shuffled": vars(blind), "true": vars(true), "true_on_training": vars(seen)}
    figures: dict[str, Any] = {"score": name, **scores, "also_in_training": known}
    text = f"validation {name} {blind}; {true.score:.3g} with true targets"
    if blind.score > blind.high:
        return judged(False, text, LEAK, **figures)
    if known > OVERLAP:
        found = f"{known:.0%} of the validation inputs are also in the training split"
        return judged(False, found, REPEATED, **figures)
    if _is_wrong(seen, true):
        found = f"with true targets validation {name} {true}, but {seen.score:.3g} on training examples"
        return judged(False, found, DISAGREE, **figures)
    return judged(True, text, "", **figures)


def _on_true_targets(subject: Subject, train: Split, held: Split) -> tuple[AgainstChance, AgainstChance]:
    """Train until validation is above chance, or for some more steps; return the scores on training and validation."""
    model = subject.train_a_little()
    for more in range(MORE + 1):
        seen, true = _measure(subject, model, train), _measure(subject, model, held)
        if true.score > true.high or seen.score <= seen.high or more == MORE:
            break
        subject.train(model, train, subject.order(train))
    return seen, true


def _is_wrong(seen: AgainstChance, true: AgainstChance) -> bool:
    return true.score < true.low and seen.score > seen.high


LEAK = (
    "Targets that are random cannot be predicted: validation examples are also in the training split, or the model "
    "gets to know their targets. `deepcli data` lists equal examples."
)
REPEATED = (
    "Validation then measures what was learned by heart. `deepcli data` lists equal examples; leave repeated ones out, or "
    "keep them in one split."
)
DISAGREE = (
    "What is learned from the training split is wrong on the validation split: their targets do not mean the same, such "
    "as class numbers that are shifted by one."
)


def shuffled(subject: Subject) -> Splits:
    """Return the splits with shuffled targets; equal inputs keep equal targets, wherever they are."""
    train, held = subject.splits.train, subject.splits.validation
    assert held is not None
    numbers = groups(train, held)
    joined, targets = np.concatenate(numbers), np.concatenate([train.y, held.y])
    first = np.unique(joined, return_index=True)[1]
    given = targets[first][subject.random(4).permutation(len(first))]
    y = given[joined].astype(targets.dtype)
    return replace(subject.splits, train=replace(train, y=y[: len(train)]), validation=replace(held, y=y[len(train) :]))


def _has_accuracy(subject: Subject, split: Split) -> bool:
    spec = subject.experiment
    outputs = np.zeros((len(split), spec.head.outputs), np.float32)
    return spec.resolved_task.accuracy(outputs, split.y) is not None


def _measure(subject: Subject, model: keras.Model, split: Split) -> AgainstChance:
    """Return the accuracy with its binomial interval of chance; for a task without one, the loss, with that of permutations."""
    task, rng = subject.experiment.resolved_task, subject.random(5)
    outputs = subject.backend.predict(model, split.x, BATCH_SIZE)
    orders = [rng.permutation(len(split)) for _ in range(DRAWS)]
    score = task.accuracy(outputs, split.y)
    if score is not None:
        chance = float(np.mean([task.accuracy(outputs, split.y[order]) for order in orders]))
        from scipy import stats

        low, high = stats.binom.ppf((LEVELS[0], 1 - LEVELS[1]), len(split), chance)
        return AgainstChance(score, chance, float(low) / len(split), float(high) / len(split))
    score = -subject.loss(split.y, outputs)
    drawn = np.array([-subject.loss(split.y[order], outputs) for order in orders[: DRAWS // 10]])
    wide = 4 * float(drawn.std())
    return AgainstChance(score, float(drawn.mean()), float(drawn.mean()) - wide, float(drawn.mean()) + wide)
