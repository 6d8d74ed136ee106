"""Signals of a run that several processes train: what one of them receives holds for all, at the same step."""

from __future__ import annotations

from deepcli.system.process_group import ProcessGroup
from deepcli.system.signals import Signals, Stopped


class AgreedSignals(Signals):
    """The requests that signals have made to any process of a run.

    Args:
        group: The processes. Each calls `check` at the same points.
        kill: As in `Signals`.
    """

    def __init__(self, group: ProcessGroup, kill: bool = True) -> None:
        super().__init__(kill)
        self._group, self._asked = group, False

    def check(self) -> None:
        """Raise `Stopped` in every process if one of them was asked to stop.

        Raises:
            Stopped: One was asked to stop.
            ProcessError: A process is lost.
        """
        own, self._asked = self._asked, False
        # A signal that comes while the processes agree holds from the next time.
        stop, checkpoint = self._group.agree("signals", self.stop or 0, own)
        self.checkpoint = self.checkpoint or bool(checkpoint)
        if stop:
            self.stop = int(stop)
            raise Stopped

    def _ask_checkpoint(self, number: int, frame: object) -> None:
        self._asked = True  # and `checkpoint` once all know of it, or this process alone would look after it
