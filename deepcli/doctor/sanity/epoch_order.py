"""The order of training examples changes from epoch to epoch, and each epoch has each example once."""

from __future__ import annotations

import numpy as np

from deepcli.doctor.sanity.contents import batch_marks, marks
from deepcli.doctor.sanity.sanity_report import CheckResult, judged, skipped
from deepcli.doctor.sanity.subject import Subject

BATCHES, FEWEST = 32, 16
MOST_SAME = 0.5
"""Share of places that may hold the same example in two epochs; of a random order it is one place, of any number."""


def epoch_order(subject: Subject) -> CheckResult:
    """Compare the examples of two epochs, as they leave the pipeline."""
    split = subject.splits.train
    if len(split) < FEWEST:
        return skipped(f"there are fewer than {FEWEST} training examples")
    order = subject.order(split, max(1, len(split) // BATCHES))
    batches = subject.backend.batches(split, order, None)
    first, second = (
        [
            mark
            for batch in batches.epoch(epoch, 0, order.steps)
            for mark in batch_marks(np.asarray(subject.backend.whole(batch)[0]))
        ]
        for epoch in (0, 1)
    )
    same = sum(one == other for one, other in zip(first, second, strict=False))
    if not sorted(first) == sorted(second) == sorted(marks(split.x)):
        found = f"two epochs of {len(split)} examples do not take each of them once"
        return judged(
            False, found, "Look at what a plugin does to the order of examples.", same=same, examples=len(split)
        )
    often = len(set(first)) < len(first) * MOST_SAME  # equal examples make equal places
    text = f"{same} of {len(first)} places hold the same example in two epochs"
    advice = "Each epoch should be shuffled anew: look at what a plugin does to the order."
    return judged(often or same <= MOST_SAME * len(first), text, advice, same=same, examples=len(first))
