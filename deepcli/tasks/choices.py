"""What `evaluate` and `export` choose on the validation split: a decision threshold, and a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Split, Splits
    from deepcli.data.signature import Signature
    from deepcli.tasks.base import Task

BEST_F1 = "best-f1"


@dataclass(frozen=True)
class Choices:
    """What is chosen, and what on the validation split.

    Attributes:
        decide: Whether answers are given by a threshold that is not the usual one.
        threshold: The probability from which the second of two classes, or each label, is answered; None for the one with
            the best F1 on validation.
        calibrate: Whether a temperature is fitted on validation.
    """

    decide: bool = False
    threshold: float | None = None
    calibrate: bool = False

    @classmethod
    def of(cls, threshold: float | str | None, calibrate: bool) -> Choices:
        """Read what a user asks for.

        Raises:
            UsageError: The threshold is neither a probability nor `best-f1`.
        """
        if threshold is None or threshold == BEST_F1:
            return cls(threshold is not None, None, calibrate)
        try:
            value = float(threshold)
        except ValueError:
            raise UsageError(
                f"--threshold: should be a probability such as 0.3, or {BEST_F1}, not {threshold!r}"
            ) from None
        if not 0 < value < 1:
            raise UsageError(f"--threshold: should be a probability between 0 and 1, not {threshold}")
        return cls(True, value, calibrate)

    @property
    def on_validation(self) -> str | None:
        """The option that needs the validation split; None if none does."""
        if self.calibrate:
            return "--calibrate"
        return f"--threshold {BEST_F1}" if self.decide and self.threshold is None else None

    def check(self, task: Task, signature: Signature) -> None:
        """Check that the choices make sense for a task.

        Raises:
            UsageError: They do not.
        """
        issues = {
            "--threshold": task.threshold_issue(signature) if self.decide else None,
            "--calibrate": task.calibration_issue(signature) if self.calibrate else None,
        }
        for option, why in issues.items():
            if why:
                raise UsageError(f"{option}: {why}")

    def validation(self, splits: Splits) -> Split | None:
        """Return the validation split if something is chosen on it.

        Raises:
            UsageError: The data have no validation split.
        """
        if not self.on_validation:
            return None
        if not splits.validation:
            raise UsageError(
                f"{self.on_validation}: these data have no validation split, and nothing is chosen on the test split"
            )
        return splits.validation
