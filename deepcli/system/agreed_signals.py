"""Signals of a run that several processes train: what one of them receives holds for all, at the same step."""

from __future__ import annotations

from deepcli.system.process_group import ProcessGroup
from deepcli.system.signals import Signals


class AgreedSignals(Signals):
    """The requests that signals have made to any process of a run.

    Args:
        group: The processes. Each calls `check` at the same points.
        kill: As in `Signals`.
    """

    def __init__(self, group: ProcessGroup, kill: bool = True) -> None:
        super().__init__(kill)
        self._group = group

    def check(self) -> None:
        """Raise `Stopped` in every process if one of them was asked to stop.

        Raises:
            Stopped: One was asked to stop.
            ProcessError: A process is lost.
        """
        stop, checkpoint = self._group.agree("signals", self.stop or 0, self.checkpoint)
        self.stop = int(stop) or None
        self.checkpoint = bool(checkpoint)
        self.check_here()
