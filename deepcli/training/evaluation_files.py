"""Write the files of an evaluation, into the run or to --output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deepcli.data.lexicon import Lexicon
from deepcli.errors import RunError, TrainingError
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.reporter import Reporter
from deepcli.system.atomic import write_text
from deepcli.training.evaluate import Measured, keep, save_predictions

RESULT = "result.json"


def keep_in_run(
    run: RunDir, result: Result, split: str, measured: Measured, lexicon: Callable[[], Lexicon | None], show: Reporter
) -> None:
    """Save the predictions of a run's best weights in the run, or show why not; of an unfinished run the figures, too."""
    if result.data is None or result.data.as_trained is None:
        show.note("notice: predictions are not saved in the run; use --output to save them elsewhere")
        return
    if run.is_owned():
        show.note("notice: predictions are not saved: the run is being trained, or belongs to another user")
        return
    try:
        keep(run, split, measured, lexicon)
        if run.result() is None:  # the result of a run that has ended has its figures
            write_text(run.evaluation(split), result.to_json() + "\n")
    except TrainingError as error:  # another user's run or a full disk; the metrics are still shown
        show.note(f"notice: predictions are not saved: {error}")


def write(output: Path, result: Result, split: str, measured: Measured, lexicon: Callable[[], Lexicon | None]) -> None:
    """Write the predictions to a `.npz` file, the result to a `.json` file, or both to a directory.

    Raises:
        RunError: The directory cannot be created.
        TrainingError: A file cannot be written.
    """
    if output.suffix == ".npz":
        save_predictions(output, measured.predictions)
        return
    if output.suffix == ".json":
        write_text(output, result.to_json() + "\n")
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write {output}: {error.strerror or error}") from None
    keep(RunDir(output), split, measured, lexicon)
    write_text(output / RESULT, result.to_json() + "\n")
