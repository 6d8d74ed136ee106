"""From a directory to the study in it: begun, or gone on with where the plan is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepcli.errors import Problem, RunError, SpecError, UsageError
from deepcli.experiment.load import SWEEP
from deepcli.run.directory import is_free
from deepcli.spec.paths import absolute_plugins
from deepcli.spec.plugins import import_plugins
from deepcli.spec.registry import show
from deepcli.spec.trees import differences
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.plan import Plan

if TYPE_CHECKING:
    from deepcli.sweeps.study.study import Study

HIDDEN = "***"
"""Stands for a password."""

MAY_CHANGE = ("max_trials", "max_time", "max_failures", "keep")
"""Fields of a sweep that say how much is done, not what."""


def start_sweep(path: Path, plan: Plan, storage: str | None) -> tuple[SweepDir, bool]:
    """Make a sweep's directory, or go on with one of the same plan.

    Args:
        path: Where.
        plan: What is to be done.
        storage: An Optuna storage URL; None is a journal in the directory.

    Returns:
        It, and whether it was there.

    Raises:
        RunError: It cannot be written, or something else is there.
        SpecError: The sweep there is one of another spec.
        UsageError: The sweep there is kept elsewhere.
    """
    if is_free(path) or not SweepDir(path).plan.is_file():
        kept = _checked(storage) if storage else None
        try:
            return SweepDir.create(path, plan.to_json(), plan.experiment({}).name, kept), False
        except RunError:
            if not SweepDir(path).plan.is_file():  # else another process has begun it just now
                raise
    folder = SweepDir(path)
    stored = folder.read_plan()
    _choose_storage(folder, stored["storage"], storage)
    before = Plan.from_json(stored["plan"])
    if problems := list(_problems(path, before, plan)):
        raise SpecError([*problems, Problem("", str(path), "was begun with another plan; choose another --output")])
    if plan.method != "bayes" and before.max_trials > plan.max_trials:
        raise UsageError(f"{path}: has {before.max_trials} trials already, so --max-trials cannot be {plan.max_trials}")
    folder.write_plan({**stored, "plan": plan.to_json()})
    return folder, True


def _checked(storage: str) -> str:
    """Open a database before anything is made that would be kept there; returns its URL without the password."""
    from deepcli.sweeps.study.storage import close_storage, open_storage, without_password

    close_storage(open_storage(storage, Path()))
    return without_password(storage)


def open_study(folder: SweepDir, storage: str | None = None, plugins: Iterable[str] = ()) -> Study:
    """Open the study of a sweep that was begun.

    Raises:
        RunError: Its files are damaged, or its storage cannot be reached.
        UsageError: The storage is another one, or needs its password.
        SpecError: The plan is of a newer version, or of a plugin that is not given.
    """
    from deepcli.sweeps.study.storage import open_storage
    from deepcli.sweeps.study.study import Study

    import_plugins(plugins)
    stored = folder.read_plan()
    url = _choose_storage(folder, stored["storage"], storage)
    plan = Plan.from_json(stored["plan"])
    return Study(folder, plan, stored["study"], open_storage(url, folder.journal))


def _choose_storage(folder: SweepDir, kept: str | None, given: str | None) -> str | None:
    if given is not None:
        from deepcli.sweeps.study.storage import without_password

        if without_password(given) != kept:
            where = kept or "a journal in its directory"
            raise UsageError(f"--storage: the sweep {folder.path} is kept in {where}, not in {without_password(given)}")
    elif kept and HIDDEN in kept:
        raise UsageError(
            f"the sweep {folder.path} is kept in {kept}, and the password is not stored with it: give --storage, or set "
            "DEEPCLI_STORAGE"
        )
    return given or kept


def _problems(path: Path, before: Plan, now: Plan) -> Iterator[Problem]:
    """Yield every difference that makes two plans two sweeps."""
    specs = before.experiment({}).model_dump(), now.experiment({}).model_dump()
    for key, (old, new) in differences(*specs):
        yield _problem(now, tuple(key.split(".")), key, old, new)
    for key, (old, new) in differences(_fixed(before), _fixed(now)):
        yield _problem(now, (SWEEP, *key.split(".", 1)), f"{SWEEP}.{key}", old, new)
    plugins = absolute_plugins(before.plugins), absolute_plugins(now.plugins)
    if plugins[0] != plugins[1]:
        yield Problem("command line", "--plugin", f"was {show(list(before.plugins))}, is {show(list(now.plugins))}")


def _fixed(plan: Plan) -> Mapping[str, Any]:
    return plan.sweep.model_dump(exclude=set(MAY_CHANGE))


def _problem(plan: Plan, place: tuple[str, ...], key: str, old: Any, new: Any) -> Problem:
    marks = plan.document.values if plan.document else {}
    while place and place not in marks:
        place = place[:-1]
    where = str(marks[place]) if place else ""
    return Problem(where, key, f"{show(new)} now, {show(old)} when the sweep was begun")
