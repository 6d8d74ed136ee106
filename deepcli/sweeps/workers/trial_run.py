"""The runs of trials: started or continued as far as they are, and evaluated on the test split."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

from deepcli.data.arrays.splits import Splits
from deepcli.experiment.schema import Experiment
from deepcli.result import Result
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.own_data import TrainedOn
from deepcli.run.reporter import Reporter
from deepcli.run.resuming import resume, skip
from deepcli.system.atomic import write_text
from deepcli.training.context import TrainOptions
from deepcli.training.evaluate import keep, load_model
from deepcli.training.train import train


def go_on(
    experiment: Experiment, request: TrainOptions, load: Callable[[Experiment], Splits], reporter: Reporter
) -> Result:
    """Start a run, resume it, or return its result if it has finished.

    Raises:
        RunError: Another process is training the run, or it was started with another spec.
        DeepcliError: Any error that `train` raises.
    """
    run = RunDir(request.output)
    with contextlib.ExitStack() as stack:
        if run.config.is_file():
            stack.enter_context(run.owned())
            if (result := run.result()) and result.status == "completed":
                return skip(run, experiment)
            request = dataclasses.replace(request, resumption=resume(run, experiment))
        return train(experiment, load(experiment), request, reporter)


def measure(run: RunDir, load: Callable[[Experiment], Splits]) -> None:
    """Evaluate a run's best weights on the test split, and add the metrics to its result.

    Raises:
        CheckpointError: The checkpoint is missing or damaged.
        DataError: The data differ from those that the run was trained on.
        TrainingError: A file cannot be written.
    """
    checkpoint, result = open_checkpoint(run.best), run.result()
    splits = load(checkpoint.experiment)
    TrainedOn.of(checkpoint, run).demand(splits.provenance)
    measured = load_model(checkpoint).measure(splits.test)
    keep(run, "test", measured, splits.lexicon)
    if result is not None:
        metrics = {**result.metrics, "test": dict(measured.metrics)}
        write_text(run.metrics, result.model_copy(update={"metrics": metrics}).to_json() + "\n")
