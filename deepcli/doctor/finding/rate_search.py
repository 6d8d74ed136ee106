"""Run the range test with several seeds, and say what follows from it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepcli.data.arrays.splits import Splits
from deepcli.data.files import Sources
from deepcli.doctor.finding.range_test import RangeTest
from deepcli.doctor.finding.rate_curve import RateReading, capped, noise, read_curve, smoothed
from deepcli.doctor.finding.rate_report import APART, LearningRateReport, SeedCurve, rate_text
from deepcli.errors import TrainingError, UsageError
from deepcli.experiment.schema import Experiment
from deepcli.run.reporter import Reporter
from deepcli.training.backend import make_backend, memory_advice, out_of_memory
from deepcli.training.device import choose, choose_precision

BOUNDS = (100, 500)
"""Fewest and most updates of a test whose length is not given: in a few updates, a large model or data set learns nothing."""
FEWEST = 3
"""Losses after which a test may diverge; fewer show nothing."""


@dataclass(frozen=True)
class RateRange:
    """The rates of a test.

    Attributes:
        low: The first rate.
        high: The last rate.
        steps: Updates from the first to the last; None for those of an epoch, within `BOUNDS`.
        seeds: How many times the test is repeated, with seeds counted from the spec's.
    """

    low: float = 1e-7
    high: float = 10.0
    steps: int | None = None
    seeds: int = 3

    def updates(self, experiment: Experiment, examples: int) -> int:
        """Return the updates of a test."""
        if self.steps is not None:
            return self.steps
        group = experiment.optimizer.gradient_accumulation_steps or 1
        low, high = BOUNDS
        return min(max(low, examples // (group * experiment.data.batch_size)), high)


def find_rate(
    experiment: Experiment, splits: Splits, sources: Sources, asked: RateRange, reporter: Reporter
) -> LearningRateReport:
    """Train from fresh weights while the rate rises, once for each seed; nothing is kept.

    Args:
        experiment: The spec.
        splits: The data.
        sources: Where the model may look for files that it starts from.
        asked: The rates.
        reporter: Shows notices, and what is done now.

    Raises:
        UsageError: The optimizer has no rate that can be tested.
        SpecError: An epoch of the data is too short for the spec.
        TrainingError: The loss of a fresh model is not finite, or memory ran out.
        DeviceError: The device is not available.
    """
    began = time.monotonic()
    demand_one_rate(experiment)
    device = choose(experiment.training)
    test = RangeTest(experiment, splits, device, make_backend(device), sources)
    rates = np.geomspace(asked.low, asked.high, asked.updates(experiment, len(splits.train)))
    seeds = [(experiment.seed + number) % (1 << 32) for number in range(asked.seeds)]
    found = []
    for number, seed in enumerate(seeds, 1):
        reporter.doing(f"raising the learning rate, seed {number} of {len(seeds)}")
        try:
            found.append(test.losses(rates, seed))
        except out_of_memory() as error:
            raise TrainingError(memory_advice(error)) from None
        _demand_finite(found[-1], rates, seed)
    precision = choose_precision(experiment.training, experiment.model, device).value
    settings = (
        f"{experiment.model.type} on {experiment.data.type}: {len(rates)} updates with batches of "
        f"{experiment.data.batch_size}; {experiment.optimizer.type}; {device.choice.value}, {precision}"
    )
    return judge(experiment, settings, rates, dict(zip(seeds, found, strict=True)), time.monotonic() - began)


def demand_one_rate(experiment: Experiment) -> None:
    """Check that the optimizer takes any rate that it is given.

    Raises:
        UsageError: It does not.
    """
    for path, why in experiment.optimizer.limits():
        raise UsageError(
            f"optimizer.{'.'.join(map(str, path))}: {why}; a range test needs an optimizer that takes any rate"
        )


def _demand_finite(losses: np.ndarray, rates: np.ndarray, seed: int) -> None:
    """Check that training lasted for some updates.

    Raises:
        TrainingError: The loss of the fresh model is not finite, or becomes so at once.
    """
    finite = int(np.isfinite(losses).sum())
    if finite == 0:
        raise TrainingError(
            f"the loss of a fresh model is {losses[0]} with seed {seed}, before any update, so no learning rate can help; "
            "deepcli sanity looks for the reason"
        )
    if finite <= FEWEST:
        raise TrainingError(
            f"the loss is {losses[finite]} with seed {seed} after {finite} update{'s' * (finite > 1)}, at a learning rate of "
            f"{rates[finite - 1]:.2g}; if it is with a lower --from too, deepcli sanity looks for the reason"
        )


def judge(
    experiment: Experiment, settings: str, rates: np.ndarray, losses: dict[int, np.ndarray], seconds: float
) -> LearningRateReport:
    """Say what follows from the losses of each seed: before the first update, and after each rate."""
    after = [one[1:] for one in losses.values()]
    curves = [capped(one, len(rates)) for one in after]
    errors = [noise(one) for one in curves]
    readings = [read_curve(rates, curve, error) for curve, error in zip(curves, errors, strict=True)]
    mean = np.mean(curves, axis=0)
    whole = read_curve(rates, mean, float(np.mean(errors)) / len(curves) ** 0.5)
    unclear = doubt(whole, readings, rates[-1])
    known = [whole] if unclear else [one for one in readings if one.proposal is not None]
    steepest, lowest = _middle([one.steepest for one in known]), _middle([one.lowest for one in known])
    stage = experiment.model.stages[0]
    return LearningRateReport(
        name=experiment.name,
        settings=settings,
        key="optimizer.learning_rate",
        current=float(stage.learning_rate or experiment.optimizer.learning_rate),
        rates=tuple(map(float, rates)),
        curves=tuple(
            SeedCurve(seed, tuple(map(float, one)), reading.proposal)
            for seed, one, reading in zip(losses, after, readings, strict=True)
        ),
        losses=tuple(map(float, mean)),
        smoothed=tuple(map(float, smoothed(mean))),
        steepest=steepest if whole.fell else None,
        lowest=lowest if whole.fell and not whole.ended else None,
        proposal=None if unclear else RateReading(steepest, lowest, fell=True, ended=False).proposal,
        unclear=unclear,
        seconds=seconds,
    )


def _middle(rates: Sequence[float]) -> float:
    """Return the middle of rates on a logarithmic scale: their geometric mean."""
    return float(np.exp(np.log(rates).mean()))


def doubt(whole: RateReading, readings: Sequence[RateReading], last: float) -> str:
    """Say why no rate should be proposed; empty if one can be."""
    if not whole.fell:
        return "the loss never fell beyond noise; try more --steps or a lower --from, or see what deepcli sanity says"
    if whole.ended:
        return f"the loss still fell at {rate_text(last)}, the end of the range; raise --to"
    known = [one.proposal for one in readings if one.proposal is not None]
    if 2 * len(known) <= len(readings):
        return f"the loss of {len(readings) - len(known)} of {len(readings)} seeds never fell; try more --steps"
    if max(known) > APART * min(known):
        each = ", ".join(map(rate_text, known))
        return f"the seeds propose {each}, {max(known) / min(known):.0f} times apart; try more --steps"
    return ""
