"""Writing a checkpoint's model for other programs, with what they need beside it, and looking whether it is right."""

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
from deepcli.checkpoints import CheckpointFile
from deepcli.data.lexicon import Lexicon
from deepcli.data.splits import Split, Tokens, generator, stratified
from deepcli.engine.backend import Backend
from deepcli.errors import DataError, RunError, TrainingError
from deepcli.export.portable import Portable
from deepcli.export.usage import usage
from deepcli.formats import OUTPUT, Format
from deepcli.inputs.example import together
from deepcli.predictions import by_class
from deepcli.writing import put_directory, temporary_prefix, write_text

FACTS = "export.json"
MOST_EXAMPLES = 1000
SAMPLE_SEED = 20_251_125
"""Of the examples that an export is verified on, the same every time."""


@dataclass(frozen=True)
class Verdict:
    """What came of running an exported model on real examples.

    Attributes:
        examples: How many.
        difference: The largest between its outputs and the model's own, both in float32.
        accuracy: Its accuracy on them.
        accuracy_change: Against the model's own.
    """

    examples: int
    difference: float
    accuracy: float
    accuracy_change: float


def write_export(
    checkpoint: CheckpointFile, model: Portable, format_: Format, lexicon: Lexicon | None, folder: Path
) -> None:
    """Write the model, `usage.py` and what that reads into a folder, whole or not at all.

    Raises:
        RunError: The folder holds something else.
        TrainingError: It cannot be written, or the format cannot say what the model does.
    """
    _demand_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=temporary_prefix(folder), dir=folder.parent) as made:
            inside = Path(made) / "export"
            inside.mkdir()
            format_.write(model, inside / format_.file)
            write_text(inside / "usage.py", usage(format_, model, checkpoint.experiment.data, lexicon is not None))
            if lexicon is not None:
                (inside / "lexicon.txt").write_bytes(lexicon.to_bytes())
            write_text(
                inside / FACTS, json.dumps(_facts(checkpoint, model, format_), indent=2, ensure_ascii=False) + "\n"
            )
            _replace(folder, inside)
    except OSError as error:
        raise TrainingError(f"cannot write {folder}: {error.strerror or error}") from None


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
        raise RunError(f"{folder} holds something else than an export; name another with --output")


def _replace(folder: Path, made: Path) -> None:
    """Put an export in the place of an older one, also of one that another process has written just now."""
    for number in itertools.count():
        _demand_replaceable(folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(made.with_name(f"older-{number}"))
        with contextlib.suppress(FileExistsError):
            put_directory(made, folder)
            return


def _facts(checkpoint: CheckpointFile, model: Portable, format_: Format) -> dict[str, Any]:
    signature, experiment = model.signature(format_.fixed), checkpoint.experiment
    return {
        "deepcli": __version__,
        "format": format_.type,
        "file": format_.file,
        "name": experiment.name,
        "checkpoint": str(checkpoint.path.absolute()),
        "input": {"name": model.input_name, "shape": list(signature.shape), "dtype": signature.dtype.name},
        "output": {"name": OUTPUT, "shape": [signature.shape[0], experiment.head.units], "dtype": "float32"},
        "classes": experiment.data.names_of(experiment.signature.classes),
    }


def verify(model: Portable, format_: Format, folder: Path, backend: Backend, split: Split) -> Verdict:
    """Run an exported model in its format's own runtime on examples of a split, and the model itself.

    A large split is sampled, each class by its share: files are often sorted, and the first thousand of one class.

    Raises:
        DataError: There are no examples.
    """
    if not len(split):
        raise DataError("there are no examples to verify with")
    chosen = stratified(split.y, min(len(split), MOST_EXAMPLES), generator(SAMPLE_SEED))
    rows, labels = _rows(split, chosen), split.y[chosen]
    run, own = format_.open(folder / format_.file, model.input_name), backend.function(model.model)
    length = model.length if format_.fixed else None
    theirs, ours = [], []
    for start in range(0, len(rows), 100):
        part = rows[start : start + 100]
        theirs.append(run(together(part, length)))
        ours.append(own(together(part, length)))
    said, expected = np.concatenate(theirs), np.concatenate(ours)
    right, before = (float((by_class(outputs).argmax(axis=1) == labels).mean()) for outputs in (said, expected))
    difference = float(np.abs(said.astype(np.float64) - expected).max())
    return Verdict(len(rows), difference, right, right - before)


def _rows(split: Split, chosen: np.ndarray) -> list[np.ndarray]:
    x = split.x
    return [x.sequence(k) for k in chosen.tolist()] if isinstance(x, Tokens) else list(x[chosen])
