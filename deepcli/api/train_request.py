"""What `deepcli.train` and `deepcli.cost` are asked for, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.api.loading import Source
    from deepcli.spec.yaml12 import Document
    from deepcli.system.rendezvous import ProcessPlace
    from deepcli.system.signals import Signals

IfExists = Literal["error", "resume", "skip", "overwrite"]


@dataclass(frozen=True)
class TrainRequest:
    """What to train, and where the run goes.

    Attributes:
        spec: The parts of the spec, as `load` takes them.
        overrides: Overrides to apply after those in `spec`.
        output: The run directory; None: a new one in `runs/`.
        if_exists: What to do if the run exists.
        resume: The run to resume; a spec may be left out then, because the run has its own.
        plugins: Python files or modules to import first.
        callbacks: Keras callbacks, called after those of deepcli.
        command: The command line, for the record.
        started: `time.monotonic()` when the call began.
        kill: Whether a second SIGINT may end the process while a step is running.
        budget: Seconds that epochs are chosen for; None: those of the spec.
        signals: Where requests to stop are noted; None: a new place.
        place: The place of this process among those that train the run; None: it trains alone.
    """

    spec: tuple[Source, ...]
    overrides: tuple[str, ...] = ()
    output: Path | None = None
    if_exists: IfExists = "error"
    resume: Path | None = None
    plugins: tuple[str, ...] = ()
    callbacks: tuple[Any, ...] = ()
    command: tuple[str, ...] = ()
    started: float = 0.0
    kill: bool = True
    budget: float | None = None
    signals: Signals | None = None
    place: ProcessPlace | None = None


def requested_parts(request: TrainRequest) -> tuple[Source | Document, ...]:
    """Return the parts of the spec to train; a run that is resumed has its own.

    Raises:
        RunError: The directory to resume is not a run.
        UsageError: The output is another directory, or what a budget chooses is also given.
    """
    if request.budget is not None:
        if request.resume is not None:
            raise UsageError("--budget: chooses the epochs of a new run; use training.max_time=TIME with --resume")
        words = [part for part in (*request.spec, *request.overrides) if isinstance(part, str)]
        for name in ("training.epochs", "training.max_steps", "training.max_time"):
            if any(word.startswith(f"{name}=") for word in words):
                raise UsageError(f"--budget: chooses {name}; leave out one of the two")
    if request.resume is None:
        return request.spec
    return _with_own_spec(request.spec, request.resume, request.output)


def _with_own_spec(parts: tuple[Source, ...], run: Path, output: Path | None) -> tuple[Source | Document, ...]:
    """Use a run's own spec if none was given.

    Raises:
        RunError: The directory is not a run.
        UsageError: `output` is another directory.
    """
    from deepcli.experiment.load import is_override, read
    from deepcli.run.directory import RunDir

    if output is not None and output != run:
        raise UsageError(f"--resume {run} continues in that directory; omit --output")
    config = RunDir.open(run).config
    given = any(not (isinstance(part, str) and is_override(part)) for part in parts)
    return parts if given else (read(config, variables=False), *parts)
