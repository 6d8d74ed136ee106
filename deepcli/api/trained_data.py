"""Reading the data that a checkpoint was trained on, or others that the user names on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """Read the data of a checkpoint, or the others that are named, and say whether the model was trained on them.

    Raises:
        DataError: They cannot be read, or are others although none are named.
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
        hint = "if the data have moved, name their place after the run, like data.path=NEW"
        raise DataError(f"{error}\n{hint}") from error.__cause__
    trained, known = TrainedOn.of(checkpoint, run), splits.provenance
    if words:
        show.note(f"notice: {trained.told(known)}")
        own = checkpoint.experiment.data
        if trained.is_of(known) and (own.validation_split, own.split_seed) != (data.validation_split, data.split_seed):
            show.note("notice: validation is another part of them than in training, and was partly trained on")
    elif not trained.demand(known):
        show.note(f"notice: {trained.told(known)}")
    return splits, DataRead(source=str(known.source), sha256=known.content, as_trained=trained.is_of(known))
