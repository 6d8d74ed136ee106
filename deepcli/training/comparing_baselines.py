"""At the end of a run on own data: is the network better than a linear model?"""

from __future__ import annotations

from deepcli.data.own import OwnDataset
from deepcli.evaluation.baselines import baselines_for
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.result import Result
from deepcli.run.baseline_figures import best_trivial, learned_figures, told
from deepcli.system.atomic import write_text
from deepcli.training.context import RunContext


def add_baselines(context: RunContext, result: Result) -> Result:
    """Compare a trained run on own data with the trivial baseline and a linear model, and keep their scores in the run.

    Raises:
        TrainingError: The result cannot be written.
    """
    experiment, splits = context.experiment, context.splits
    path = context.run.predictions("test")
    if result.status != "completed" or not isinstance(experiment.data, OwnDataset) or not path.is_file():
        return result
    found: dict[str, dict[str, float]] = {"trivial": best_trivial(experiment, splits.train.y, splits.test)}
    network = load_predictions(path)
    context.reporter.doing("training baselines to compare with")
    for baseline in learned_figures(experiment, splits, baselines_for(experiment.signature)[:1]):
        found[baseline.name] = baseline.values
        context.reporter.note(told(baseline, network, experiment.resolved_task.headline))
    result = result.model_copy(update={"baselines": found, "headline": experiment.resolved_task.headline})
    write_text(context.run.metrics, result.to_json() + "\n")
    return result
