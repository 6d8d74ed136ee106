"""How fast this machine is at this moment, so that no bound on time is one of a machine or of what else runs on it."""

import time

ROUNDS = 1_000_000
REFERENCE = 0.03
"""Seconds of the processor that the rounds take on a fast machine; 0.04 to 0.06 were measured in Python 3.11 on an Intel Xeon."""


def in_time(seconds: float, bound: float) -> bool:
    """Return whether something takes no longer than a bound, on a fast machine.

    Args:
        seconds: What it took here, in seconds of the processor.
        bound: The seconds that it may take on a fast one.
    """
    return seconds < bound or seconds < bound * max(_rounds() for _ in range(5)) / REFERENCE


def _rounds() -> float:
    """Return the seconds of the processor that a fixed piece of work takes."""
    since, total = time.process_time(), 0
    for number in range(ROUNDS):
        total += number
    return time.process_time() - since
