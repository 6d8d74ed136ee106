"""Predictions do not depend on which other examples are in the batch."""

from __future__ import annotations

import numpy as np

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Inputs, Tokens
from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import Subject
from deepcli.inputs.example import joined_outputs

ALONE, TOGETHER = 4, 32
TOLERANCES = {"float32": 1e-3, "mixed_float16": 1e-2, "mixed_bfloat16": 5e-2}
"""Largest difference of probabilities, or of standardized numbers, that rounding in each precision may make."""
ADVICE = (
    "An example should get the same answer in any company: use batch normalization with its stored statistics (pass "
    "`training` on), mask padding, and switch off what is random at inference."
)


def batch_mates(subject: Subject) -> CheckResult:
    """Compare predictions of a few examples alone with those in a batch of others."""
    model, x = subject.train_a_little(), _inputs(subject.splits.train.x)
    together = subject.backend.predict(model, x, TOGETHER)[:ALONE]
    alone = joined_outputs(
        [subject.backend.predict(model, x[np.array([place])], 1) for place in range(min(ALONE, len(x)))]
    )
    if isinstance(x, PairRows):
        rows = x[np.arange(len(alone))]
        together, alone = rows.without_rest(together[:, : alone.shape[1]]), rows.without_rest(alone)
    largest = largest_difference(subject, together, alone)
    limit = tolerance(subject)
    text = f"largest difference {largest:.2g} between alone and in a batch of {len(x)}; at most {limit:g}"
    return judged(bool(largest <= limit), text, ADVICE, difference=largest, limit=limit)


def largest_difference(subject: Subject, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference of two models' outputs, in the unit of the task; 0 where both are NaN."""
    spec = subject.experiment
    both = np.isnan(ours) & np.isnan(theirs)
    return spec.resolved_task.difference(spec.signature, np.where(both, 0, ours), np.where(both, 0, theirs))


def tolerance(subject: Subject) -> float:
    """Return the difference that rounding may make."""
    return TOLERANCES.get(subject.settings.precision.value, TOLERANCES["float32"])


def _inputs(x: Inputs) -> Inputs:
    """Return a batch whose first examples are the shortest, so that their mates pad them as far as possible."""
    if not isinstance(x, Tokens):
        return x[np.arange(min(TOGETHER, len(x)))]
    by_length = np.argsort(x.lengths, kind="stable")
    longest = by_length[max(ALONE, len(x) - (TOGETHER - ALONE)) :]
    return x[np.concatenate([by_length[:ALONE], longest])]
