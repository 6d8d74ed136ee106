"""Load a sweep: from the arguments of the command line to a plan, with every error found before training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepcli.errors import DataError, Problem, SpecError, UsageError
from deepcli.experiment import load
from deepcli.experiment.load import SWEEP, Loaded, check_length, source_of, without_sweep
from deepcli.experiment.merge import Merger
from deepcli.experiment.messages import problems
from deepcli.experiment.schema import Experiment
from deepcli.spec.paths import absolute_plugins, unreadable
from deepcli.spec.plugins import import_plugins
from deepcli.spec.yaml12 import Document, Mark
from deepcli.sweeps import validate
from deepcli.sweeps.arguments import Told, read, sort
from deepcli.sweeps.plan import DEFAULT_TRIALS, Plan, Trial, failures_allowed, identity, metric_problem, trials
from deepcli.sweeps.space import settled
from deepcli.sweeps.spec import Candidates, Objective, Sweep
from deepcli.sweeps.spec_file import SpecFile

__all__ = ["Plan", "Trial", "identity", "load_sweep", "trials", "validate_file"]

PENALTIES = ("l1", "l2")


def load_sweep(
    words: Sequence[str | Path | Document],
    overrides: Iterable[str] = (),
    plugins: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    varied: Mapping[str, Any] | None = None,
) -> Plan:
    """Load a sweep, fill in defaults, and check all points of a grid, or the edges of a space and some samples.

    Args:
        words: Spec files or documents, overrides, and parameters like `optimizer.learning_rate=log:1e-4:1e-1`.
        overrides: Overrides that are never parameters, even if the value is a list.
        plugins: Python files or modules that register components; they are imported first.
        options: Fields of the section from the command line; None leaves a field unchanged.
        varied: More parameters by dotted key, in the form of the section `sweep`.

    Raises:
        UsageError: No file is given, a plugin cannot be imported, or `seed` is given for a grid.
        SpecError: The spec or the sweep has problems; all of them are listed.
    """
    plugins = tuple(plugins)
    import_plugins(plugins)
    told = sort(words, overrides, varied)
    if not told.files:
        raise UsageError("no spec file given; create one with: deepcli init digits cnn")
    gathered = load.gather(told.files, told.section)
    plan = _plan(gathered, told, plugins, options or {}, must_vary=True)
    if plan.method == "grid" and (options or {}).get("seed") is not None:
        raise UsageError("--seed: has no effect on a grid, which samples nothing")
    return plan


def validate_file(files: Sequence[Path], overrides: Iterable[str] = (), plugins: Iterable[str] = ()) -> Loaded:
    """Validate a spec file with its section `sweep`, if any; a list in an override is a value, not candidates.

    Raises:
        UsageError: A plugin cannot be imported.
        SpecError: The file has problems; all of them are listed.
    """
    plugins = tuple(plugins)
    import_plugins(plugins)
    told = replace(sort((), overrides), files=tuple(files))
    gathered = load.gather(files, told.section)  # only once, as a file may be a pipe
    if SWEEP not in gathered[0].tree:
        return load.finish(*gathered, told.overrides, str(files[0]))
    plan = _plan(gathered, told, plugins, {}, must_vary=False)
    return Loaded(plan.experiment({}), plan.notices)


def _plan(
    gathered: tuple[Document, tuple[str, ...]],
    told: Told,
    plugins: tuple[str, ...],
    options: Mapping[str, Any],
    must_vary: bool,
) -> Plan:
    document, notices = read(gathered, told, options)
    whole = Merger()
    sweep = _validated(load.apply(whole, document, told.overrides)).sweep or Sweep()
    base = without_sweep(document)
    draft = Plan(dict(base.tree), sweep, told.overrides, absolute_plugins(plugins), str(Path.cwd()), (), base)
    experiment = draft.experiment({})
    check_length(experiment, source_of(told.files[0]))
    _complain(document, validate.conditions(sweep, experiment))
    decided = _decided(sweep, experiment)
    if not decided.parameters and not must_vary:
        decided = decided.model_copy(update={"method": "random"})
    _complain(document, validate.space(decided) if must_vary or decided.parameters else ())
    chosen = _sample(document, decided, experiment)
    plan = replace(
        draft,
        sweep=_with_limits(decided, len(chosen)),
        notices=(*notices, *whole.notices, *_notices(sweep, decided, experiment)),
        places={key: _places(document, key, decided) for key in decided.parameters},
    )
    where = _mark(document, (SWEEP, "metric", "name"))
    validate.points(plan, [{}] if not metric_fits(plan, experiment) else chosen, where)
    Plan.from_json(plan.to_json())  # Checks that a worker on another machine can read it.
    return plan


def _sample(document: Document, sweep: Sweep, experiment: Experiment) -> list[dict[str, Any]]:
    """Return points of the space to validate.

    Raises:
        SpecError: A grid has too many points.
    """
    try:
        return validate.sample(sweep, experiment)
    except OverflowError as error:
        raise _spec_error(document, [(("parameters",), str(error))]) from None


def _with_limits(sweep: Sweep, points: int) -> Sweep:
    """Decide how many trials there are, and how many of them may fail.

    Args:
        sweep: The sweep.
        points: Points of a grid.
    """
    trials = min(sweep.max_trials or points, points) if sweep.method == "grid" else sweep.max_trials
    trials = trials or DEFAULT_TRIALS
    failures = failures_allowed(trials) if sweep.max_failures is None else sweep.max_failures
    return sweep.model_copy(update={"max_trials": trials, "max_failures": failures})


def _notices(sweep: Sweep, decided: Sweep, experiment: Experiment) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    for key in sweep.parameters:
        if key not in decided.parameters:
            yield f"{key}: not part of the sweep, as its condition is not met"
    yield from _incomparable(decided, experiment)
    yield from _surprises(decided, experiment)


def _surprises(sweep: Sweep, experiment: Experiment) -> list[str]:
    """Return the notices of the spec itself, unless the sweep varies the fields that they are about."""
    varied = {key.partition(".")[0] for key in sweep.parameters}
    return [] if varied & {"optimizer", "schedule"} else experiment.notices()


def metric_fits(plan: Plan, experiment: Experiment) -> bool:
    """Return whether the spec itself reports the sweep's metric."""
    return metric_problem(plan.metric.name, experiment) is None


