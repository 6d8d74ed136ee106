"""How fast a run goes, and how long it will take to its end."""

from __future__ import annotations


class Pace:
    """The speed of a run since this command took it up: of its steps, and of what follows each epoch.

    What compiles is not to be counted, so the first call of a stage is left out.
    """

    def __init__(self) -> None:
        self._steps, self._stepping = 0, 0.0
        self._epochs, self._ending = 0, 0.0

    def stepped(self, steps: int, seconds: float) -> None:
        """Count steps that took some seconds, with reading their data and with checkpoints between them."""
        self._steps, self._stepping = self._steps + steps, self._stepping + seconds

    def ended_epoch(self, seconds: float) -> None:
        """Count what followed the last step of an epoch: validation, checkpoints, callbacks."""
        self._epochs, self._ending = self._epochs + 1, self._ending + seconds

    def begin_stage(self) -> None:
        """Forget the speed of the steps, because other layers train from now on."""
        self._steps, self._stepping = 0, 0.0

    def seconds_left(self, steps: int, epochs: int) -> float | None:
        """Estimate the time for a number of steps and the ends of a number of epochs; None if no speed is known yet."""
        if steps and not self._steps:
            return None
        stepping = steps * self._stepping / self._steps if steps else 0.0
        return stepping + (epochs * self._ending / self._epochs if self._epochs else 0.0)
