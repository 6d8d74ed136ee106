"""Before the first step of a run with a time limit: measure it, and choose epochs for a budget."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import keras

from deepcli.data.arrays.splits import Splits
from deepcli.errors import Interrupted, Problem, SpecError, TrainingError
from deepcli.experiment.schema import Experiment
from deepcli.spec.durations import in_words
from deepcli.system.signals import Signals, Stopped
from deepcli.training.backend import Backend, memory_advice, out_of_memory
from deepcli.training.build import is_own
from deepcli.training.context import TrainOptions
from deepcli.training.rehearsal import Rehearsal, rehearse
from deepcli.training.settings import RunSettings, make_settings
from deepcli.training.stages import enter_stage
from deepcli.training.state import State
from deepcli.training.time_limit import UNKNOWN, EndTimes, TrainingClock

Ready = Callable[[Experiment, RunSettings], keras.Model]

SHARE = 0.9
"""Share of a budget that the chosen epochs fill: later steps may be slower than those that were measured."""
MEASURED = 1.0
"""Seconds for which steps and evaluation are measured for a budget."""


@dataclass(frozen=True)
class TimedRun:
    """A run before its first step, with its time.

    Attributes:
        experiment: The spec.
        settings: The settings chosen for the device.
        model: The model, ready for its first step.
        clock: Has the time of training so far.
        ends: What the end of the run takes, if it has a time limit.
    """

    experiment: Experiment
    settings: RunSettings
    model: keras.Model
    clock: TrainingClock = field(default_factory=TrainingClock)
    ends: EndTimes = UNKNOWN


@dataclass(frozen=True)
class Rehearser:
    """Measures a run before its first step.

    Attributes:
        splits: The data.
        backend: Takes the steps.
        signals: May request to stop.
        ready: Builds a model that is ready for its first step.
    """

    splits: Splits
    backend: Backend
    signals: Signals
    ready: Ready

    def stages(
        self, experiment: Experiment, settings: RunSettings, model: keras.Model, seconds: float = MEASURED
    ) -> list[Rehearsal]:
        """Measure each stage of a run; afterwards the model is in its last one."""
        found = [self._rehearse(experiment, settings, model, seconds)]
        for stage in range(1, len(experiment.model.stages)):
            enter_stage(model, experiment, settings, self.backend, stage)
            found.append(self._rehearse(experiment, settings, model, seconds))
        return found

    def timed(self, run: TimedRun, state: State | None, options: TrainOptions, tell: Callable[[str], None]) -> TimedRun:
        """Measure a run that has a budget or a time limit, and choose its epochs for a budget.

        Args:
            run: The run.
            state: The state of the checkpoint that it is resumed from; None for a new run.
            options: The options of the command.
            tell: Shows what was chosen.

        Raises:
            SpecError: The time is too short for one step and the evaluation.
        """
        run = replace(run, clock=TrainingClock(state))
        if options.budget is not None:
            stages = self.stages(run.experiment, run.settings, run.model)
            experiment, line = fit_budget(run.experiment, options.budget, stages, run.clock.seconds)
            tell(line)
            settings = make_settings(experiment, self.splits, run.settings.device)
            return TimedRun(
                experiment, settings, self.ready(experiment, settings), run.clock, stages[-1].ends(options.test)
            )
        # Several processes would not measure the same; a limit then learns from the steps of the run.
        if run.experiment.training.max_time is None or options.group.count > 1:
            return run
        return self._limited(run, state, options.test)

    def _limited(self, run: TimedRun, state: State | None, test: bool) -> TimedRun:
        """Measure a run with `training.max_time`; nothing is measured where no step is left."""
        experiment = run.experiment
        limit = experiment.training.max_time or math.inf
        if state is not None and ((state.callbacks.get("max_time") or {}).get("ended_by") or 0.0) >= limit:
            return run
        rehearsal = self._rehearse(experiment, run.settings, run.model)
        ends = rehearsal.ends(test)
        # A plugin's component may hold state outside its variables, so that the model is built and compiled again.
        rebuild = not is_own(experiment)
        needed = run.clock.seconds + rebuild * rehearsal.compiling + ends.total
        if (state is None or not state.position.total) and needed > limit:
            raise too_short("training.max_time", limit, rehearsal, needed)
        model = self.ready(experiment, run.settings) if rebuild else run.model
        return replace(run, model=model, ends=ends)

    def _rehearse(
        self, experiment: Experiment, settings: RunSettings, model: keras.Model, *seconds: float
    ) -> Rehearsal:
        with _named_failures():
            return rehearse(experiment, self.splits, settings, self.backend, model, self.signals.check, *seconds)


@contextlib.contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except Stopped:
        raise Interrupted("interrupted before training began", 15) from None
    except out_of_memory() as error:
        raise TrainingError(memory_advice(error)) from None


def too_short(name: str, limit: float, rehearsal: Rehearsal, needed: float) -> SpecError:
    """Return the error for a time that one step and the evaluation exceed."""
    why = (
        f"{in_words(limit)} is too short for one step: compiling took {in_words(rehearsal.compiling)}, a step takes "
        f"{in_words(rehearsal.step)}, validation and evaluation {in_words(rehearsal.validation + rehearsal.test)}; "
        f"allow at least {in_words(math.ceil(1.2 * needed))}"
    )
    return SpecError([Problem("", name, why)])


def chosen_by_budget(experiment: Experiment) -> dict[str, str]:
    """Return the fields of a spec that a budget chose, each with where it comes from."""
    names = ("epochs", "max_steps", "max_time")
    return {f"training.{name}": "--budget" for name in names if getattr(experiment.training, name) is not None}


def fit_budget(experiment: Experiment, budget: float, stages: list[Rehearsal], spent: float) -> tuple[Experiment, str]:
    """Choose as many epochs as fit into a budget; less than one epoch is a number of steps.

    Args:
        experiment: The spec; its epochs do not count.
        budget: Seconds of training and evaluation.
        stages: What was measured in each stage of the run.
        spent: Seconds of it that have passed.

    Returns:
        The spec with the chosen epochs, held to the budget by `training.max_time`, and a line that says so.

    Raises:
        SpecError: The budget is too short for one step, or for the stages of the model.
    """
    last = stages[-1]
    left = SHARE * (budget - spent - sum(stage.compiling for stage in stages) - last.final)
    begins = [stage.begins for stage in experiment.model.stages]
    for stage, first, end in zip(stages, begins, begins[1:], strict=False):
        left -= (end - first) * stage.epoch
    more = math.floor(left / last.epoch)
    chosen: dict[str, int | float | None] = {"epochs": begins[-1] + more, "max_steps": None, "max_time": budget}
    if more < 1:
        steps = math.floor((left - last.ends().epoch_end) / last.step)
        if steps < 1:
            needed = budget - left / SHARE + last.ends().total
            raise too_short("--budget", budget, last, needed)
        chosen |= {"epochs": begins[-1] + 1, "max_steps": begins[-1] * last.steps + min(steps, last.steps)}
    training = experiment.training.model_copy(update=chosen)
    if problems := list(experiment.model.check_training(training.epochs, training.initial_weights is not None)):
        raise SpecError([Problem("", ".".join(map(str, ("--budget: training", *path))), why) for path, why in problems])
    words = [f"training.{name}={value}" for name, value in chosen.items() if value is not None and name != "max_time"]
    line = f"budget {in_words(budget)}: {in_words(last.epoch)} an epoch measured; {' '.join(words)}"
    return experiment.model_copy(update={"training": training}), line
