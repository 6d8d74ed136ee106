"""How far a run is, why it ended or stopped, the best so far, and the command that resumes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepcli.result import Result
    from deepcli.run.directory import RunDir
    from deepcli.run.loaded import LoadedRun

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.+)")
"""A line of `train.log`."""
ENDINGS = ("all ", "the only epoch", "stopped ")
"""How the line of `train.log` begins that says why training ended."""
END_BYTES = 64 << 10
"""How much of the end of `train.log` is read."""
WORDS = {
    "early_stopping": "early stopping", "max_steps": "training.max_steps is reached", "time": "the time is over",
    "callback": "a callback stopped training", "pruned": "pruned by the sweep",
}  # fmt: skip
"""Reasons in `metrics.json` to end before the last epoch, where the log does not say more."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Attributes:
        status: completed, failed, interrupted, running, or unfinished (nothing says why it stopped).
        epochs: Epochs trained so far.
        planned: Epochs that the spec asks for.
        why: Why it ended or stopped.
        best: The best epoch so far with its figure; empty without one.
        resume: The command that continues it; empty if nothing is left to continue, or a process is training it.
    """

    status: str
    epochs: int
    planned: int
    why: str
    best: str = ""
    resume: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the run has a result."""
        return self.status in ("completed", "failed")

    @property
    def far(self) -> str:
        """How far it is, such as `epoch 4 of 30`."""
        return (
            f"epoch {self.epochs} of {self.planned}" if self.epochs else f"before the end of epoch 1 of {self.planned}"
        )


def state_of(run: LoadedRun) -> RunState:
    """Describe where a run stands.

    Raises:
        RunError: Its history is damaged.
    """
    result, planned = run.result, run.experiment.training.epochs
    epochs = result.epochs if result and result.epochs is not None else len(run.history)
    if result is not None:
        failed = result.status == "failed"
        why = result.error or "no reason is recorded" if failed else _ending(run.run, result)
        resumes = failed and run.run.last.is_file() and not why.startswith("the run diverged")
        resume = _resume(run) if resumes else ""
        return RunState("failed" if failed else "completed", epochs, planned, why, _best(run) if failed else "", resume)
    if run.run.is_owned():
        return RunState("running", epochs, planned, "a process is training it now", _best(run))
    status, why = _stopped(run.run)
    return RunState(status, epochs, planned, why, _best(run), _resume(run))


def resume_command(path: object, plugins: Iterable[object] = ()) -> str:
    """Return the command that resumes a run."""
    return shlex.join(["deepcli", "train", "--resume", str(path), *(f"--plugin={plugin}" for plugin in plugins)])


def _resume(run: LoadedRun) -> str:
    """Return the command that resumes a run, or lets another worker continue the sweep that it is in."""
    command: Any = run.environment.get("command")
    if isinstance(command, list) and command[:2] == ["sweep", "worker"]:
        return shlex.join(["deepcli", *map(str, command)])
    plugins: Any = run.environment.get("plugins")
    return resume_command(run.name, plugins if isinstance(plugins, list) else ())


def _ending(run: RunDir, result: Result) -> str:
    """Say why a run ended that has completed: as its log does, or in fewer words if the log does not."""
    for line in reversed(_log(run)):
        if line.startswith(ENDINGS):
            return line
    epochs = f"{result.epochs} epochs" if result.epochs != 1 else "1 epoch"
    return f"{epochs}: {WORDS[result.ended]}" if result.ended in WORDS else f"{epochs} done"


def _stopped(run: RunDir) -> tuple[str, str]:
    """Return the status of a run that no process is training and that has no result, and why it stopped."""
    if run.metrics.exists():
        return "unfinished", f"{run.metrics.name} is damaged, so how it ended is unknown"
    log = _log(run)
    if log and log[-1].startswith("interrupted "):
        where = re.split(r" of |;", log[-1].removeprefix("interrupted "))[0]
        return "interrupted", f"stopped {where} by Ctrl-C or another signal"
    return "unfinished", "its process ended without a result: it was killed, or the machine stopped"


def _best(run: LoadedRun) -> str:
    epoch, monitor = run.best_epoch, run.experiment.monitor
    row = next((row for row in run.history if row["epoch"] == epoch), {})
    return f"epoch {epoch}, {monitor} {row[monitor]:.4f}" if monitor in row else ""


def _log(run: RunDir) -> list[str]:
    """Return the last lines of a run's log without their times; none if it cannot be read."""
    if run.log.is_symlink():
        return []
    try:
        with run.log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - END_BYTES))
            text = stream.read(END_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [found[1] for line in text.splitlines() if (found := LOGGED.fullmatch(line))]
