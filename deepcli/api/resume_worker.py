"""The process that trains for `deepcli verify-resume`: it stops at a place of the run, where its parent kills it.

It calls what `deepcli train` calls. Between two steps and between two batches of validation it is asked whether to stop; while
a checkpoint is written, it sees the files being opened and renamed, as audit hooks show them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from deepcli.api.kill_plan import KillPlace, Kind
from deepcli.api.train_request import TrainRequest
from deepcli.api.training import run_training
from deepcli.api.worker_serving import LineReporter, asked_in, serve
from deepcli.run.reporter import Course, NullReporter, Progress
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.data.files import Sources

ORPHANED = 1
"""The exit code of a process whose parent has ended."""


class PlaceReporter(LineReporter):
    """Follows where a run is, counts its places, and stops the process at one of them.

    Args:
        out: Where messages are written.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self.target: KillPlace | None = None
        self._epoch, self._step, self._steps = 0, 0, 0
        self._before_validation = False
        self._checks = self._reached = 0
        self._moments: dict[str, int] = {"validation": 0, "saving": 0}
        self._in_save = 0
        self._saved: tuple[int, int] | None = None

    def begin(self, course: Course) -> None:
        """Note where the run begins."""
        super().begin(course)
        self.send(begins=[course.epoch, course.step])
        self._steps = course.steps
        self._epoch, self._step = (course.epoch, course.step) if course.step else (course.epoch - 1, course.steps)

    def due(self) -> bool:
        """Return True, so that each call into the backend is reported."""
        return True

    def progress(self, progress: Progress) -> None:
        """Note a place between two steps."""
        self._epoch, self._step = progress.epoch, progress.step
        self._before_validation, self._checks = True, 0
        if super().due():
            self._sent_at = time.monotonic()
            self.send(epoch=progress.epoch, step=progress.step, seconds_left=progress.seconds_left)
        self._at("step")

    def epoch(self, row: Mapping[str, float], best: bool) -> None:
        """Note the end of a validation."""
        self._before_validation = False

    def doing(self, what: str) -> None:
        """Note the beginning of the final evaluation, whose batches are not those of a validation."""
        if what.startswith("evaluating"):
            self._before_validation = False

    def checked(self) -> None:
        """Note that the run asks whether to stop: before a step, and after each batch of a validation."""
        if self._before_validation:
            self._checks += 1
            if self._checks > 1:  # the first is before the next step, or before validation
                self._moments["validation"] = max(self._moments["validation"], self._checks - 1)
                self._at("validation")

    def saving(self, file: str, renamed: bool) -> None:
        """Note a moment while a checkpoint is written; `renamed` if its name is about to change to its final one."""
        self._in_save += 1
        self._moments["saving"] = max(self._moments["saving"], self._in_save)
        self._at("saving", file)
        if renamed:
            self._in_save = 0
            if file == "last.keras" and self._saved is None:
                self._saved = self._epoch, self._step

    def counted(self) -> dict[str, Any]:
        """Return the places of the whole run."""
        return {"steps": self._steps, "end": [self._epoch, self._step], "saved": self._saved, **dict(self._moments)}

    def _at(self, kind: Kind, file: str = "") -> None:
        """Stop for ever if this is the place, until the parent kills this process."""
        target = self.target
        if target is None or kind != target.kind or (self._epoch, self._step) < (target.epoch, target.step):
            return
        if target.file and file != target.file:
            return
        self._reached += 1
        if self._reached == target.nth:
            self.send(at=KillPlace(kind, self._epoch, self._step, target.nth, file).to_dict())
            while True:
                time.sleep(60)


class PlaceSignals(Signals):
    """Tells a reporter whenever the run asks whether to stop."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self._asked = asked

    def check(self) -> None:
        self._asked()
        super().check()


def watch_saving(folder: Path, told: Callable[[str, bool], None]) -> None:
    """Call a function at each moment in which a checkpoint in a folder is written; this lasts as long as the process."""
    start = f"{folder.absolute()}{os.sep}."

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.rename") and isinstance(arguments[0], str | os.PathLike):
            path = os.path.abspath(os.fspath(arguments[0]))  # noqa: PTH100 - an audit hook is called for every file
            if path.startswith(start) and path.endswith(".keras"):
                told(path[len(start) :].rsplit(".", 2)[0], event == "os.rename")

    sys.addaudithook(hook)


def main() -> int:
    """Train the run that a line on standard input describes; return the exit code."""
    return serve(_train, PlaceReporter, lambda: os._exit(ORPHANED))


def _train(request: dict[str, Any], reporter: PlaceReporter) -> Any:
    asked, at = asked_in(request)
    if request["measure"]:
        _measure(asked, at, reporter)
    if request["target"] is not None:
        reporter.target = KillPlace(**request["target"])
    watch_saving(Path(request["output"]) / "checkpoints", reporter.saving)
    asked = replace(asked, signals=PlaceSignals(reporter.checked), started=time.monotonic())
    result = run_training(asked, at, reporter)
    reporter.send(places=reporter.counted())
    return json.loads(result.to_json())


def _measure(asked: TrainRequest, at: Callable[[], Sources], reporter: PlaceReporter) -> None:
    """Say how long a run will take."""
    from deepcli.api.costing import run_cost

    seconds = run_cost(asked, at, NullReporter()).seconds
    reporter.send(cost={"run": seconds.run, "epoch": seconds.epoch, "starting": seconds.starting})


if __name__ == "__main__":
    sys.exit(main())
