"""A sweep under the user's own scheduler: its plan as lines, one run of it, and the results of all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.api.sweep_outcome import RankedOutcome
from deepcli.system.signals import Signals

if TYPE_CHECKING:
    from deepcli.data.files import Sources
    from deepcli.result import Result
    from deepcli.run.reporter import Reporter
    from deepcli.sweeps.plan import Plan


def plan_lines(planned: Plan) -> Iterator[str]:
    """Yield every run of a plan as one line.

    Raises:
        UsageError: The method chooses points by earlier results.
        SpecError: A point gives an invalid spec.
    """
    from deepcli.sweeps.load import trials
    from deepcli.sweeps.planned import line

    for one in trials(planned):
        yield line(planned, one)


def train_planned(
    text: str, output: Path, plugins: Sequence[str], at: Callable[[], Sources], report: Reporter, started: float
) -> Result:
    """Train one run of a plan; skip it if it has finished, and resume it if it was interrupted.

    Args:
        text: A line of `plan_lines`.
        output: The directory for all runs of the plan.
        plugins: Python files or modules to import first.
        at: Returns where data are looked for; it is called only if data are needed.
        report: Shows notices and progress.
        started: `time.monotonic()` when the call began.

    Raises:
        UsageError: The text is not such a line, or a plugin cannot be imported.
        SpecError: The spec is from another version, or needs a plugin that is not given.
        DeepcliError: As `deepcli.train` says.
    """
    from deepcli.spec.plugins import import_plugins
    from deepcli.sweeps.planned import PlannedRun

    import_plugins(plugins)
    signals = Signals()
    planned, experiment = PlannedRun.read(text)
    run = planned.run(output)
    with signals.noted(), contextlib.ExitStack() as stack:
        stack.callback(report.end)
        result = planned.finished(output, experiment)
        if result is not None:
            report.note(f"the run {run.path} has finished; nothing was trained")
        else:
            planned.keep(output)
            sources = at()

            from deepcli.system.backend_startup import import_backend

            import_backend(experiment.training.backend, doing=report.doing)
            from deepcli.sweeps.workers.trial_run import go_on
            from deepcli.training.context import TrainOptions

            options = TrainOptions(
                run.path,
                command=("sweep", "trial", planned.trial),
                plugins=tuple(plugins),
                started=started,
                signals=signals,
                test=False,
                sources=sources,
            )
            result = go_on(experiment, options, lambda experiment: experiment.data.load(sources), report)
    return result.model_copy(update={"command": "sweep trial", "run": str(run.path)})


def collect_trials(
    folder: Path, plugins: Sequence[str], at: Callable[[], Sources], report: Reporter, started: float
) -> RankedOutcome:
    """Rank a plan's runs, write the ranking and plots, and evaluate the best once on the test split.

    Args:
        folder: The directory of all runs.
        plugins: Python files or modules to import first.
        at: Returns where data are looked for; it is called only if data are needed.
        report: Shows notices.
        started: `time.monotonic()` when the call began.

    Raises:
        RunError: The folder has no runs of a plan.
        UsageError: They belong to plans with different metrics, or a plugin cannot be imported.
        DeepcliError: The best cannot be evaluated, or a file cannot be written.
    """
    from deepcli.spec.plugins import import_plugins
    from deepcli.sweeps.collect import Collection

    import_plugins(plugins)
    collection = Collection.read(folder)
    if collection.untested:
        sources = at()

        from deepcli.run.checkpoint.file import open_checkpoint
        from deepcli.system.backend_startup import import_backend

        best = open_checkpoint(collection.untested[0].best).experiment
        import_backend(preferred=best.training.backend, doing=report.doing)
        from deepcli.sweeps.workers.trial_run import measure

        for run in collection.untested:
            report.note(f"{run.path}: evaluating the best trial on the test split")
            measure(run, lambda experiment: experiment.data.load(sources))
    collection.write()
    return RankedOutcome(collection.outcome(time.monotonic() - started), collection.rows)
