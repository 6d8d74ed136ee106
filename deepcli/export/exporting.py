"""Exports a checkpoint's model for other programs, with a script and the files it needs, and verifies its outputs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepcli import __version__
from deepcli.data.arrays.splits import Split, Tokens, generator, strata_of, stratified
from deepcli.data.lexicon import Lexicon
from deepcli.errors import DataError, RunError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.export.portable import Portable, with_temperature
from deepcli.export.reading_code import ReadingCode
from deepcli.export.usage import reading_code, usage
from deepcli.formats import OUTPUT, Format
from deepcli.inputs.example import collate, joined_outputs
from deepcli.run.checkpoint.file import CheckpointFile
from deepcli.system.atomic import put_directory, temporary_prefix, write_text
from deepcli.tasks.usage_code import UsageCode
from deepcli.training.backend import Backend
from deepcli.training.deciding import temperature
from deepcli.training.evaluate import BATCH_SIZE

FACTS = "export.json"
MOST_EXAMPLES = 1000
SAMPLE_SEED = 20_251_125
"""Seed of the examples that an export is verified on, fixed so that they are always the same."""


@dataclass(frozen=True)
class Verdict:
    """Comparison of an exported model with the original on real examples.

    Attributes:
        examples: Number of examples.
        difference: Largest absolute difference between the outputs of the two, both in float32.
        accuracy: Accuracy of the exported model; None for a task whose answers are not right or wrong.
        accuracy_change: Accuracy of the exported model minus that of the original.
        unit: What the difference counts in, as words behind a number; empty for the outputs themselves.
    """

    examples: int
    difference: float
    accuracy: float | None = None
    accuracy_change: float | None = None
    unit: str = ""


def write_export(
    checkpoint: CheckpointFile, model: Portable, format_: Format, lexicon: Lexicon | None, folder: Path
) -> None:
    """Write the model, `usage.py` and the files that it reads into a folder, completely or not at all.

    Raises:
        RunError: The folder contains something other than an export.
        TrainingError: The folder cannot be written, or the format does not support the model.
    """
    _demand_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(folder), dir=folder.parent) as made:
            inside = Path(made) / "export"
            inside.mkdir()
            format_.write(model, inside / format_.file)
            _write_beside(checkpoint, model, format_, lexicon, inside)
            _replace(folder, inside)
    except OSError as error:
        raise TrainingError(f"cannot write {folder}: {error.strerror or error}") from None


def _write_beside(
    checkpoint: CheckpointFile, model: Portable, format_: Format, lexicon: Lexicon | None, inside: Path
) -> None:
    """Write the files beside the model: the script, what it reads, and what other programs must know."""
    experiment = checkpoint.experiment
    length = model.length if format_.fixed else None
    reading = reading_code(experiment.data, length, lexicon is not None)
    answer = experiment.resolved_task.usage_code(experiment.target_names, model.model)
    if model.calibration is not None:
        answer = answer.with_temperature(model.calibration.temperature, model.calibration.examples)
    write_text(inside / "usage.py", usage(format_, model, experiment.data, reading, answer))
    for name, text in reading.files.items():
        write_text(inside / name, text)
    if lexicon is not None:
        (inside / "lexicon.txt").write_bytes(lexicon.to_bytes())
    facts = _facts(checkpoint, model, format_, reading, answer)
    write_text(inside / FACTS, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def _demand_replaceable(folder: Path) -> None:
    """Refuse a folder with anything else in it; it is listed at once, as another process may replace it meanwhile."""
    try:
        with os.scandir(folder) as entries:
            files = {entry.name: entry.is_file() for entry in entries}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        files = {folder.name: True}
    if files and not files.get(FACTS):
        raise RunError(f"{folder} contains something other than an export; choose another folder with --output")


def _replace(folder: Path, made: Path) -> None:
    """Put an export in the place of an older one, even if another process has just written that one."""
    for number in itertools.count():
        _demand_replaceable(folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(made.with_name(f"older-{number}"))
        with contextlib.suppress(FileExistsError):
            put_directory(made, folder)
            return


def _facts(
    checkpoint: CheckpointFile, model: Portable, format_: Format, reading: ReadingCode, answer: UsageCode
) -> dict[str, Any]:
    signature, experiment = model.signature(format_.fixed), checkpoint.experiment
    return {
        "deepcli": __version__,
        "format": format_.type,
        "file": format_.file,
        "name": experiment.name,
        "checkpoint": str(checkpoint.path.absolute()),
        "input": {"name": model.input_name, "shape": list(signature.shape), "dtype": signature.dtype.name},
        "output": {"name": OUTPUT, "shape": [signature.shape[0], *experiment.head.shape], "dtype": "float32"},
        "task": experiment.resolved_task.type,
        "data": {"type": experiment.data.type, "kind": experiment.signature.kind, **reading.facts},
        **answer.facts,
    }


def calibrate(experiment: Experiment, model: Portable, backend: Backend, validation: Split) -> Portable:
    """Fit a temperature on the validation split, and put it into a model to export.

    Raises:
        DataError: The outputs are not probabilities, or the split determines no temperature.
    """
    outputs = backend.predict(model.model, validation.x, BATCH_SIZE)
    task, signature = experiment.resolved_task, experiment.signature
    fit = temperature(task.predictions(signature, validation.ids, validation.y, outputs, model.model))
    if fit.interval is None:
        raise DataError(
            f"--calibrate: the validation split determines no temperature: {fit.wrong} of its {fit.examples} examples are "
            f"answered wrongly, and log-loss is best with a temperature of {fit.temperature:g}, the end of the range"
        )
    return with_temperature(model, fit)


def verify(
    experiment: Experiment, model: Portable, format_: Format, folder: Path, backend: Backend, split: Split
) -> Verdict:
    """Compare an exported model, run in its format's own runtime, with the original on examples of a split.

    The task says how outputs are compared. A large split is sampled in proportion to its classes: files are often sorted, with one class first.

    Raises:
        DataError: The split has no examples.
    """
    if not len(split):
        raise DataError("there are no examples to verify with")
    chosen = stratified(strata_of(split.y), min(len(split), MOST_EXAMPLES), generator(SAMPLE_SEED))
    rows, labels = _rows(split, chosen), split.y[chosen]
    run, own = format_.open(folder / format_.file, model.input_name), backend.function(model.model)
    length = model.length if format_.fixed else None
    theirs, ours = [], []
    for start in range(0, len(rows), 100):
        part = rows[start : start + 100]
        theirs.append(run(collate(part, length)))
        ours.append(own(collate(part, length)))
    said, expected = joined_outputs(theirs), joined_outputs(ours)
    task, signature = experiment.resolved_task, experiment.signature
    difference = task.difference(signature, said, expected)
    right, before = (task.accuracy(outputs, labels) for outputs in (said, expected))
    change = None if right is None or before is None else right - before
    return Verdict(len(rows), difference, right, change, task.difference_unit)


def _rows(split: Split, chosen: np.ndarray) -> list[np.ndarray]:
    x = split.x
    if split.text is not None:
        return list(np.asarray(x[chosen], np.int32))
    return [x.sequence(k) for k in chosen.tolist()] if isinstance(x, Tokens) else list(x[chosen])
