"""Train a run in processes of its own: whole, or killed at places and resumed."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.api.kill_plan import KillPlace, RunPlaces
from deepcli.api.resume_report import Kill
from deepcli.api.worker_process import SECONDS_BETWEEN_LOOKS, Messages, WorkerProcess
from deepcli.errors import DeepcliError, Interrupted, TrainingError
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.checkpoint.state import read as read_state
from deepcli.run.directory import RunDir

if TYPE_CHECKING:
    from deepcli.system.signals import Signals

WORKER = ("-m", "deepcli.api.resume_worker")

Told = Callable[[Mapping[str, Any]], None]
"""Called with each message of a process."""


class CannotResume(TrainingError):
    """A run that was killed cannot be resumed."""


@dataclass(frozen=True)
class Trainer:
    """Trains one spec in processes.

    Attributes:
        request: What the processes are to do, without the output.
        signals: May request to stop.
        told: Shows how far a process is.
    """

    request: Mapping[str, Any]
    signals: Signals
    told: Told = field(default=lambda message: None)

    def whole(self, output: Path, measure: bool = False) -> RunPlaces:
        """Train without a kill; return the places of the run.

        Args:
            output: The run directory.
            measure: Whether to say before how long it will take.

        Raises:
            DeepcliError: Training failed.
            Interrupted: A signal requested to stop.
        """
        found = self._process(output, None, measure)
        if "error" in found:
            failed = DeepcliError(str(found["error"]))
            failed.exit_code = int(found.get("code", 1))
            raise failed
        return RunPlaces.of(found["places"])

    def killed(self, output: Path, places: list[KillPlace], told: Callable[[Kill], None]) -> None:
        """Train, kill the process at each place, and resume, to the end.

        Raises:
            CannotResume: The run cannot be resumed after a kill.
            Interrupted: A signal requested to stop.
        """
        for place in [*places, None]:
            found = self._process(output, place)
            if "error" in found:
                raise CannotResume(str(found["error"]))
            if "at" not in found:  # the run has ended; a place that a resumed run does not reach is left out
                return
            told(Kill(KillPlace(**found["at"]), *_kept(RunDir(output))))

    def _process(self, output: Path, target: KillPlace | None, measure: bool = False) -> dict[str, Any]:
        """Run a process to its end, or to a place, where it is killed; return what it said at last."""
        messages: Messages = queue.Queue()
        aim = None if target is None else target.to_dict()
        request = {**self.request, "output": str(output), "target": aim, "measure": measure}
        process = WorkerProcess(WORKER, request, 0, {}, messages)
        found: dict[str, Any] = {}
        try:
            while True:
                if self.signals.stop is not None:
                    raise Interrupted("interrupted; nothing was kept", self.signals.stop)
                try:
                    _, message = messages.get(timeout=SECONDS_BETWEEN_LOOKS)
                except queue.Empty:
                    continue
                if message is None:
                    break
                found |= {key: message[key] for key in ("places", "result", "error", "code", "at") if key in message}
                if "at" in message:
                    break
                self.told(message)
        finally:
            if not found.keys() & {"result", "error"}:
                process.kill()
            ended = process.ended(found)
        return ended


def _kept(run: RunDir) -> tuple[int | None, int | None]:
    """Return epoch and steps of the checkpoint that a run is resumed from; None if there is none."""
    if not run.last.is_file():
        return None, None
    position = read_state(open_checkpoint(run.last).read(STATE))[0]["position"]
    return position["epoch"] + 1, position["step"]
