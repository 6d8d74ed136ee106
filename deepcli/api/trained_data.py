"""Reading the data that a checkpoint was trained on, or other data that the user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcli.api.data_findings import findings_told
from deepcli.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcli.data.arrays.splits import Splits
    from deepcli.data.files import Sources
    from deepcli.result import DataRead
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.run.directory import RunDir
    from deepcli.run.reporter import Reporter


def read_data(
    checkpoint: CheckpointFile, run: RunDir | None, words: Sequence[str], at: Sources, show: Reporter
) -> tuple[Splits, DataRead]:
    """Read a checkpoint's data, or other data that the user names, and report whether the model was trained on it.

    Raises:
        DataError: The data cannot be read, or are not those of training although no other data was named.
    """
    from deepcli.experiment.other_data import other_data
    from deepcli.result import DataRead
    from deepcli.run.own_data import TrainedOn

    data, notices = other_data(checkpoint.experiment, words) if words else (checkpoint.experiment.data, ())
    for notice in notices:
        show.note(f"notice: {notice}")
    try:
        splits = data.load(at)
    except DataError as error:
        if words or "data.path=" in str(error):
            raise
        hint = "if the data have moved, add the new path after the run, such as data.path=NEW"
        raise DataError(f"{error}\n{hint}") from error.__cause__
    for line in findings_told(splits.findings, data.path):
        show.note(line)
    trained, known = TrainedOn.of(checkpoint, run), splits.provenance
    if words:
        show.note(f"notice: {trained.told(known)}")
        own = checkpoint.experiment.data
        if trained.is_of(known) and not own.same_splits(data):
            show.note("notice: the validation split differs from that of training; the model was trained on part of it")
    elif not trained.demand(known):
        show.note(f"notice: {trained.told(known)}")
    return splits, DataRead(source=str(known.source), sha256=known.content, as_trained=trained.is_of(known))
