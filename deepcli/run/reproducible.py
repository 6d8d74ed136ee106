"""A run that can be trained anew: its spec with what it decided, and where it ended; checked before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepcli import __version__
from deepcli.data.sources.known_schemas import carrying
from deepcli.errors import CheckpointError, RunError, UsageError
from deepcli.experiment.load import load, read
from deepcli.experiment.schema import Experiment
from deepcli.result import Ended, Result
from deepcli.run import listing
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.checkpoint.state import read as read_state
from deepcli.run.loaded import LoadedRun
from deepcli.run.recorded_files import demand_plugins, demand_same_files
from deepcli.run.resuming import changes_between
from deepcli.system.backend_startup import BACKENDS
from deepcli.system.cores import cores

DECIDED = ("device", "backend", "precision", "jit_compile", "steps_per_execution")
"""What a run decides where its spec says auto."""


@dataclass(frozen=True)
class Reproducible:
    """A run that can be trained anew.

    Attributes:
        loaded: The run.
        result: How it ended.
        experiment: Its spec, with the device, threads, precision and compilation that it was trained with.
        end: Completed epochs, steps of the next one, and why it ended there, if it was not for its spec; else None.
    """

    loaded: LoadedRun
    result: Result
    experiment: Experiment
    end: tuple[int, int, Ended] | None

    @property
    def tested(self) -> bool:
        """Whether it was evaluated on the test split; trials of a sweep are not."""
        return "test" in self.result.metrics


def reproducible(
    path: Path, words: Sequence[str] = (), plugins: Sequence[str] = (), device: str | None = None
) -> Reproducible:
    """Read a run to train anew.

    Args:
        path: The run.
        words: Where its data are now, like `data.path=NEW`.
        plugins: The plugins that are given, and have been imported.
        device: The device to train on; None: the run's, if it was a CPU or is named in the spec.

    Raises:
        RunError: The path is not a run, it has not ended, it is of a newer version, or a file that it was made of is gone
            or has changed.
        UsageError: A plugin is not given, or a word changes something else than where the data are.
        SpecError: The spec is damaged.
    """
    _demand_version(path)
    loaded = LoadedRun.read(path)
    recorded = loaded.environment.get("plugins")
    demand_plugins(path, [str(one) for one in recorded] if isinstance(recorded, list) else (), plugins)
    result = _demand_end(loaded)
    files = loaded.environment.get("files")
    demand_same_files(path, files if isinstance(files, Mapping) else {}, loaded.experiment, plugins)
    experiment = _moved(loaded, words) if words else loaded.experiment
    end = _end(loaded, result)
    return Reproducible(loaded, result, _as_trained(experiment, loaded.environment, end, device), end)


def _demand_version(path: Path) -> None:
    from deepcli.run.directory import RunDir

    versions = RunDir.open(path).described().get("versions")
    then = versions.get("deepcli") if isinstance(versions, Mapping) else None
    if isinstance(then, str) and _numbers(then) > _numbers(__version__):
        raise RunError(
            f"{path} was trained by deepcli {then}, which is newer than this one ({__version__}); update deepcli"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _demand_end(loaded: LoadedRun) -> Result:
    run, result = loaded.run, loaded.result
    if run.is_owned():
        raise RunError(f"{run.path} is being trained; wait until it has ended")
    if result is None:
        (listed,) = listing.find([run.path])
        far = f" (epoch {listed.epochs or 0} of {listed.planned})" if listed.planned else ""
        raise RunError(f"{run.path} has not ended{far}; continue it first: deepcli train --resume {run.path}")
    if result.status != "completed":
        raise RunError(
            f"{run.path} has failed, so there is nothing to compare with: {result.error}; to train it again: "
            f"deepcli train {run.config}"
        )
    return result


def _moved(loaded: LoadedRun, words: Sequence[str]) -> Experiment:
    """Return the spec with its data in another place."""
    with carrying(loaded.run.data_schema()):
        experiment = load([read(loaded.run.config, variables=False)], words).experiment
    places = {f"data.{name}" for name in experiment.data.path_fields}
    other = [key for key in changes_between(loaded.experiment, experiment) if key not in places]
    if other:
        raise UsageError(
            f"{other[0]}: a run is reproduced with its own spec; only the place of its data can be named, as data.path=NEW"
        )
    return experiment


def _end(loaded: LoadedRun, result: Result) -> tuple[int, int, Ended] | None:
    """Return where a run ended that its spec alone does not end: by the clock, a sweep, or a program's callback."""
    given = result.ended == "callback" and not loaded.experiment.training.callbacks
    if result.ended is None or not (given or result.ended in ("time", "pruned")):
        return None
    last = loaded.run.last
    if not last.is_file():
        raise RunError(f"{last} is missing, which says at which step the run ended ({result.ended})")
    try:
        position = read_state(open_checkpoint(last).read(STATE))[0]["position"]
    except ValueError as error:
        raise CheckpointError(f"{last}: its state is damaged: {error}") from None
    return position["epoch"], position["step"], result.ended


def _as_trained(
    experiment: Experiment, about: Mapping[str, Any], end: tuple[int, int, Ended] | None, device: str | None
) -> Experiment:
    """Return a spec with what the run decided where the spec says auto, without trackers and limits of time."""
    training = experiment.training
    decided = {name: _value(about, name) for name in DECIDED}
    found: dict[str, Any] = {"max_time": None, "trackers": ()}
    on_cpu = decided["device"] == "cpu" and device in (None, "cpu")
    if device is not None:
        found["device"] = device
    elif on_cpu:
        found["device"] = "cpu"
    if training.precision == "auto" and isinstance(decided["precision"], str):
        found["precision"] = decided["precision"]
    if training.backend == "auto" and decided["backend"] in BACKENDS:
        found["backend"] = decided["backend"]
    if training.jit_compile == "auto" and isinstance(decided["jit_compile"], bool) and decided["backend"] != "jax":
        found["jit_compile"] = decided["jit_compile"]
    steps = decided["steps_per_execution"]
    if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0:
        found["steps_per_execution"] = gcd(steps, end[1]) if end else steps
    threads = about.get("threads")
    if on_cpu and training.threads == "auto" and isinstance(threads, int) and 0 < threads != cores():
        found["threads"] = threads  # another number would change the order of sums
    try:
        changed = type(training).model_validate({**training.model_dump(), **found})
    except ValidationError as error:
        wrong = error.errors()[0]
        if device is not None and wrong["loc"][:1] == ("device",):
            raise UsageError(f"--device: should be auto, cpu, gpu or gpu:N, not {device!r}") from None
        name = ".".join(map(str, wrong["loc"]))
        raise RunError(f"the environment.json of the run is damaged: {name}: {wrong['msg']}") from None
    return experiment.model_copy(update={"training": changed})


def _value(about: Mapping[str, Any], name: str) -> Any:
    choice = about.get(name)
    return choice.get("value") if isinstance(choice, Mapping) else None
