"""What `train --seeds` is about to do: which seeds, where, how many at a time, and which have finished already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import RunError, UsageError

if TYPE_CHECKING:
    from deepcli.api.train_request import TrainRequest
    from deepcli.experiment.schema import Experiment, Training
    from deepcli.result import Result

MOST_SEEDS = 1000


def seeds_of(words: str, first: int) -> list[int]:
    """Read how many seeds, counted from the first, or which: `5` or `0,3,7`.

    Raises:
        UsageError: They cannot be read, or one is named twice.
    """
    wrong = UsageError(
        f"--seeds: should be a number of seeds such as 5, or a list of seeds such as 0,3,7, not {words!r}"
    )
    parts = [part.strip() for part in words.strip().removesuffix(",").split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise wrong
    seeds = list(map(int, parts))
    if "," not in words:
        if not 1 <= seeds[0] <= MOST_SEEDS:
            raise UsageError(
                f"--seeds: should be from 1 to {MOST_SEEDS} seeds, not {seeds[0]}; one seed is seed={seeds[0]}"
            )
        seeds = list(range(first, first + seeds[0]))
    if max(seeds) >= 1 << 32:
        raise UsageError(f"--seeds: {max(seeds)} is not below 4294967296")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds: a seed is named twice in {words}")
    return seeds


def run_of(folder: Path, seed: int) -> Path:
    """Return the directory of a seed's run."""
    return folder / f"seed-{seed}"


def places(training: Training, count: int) -> tuple[list[dict[str, str]], int | None]:
    """Decide how many runs are trained at a time, and with what.

    Args:
        training: The section of the spec.
        count: How many runs there are.

    Returns:
        The environment variables of each run at a time, and the CPU threads of each; None: those of the spec, or all.
    """
    from deepcli.system.cores import cores
    from deepcli.system.process_count import fitting_processes, visible_gpus

    gpus = [] if training.device == "cpu" else visible_gpus()
    if gpus and ":" in training.device:  # one GPU that is named
        return [{}], None
    if gpus:
        at_once = min(len(gpus), count)
        environments = [{"CUDA_VISIBLE_DEVICES": gpu} if len(gpus) > 1 else {} for gpu in gpus[:at_once]]
    else:
        room = fitting_processes()
        at_once = min(room if training.threads == "auto" else max(room // training.threads, 1), count)
        environments = [{}] * at_once
    alone = at_once == 1 or training.threads != "auto"
    return environments, None if alone else max(cores() // at_once, 1)


def finished_runs(asked: TrainRequest, experiment: Experiment, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Check that every run that exists can be skipped, resumed or replaced, before any is trained.

    Returns:
        By seed, the results of the runs that have finished already, as their processes would send them.

    Raises:
        RunError: One cannot, or the folder is a run itself.
    """
    from deepcli.run.directory import RunDir, existing
    from deepcli.run.resuming import resume, skip

    folder, done = asked.output or Path(), dict[int, dict[str, Any]]()
    if RunDir(folder).config.is_file():
        raise RunError(f"{folder} is a run; with --seeds, --output is a folder for the runs, each in seed-K")
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} exists and is not a folder; nothing was changed")
    for seed in seeds:
        path = run_of(folder, seed)
        if not existing(path, asked.if_exists):
            continue
        run, wanted = RunDir(path), experiment.model_copy(update={"seed": seed})
        if asked.if_exists == "skip":
            result: Result | None = skip(run, wanted)
        else:
            with run.owned():
                result = run.result() if resume(run, wanted).finished else None
        if result is not None:
            done[seed] = {"result": json.loads(result.to_json())}
    return done