def _validated(document: Document) -> SpecFile:
    try:
        return SpecFile.model_validate(document.tree)
    except ValidationError as error:
        raise SpecError(problems(error, document, SpecFile)) from None
    except OSError as error:
        raise DataError(unreadable(error, document.tree)) from error


def _complain(document: Document, complaints: Iterable[validate.Complaint]) -> None:
    if found := list(complaints):
        raise _spec_error(document, found)


def _spec_error(document: Document, complaints: Iterable[validate.Complaint]) -> SpecError:
    places = [((SWEEP, *place), why) for place, why in complaints]
    return SpecError([Problem(_mark(document, place), ".".join(map(str, place)), why) for place, why in places])


def _mark(document: Document, place: tuple[str | int, ...]) -> str:
    while place and place not in document.values:
        place = place[:-1]
    return str(document.values.get(place) or "") if place else ""


def _decided(sweep: Sweep, base: Experiment) -> Sweep:
    """Resolve conditions on the spec, and fill in method and metric."""
    decided = settled(sweep, base)
    listed = all(isinstance(parameter, Candidates) for parameter in decided.parameters.values())
    name = sweep.metric.name if sweep.metric else base.monitor
    goal = sweep.metric.goal if sweep.metric else None
    better = goal or ("maximize" if base.mode(name) == "max" else "minimize")
    changes = {"method": sweep.method or ("grid" if listed else "bayes"), "metric": Objective(name=name, goal=better)}
    return decided.model_copy(update=changes)


def _incomparable(sweep: Sweep, base: Experiment) -> Iterator[str]:
    """Yield a notice for each parameter that changes how val_loss is computed."""
    if not sweep.metric or sweep.metric.name != "val_loss":
        return
    for key in sweep.parameters:
        if key.partition(".")[0] == "loss" or key.rpartition(".")[2].endswith(PENALTIES):
            others = [f"val_{name}" for name in base.measured if name != "loss"]
            instead = f"; consider {others[0]} as sweep.metric" if others else ""
            yield f"{key}: changes how val_loss is computed, so val_loss is not comparable between points{instead}"


def _places(document: Document, key: str, sweep: Sweep) -> tuple[Mark, ...]:
    place = (SWEEP, "parameters", key)
    whole = document.values.get(place, Mark(""))
    parameter = sweep.parameters[key]
    if not isinstance(parameter, Candidates):
        return (whole,)
    numbers = range(len(parameter.values))
    return tuple(
        document.values.get((*place, "values", index)) or document.values.get((*place, index)) or whole
        for index in numbers
    )
