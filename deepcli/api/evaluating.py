"""Evaluation of a run's best weights, or of any checkpoint: what `deepcli evaluate` and `Run.evaluate` have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.trained_data import read_data
from deepcli.errors import UsageError

if TYPE_CHECKING:
    from deepcli.data.files import Sources
    from deepcli.result import Result
    from deepcli.run.reporter import Reporter
    from deepcli.tasks.choices import Choices


@dataclass(frozen=True)
class EvaluateRequest:
    """What to evaluate, and on what.

    Attributes:
        path: A run directory, or a checkpoint file.
        split: test, validation or train.
        words: Other data than the model was trained on, like `data.path=NEW`.
        batch_size: Examples at once; None: a usual number.
        output: Where to write the predictions and the result, beside the run.
        device: Where to compute.
        started: `time.monotonic()` when the call began.
        threshold: The probability from which the second of two classes, or each label, is answered: a number, or
            `best-f1` for the best F1 on the validation split; None for the usual answers.
        calibrate: Whether to fit a temperature on the validation split, and show what it changes.
    """

    path: Path
    split: str = "test"
    words: tuple[str, ...] = ()
    batch_size: int | None = None
    output: Path | None = None
    device: str = "auto"
    started: float = 0.0
    threshold: float | str | None = None
    calibrate: bool = False


def check_split(split: str) -> None:
    """Check the name of a split.

    Raises:
        UsageError: The split does not exist.
    """
    from deepcli.data.base import SPLITS
    from deepcli.spec.spelling import did_you_mean

    if split not in SPLITS:
        raise UsageError(f"--split: unknown split {split!r}; {did_you_mean(split, SPLITS)}known: {', '.join(SPLITS)}")


def run_evaluation(
    request: EvaluateRequest, at: Callable[[], Sources], reporter: Reporter, plugins: Sequence[str] = ()
) -> tuple[Result, Sequence[str]]:
    """Evaluate, and keep the predictions of a run's best weights on its own data in the run.

    Returns:
        The result, and the names of the classes.

    Raises:
        DeepcliError: The path, the split or the data cannot be used; see `Run.evaluate`.
    """
    from deepcli.experiment.other_data import demand_data_words
    from deepcli.run.directory import demand_free
    from deepcli.spec.plugins import import_plugins
    from deepcli.tasks.choices import Choices

    check_split(request.split)
    choices = Choices.of(request.threshold, request.calibrate)
    demand_data_words(request.words)
    if request.output is not None:
        demand_free(request.output)
    import_plugins(plugins)
    try:
        return _evaluated(request, choices, at, reporter)
    finally:
        reporter.end()


def _evaluated(
    request: EvaluateRequest, choices: Choices, at: Callable[[], Sources], reporter: Reporter
) -> tuple[Result, Sequence[str]]:
    """Find the checkpoint, read its data and evaluate it."""
    from deepcli.run.checkpoint import file as checkpoints

    reporter.doing("reading the data")
    file, run = checkpoints.find(request.path)
    checkpoint = checkpoints.with_device(checkpoints.open_checkpoint(file, request.words), request.device)
    choices.check(checkpoint.experiment.resolved_task, checkpoint.experiment.signature)
    splits, read = read_data(checkpoint, run, request.words, at(), reporter)
    examples = splits[request.split]
    chosen_on = choices.validation(splits)
    if request.words and request.output is None:
        reporter.note("notice: nothing is saved; to save the predictions and the result, add --output")

    from deepcli.system.backend_startup import import_backend

    import_backend(preferred=checkpoint.experiment.training.backend, doing=reporter.doing)
    from deepcli.training.deciding import decided
    from deepcli.training.evaluate import BATCH_SIZE, evaluate, load_model, with_trivial
    from deepcli.training.evaluation_files import keep_in_run, write

    reporter.doing(f"evaluating on the {request.split} split")
    size = request.batch_size or BATCH_SIZE
    loaded = load_model(checkpoint)
    result, measured = evaluate(checkpoint, examples, request.split, reporter, request.started, size, loaded)
    result = result.model_copy(update={"run": str(run.path) if run else None, "data": read})
    result = with_trivial(result, checkpoint.experiment, splits.train, examples)
    validation = None
    if chosen_on is not None:
        validation = measured if request.split == "validation" else loaded.measure(chosen_on, size)
    shown = decided(result, choices, checkpoint.experiment, request.split, measured, validation)
    if request.output is not None:
        write(request.output, shown, request.split, measured, splits.lexicon)
    # What the run keeps is what reports and comparisons expect: the usual answers.
    if run is not None and not request.words and checkpoints.is_best(file, run):
        keep_in_run(run, result, request.split, measured, splits.lexicon, reporter)
    return shown, checkpoint.experiment.target_names
