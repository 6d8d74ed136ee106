"""Every weight that should train has a gradient that is finite and not all zero."""

from __future__ import annotations

import numpy as np

from deepcli.doctor.sanity.sanity_report import CheckResult, judged
from deepcli.doctor.sanity.subject import Subject

BATCHES, NAMED = 2, 4
RANDOM = 0.5
"""Share of a frozen weight that another seed changes, from which it counts as random: loaded weights do not change."""


def gradient_flow(subject: Subject) -> CheckResult:
    """Compute the gradients of two batches at the start; look for weights that are frozen at random values."""
    model = subject.start()
    order = subject.order(subject.splits.train)
    batches = subject.backend.batches(subject.splits.train, order, None).epoch(0, 0, min(BATCHES, order.steps))
    found = [subject.backend.gradients(model, subject.backend.whole(batch)) for batch in batches]
    names = [variable.path for variable in model.trainable_variables]
    infinite = [
        name for name, *parts in zip(names, *found, strict=True) if not all(np.isfinite(p).all() for p in parts)
    ]
    none = [name for name, *parts in zip(names, *found, strict=True) if not any(np.any(part) for part in parts)]
    frozen = frozen_at_random(subject)
    problems = [
        f"{words}: {_listed(these)}"
        for words, these in (("not finite", infinite), ("all zero", none), ("frozen at random values", frozen))
        if these
    ]
    text = "; ".join(problems) or f"all {len(names)} weights have one that is finite and not zero"
    return judged(not problems, text, _advice(infinite, none, frozen), infinite=infinite, zero=none, frozen=frozen)


def frozen_at_random(subject: Subject) -> list[str]:
    """Return the weights that no stage trains, although they start at random: a weight that is loaded does not."""
    spec = subject.experiment
    model = subject.build(spec.model_copy(update={"seed": (spec.seed + 1) % 2**32}))
    frozen: set[int] | None = None
    for stage in range(len(spec.model.stages)):
        spec.model.enter(model, stage)
        here = {id(weight) for layer in model._flatten_layers() if not layer.trainable for weight in layer.weights}
        frozen = here if frozen is None else frozen & here
    fresh = subject.start()
    return [
        ours.path
        for ours, theirs in zip(fresh.weights, model.weights, strict=True)
        if id(theirs) in (frozen or ()) and _differs(subject.backend.read(ours), subject.backend.read(theirs))
    ]


def _differs(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return ours.shape != theirs.shape or float(np.mean(ours != theirs)) > RANDOM


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _advice(infinite: list[str], none: list[str], frozen: list[str]) -> str:
    if infinite:
        return "Look at the inputs and at layers that divide or take logarithms; lower the initial weights."
    if none:
        return (
            "These weights cannot learn: the output of the layer is not used or detached (stop_gradient), its units are "
            "dead or saturated, or its weights are equal."
        )
    return "Train these layers (trainable=True), or start them from trained weights." if frozen else ""
