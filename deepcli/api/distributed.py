"""A run that several processes train: they join at the start, agree on what they train, and end together."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import DeepcliError, UsageError
from deepcli.system.launched import end_with_launcher
from deepcli.system.process_group import ALONE, ProcessGroup
from deepcli.system.rendezvous import ProcessPlace, join

if TYPE_CHECKING:
    from deepcli.experiment.schema import Experiment
    from deepcli.result import Result
    from deepcli.run.directory import RunDir
    from deepcli.run.resuming import Resumption

VERSIONED = ("keras", "jax", "jaxlib", "numpy")
"""Packages whose versions must be the same in all processes."""
SCRATCH = "deepcli-process-"
"""How the name of a folder begins that has the files of a process other than process 0; its process id follows."""
DIGITS = 12
"""How much of a fingerprint an error shows."""
MOST_SHOWN = 3
"""How many differences of specs an error lists."""


def requested_place(
    distributed: bool, coordinator: str | None, processes: int | None, process: int | None
) -> ProcessPlace | None:
    """Return the place of this process in a run with several; None if it trains alone.

    Raises:
        UsageError: The options do not fit together, JAX is missing, or nothing says the place.
        ProcessError: The services of the cluster do not answer.
    """
    named = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    given = [name for name, value in named.items() if value is not None]
    if not given and not distributed:
        return None
    from deepcli.system.extras import demand

    demand("--distributed", ("jax",), "jax")
    if coordinator is not None and processes is not None and process is not None:
        return ProcessPlace(coordinator, processes, process)
    if given:
        missing = [name for name in named if name not in given]
        raise UsageError(f"{', '.join(given)}: also needs {' and '.join(missing)}")
    from deepcli.training.jax_processes import found_place

    return found_place()


@contextlib.contextmanager
def joined(place: ProcessPlace) -> Iterator[ProcessGroup]:
    """Join the processes of a run; at the end of the block, all of them end, or learn why this one does.

    Raises:
        ProcessError: A process is missing, or is lost later.
        UsageError: The processes do not belong together.
    """
    end_with_launcher()
    group = join(place, _facts(), lambda text: print(f"error: {text}", file=sys.stderr))
    try:
        yield group
        group.exchange("end", True)
    except BaseException as error:
        text = str(error).strip() or type(error).__name__
        group.leave(text, error.exit_code if isinstance(error, DeepcliError) else 1)
        raise
    group.leave()


def _facts() -> dict[str, str]:
    from deepcli import __version__

    found = {"deepcli": __version__, "Python": ".".join(map(str, sys.version_info[:2]))}
    for name in VERSIONED:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def demand_same_spec(group: ProcessGroup, experiment: Experiment) -> None:
    """Check that all processes train the same spec, on JAX.

    Raises:
        UsageError: They do not.
    """
    if group is ALONE:
        return
    if experiment.training.backend == "tensorflow":
        raise UsageError("training.backend: is tensorflow; several processes train on JAX: leave it out, or set jax")
    from deepcli.spec.trees import differences

    specs = group.exchange("spec", experiment.model_dump(mode="json"))
    for index, spec in enumerate(specs):
        found = [
            f"{path}: {json.dumps(theirs)} there, {json.dumps(ours)} in process 0"
            for path, (ours, theirs) in differences(specs[0], spec)
        ]
        if found:
            more = f", and {len(found) - MOST_SHOWN} more" * (len(found) > MOST_SHOWN)
            raise UsageError(
                f"process {index} of {group.count} has another spec: {'; '.join(found[:MOST_SHOWN])}{more}; start all "
                "processes with the same words"
            )


def demand_same_data(group: ProcessGroup, fingerprint: Mapping[str, Any]) -> None:
    """Check that all processes have read the same data.

    Raises:
        UsageError: They have not.
    """
    prints = group.exchange("data", dict(fingerprint))
    for index, found in enumerate(prints):
        if found != prints[0]:
            name = next(name for name in {**prints[0], **found} if found.get(name) != prints[0].get(name))
            theirs, ours = (str(one.get(name))[:DIGITS] for one in (found, prints[0]))
            raise UsageError(
                f"process {index} of {group.count} has read other data: their {name} begins with {theirs}, in process 0 with "
                f"{ours}; give all machines the same files"
            )


@contextlib.contextmanager
def scratch(group: ProcessGroup, output: Path | None) -> Iterator[Path | None]:
    """Yield where a process has its run: process 0 at the output, another in a folder that is deleted at the end."""
    if group.is_first:
        yield output
        return
    _remove_left_ones()
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as folder:
        yield Path(folder) / "run"


def _remove_left_ones() -> None:
    """Remove the folders of processes that were killed."""
    from psutil import pid_exists

    for folder in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*-*"):
        number = folder.name.removeprefix(SCRATCH).partition("-")[0]
        if number.isdigit() and not pid_exists(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


Known = tuple["Result | None", "Resumption | None"]


def begun_together(group: ProcessGroup, output: Path | None, look: Callable[[], Known]) -> Known:
    """Let process 0 see whether the run has finished or is to be resumed, and give the others what they need.

    Args:
        group: The processes.
        output: Where this process has the run.
        look: Called by process 0; returns the result of a finished run, or how to resume one.

    Raises:
        DeepcliError: What `look` raises.
        ProcessError: Process 0 could not start.
    """
    if group is ALONE:
        return look()
    result, resumption = look() if group.is_first else (None, None)
    told = group.shared("start", _told(result, resumption))
    if resumption is not None:
        _bring(group, resumption.run)
        return None, resumption
    if group.is_first or output is None:
        return result, None
    from deepcli.result import Result

    if told["result"] is not None:
        return Result.from_json(told["result"]), None
    return None, _received(group, output, told["resume"]) if told["resume"] is not None else None


def _told(result: Result | None, resumption: Resumption | None) -> dict[str, Any]:
    """Describe what process 0 found, as JSON values."""
    resume = None
    if resumption is not None:
        resume = {name: getattr(resumption, name) for name in ("more_epochs", "moved", "more_time")}
    return {"result": None if result is None else result.to_json(), "resume": resume}


def _bring(group: ProcessGroup, run: RunDir) -> None:
    for file in (run.config, run.environment, run.schema, run.last, run.best):
        group.bring(file)


def _received(group: ProcessGroup, output: Path, flags: Mapping[str, bool]) -> Resumption:
    """Receive the files of a run that is resumed."""
    from deepcli.run.checkpoint.file import open_checkpoint
    from deepcli.run.directory import RunDir
    from deepcli.run.resuming import Resumption

    run = RunDir(output)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    _bring(group, run)
    return Resumption(run, open_checkpoint(run.last) if run.last.is_file() else None, **flags)
