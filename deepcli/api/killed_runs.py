"""Train a run in processes of its own: whole, or killed at places and resumed."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
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

TEMPORARY = "temporary"
"""The folder beside the runs in which processes have their temporary files."""
KeptAt = tuple[int, int] | None
"""Epoch, counted from 1, and steps of it; None if there is no checkpoint."""
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
        kept: KeptAt = None
        for place in [*places, None]:
            found = self._process(output, place)
            if "error" in found:
                raise CannotResume(str(found["error"]))
            _demand_resumed(kept, found["begins"], found.get("result"))
            if "at" not in found:  # the run has ended; a place that a resumed run does not reach is left out
                return
            kept = _kept(RunDir(output))
            told(Kill(KillPlace(**found["at"]), *(kept or (None, None))))

    def _process(self, output: Path, target: KillPlace | None, measure: bool = False) -> dict[str, Any]:
        """Run a process to its end, or to a place, where it is killed; return what it said at last."""
        messages: Messages = queue.Queue()
        aim = None if target is None else target.to_dict()
        request = {**self.request, "output": str(output), "target": aim, "measure": measure}
        # What a process that is killed leaves of its temporary files is removed with the runs.
        temporary = output.parent / TEMPORARY
        temporary.mkdir(exist_ok=True)
        own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        process = WorkerProcess(WORKER, request, 0, own, messages)
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
                found |= {
                    key: message[key] for key in ("places", "begins", "result", "error", "code", "at") if key in message
                }
                if "at" in message:
                    break
                self.told(message)
        finally:
            if not found.keys() & {"result", "error"}:
                process.kill()
            ended = process.ended(found)
        return ended


def _demand_resumed(kept: KeptAt, begins: Sequence[int], result: Mapping[str, Any] | None) -> None:
    """Check that a process took up the run where its checkpoint is, which after the last epoch is its end.

    Raises:
        CannotResume: It began elsewhere.
    """
    epoch, step = kept or (1, 0)
    last = (result or {}).get("epochs")
    if list(begins) != [epoch, step] and not (step == 0 and last is not None and epoch > last):
        raise CannotResume(
            f"training began at epoch {begins[0]}, step {begins[1]}, although the checkpoint is of epoch {epoch}, step {step}"
        )


def _kept(run: RunDir) -> KeptAt:
    """Return epoch, counted from 1, and steps of the checkpoint that a run is resumed from; None if there is none."""
    if not run.last.is_file():
        return None
    position = read_state(open_checkpoint(run.last).read(STATE))[0]["position"]
    return position["epoch"] + 1, position["step"]
