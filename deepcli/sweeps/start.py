"""Open the sweep in a directory: create it, or resume it if the plan is the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
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
from deepcli.sweeps.published import Published, read_published

if TYPE_CHECKING:
    from deepcli.data.arrays.splits import Provenance
    from deepcli.sweeps.study.connection import Patience
    from deepcli.sweeps.study.study import Study

HIDDEN = "***"
"""Placeholder for a password."""

MAY_CHANGE = ("max_trials", "max_time", "max_failures", "keep")
"""Fields of a sweep that may change when it is resumed: they set how much is done, not what."""


def start_sweep(path: Path, plan: Plan, storage: str | None) -> tuple[SweepDir, bool]:
    """Create a sweep's directory, or resume the sweep in it if the plan is the same.

    Args:
        path: The directory.
        plan: The plan of the sweep.
        storage: An Optuna storage URL; None for a journal file in the directory.

    Returns:
        The directory, and whether it existed.

    Raises:
        RunError: The directory cannot be written, or exists and is not a sweep.
        SpecError: The existing sweep has another spec.
        UsageError: The existing sweep has another storage.
    """
    if is_free(path) or not SweepDir(path).plan.is_file():
        kept = _checked(storage) if storage else None
        try:
            return SweepDir.create(path, plan.to_json(), plan.experiment({}).name, kept), False
        except RunError:
            if not SweepDir(path).plan.is_file():  # otherwise another process has created it just now
                raise
    folder = SweepDir(path)
    stored = folder.read_plan()
    before = _plan_so_far(folder, stored, _choose_storage(folder, stored["storage"], storage))
    if problems := list(_problems(path, before, plan)):
        raise SpecError([*problems, Problem("", str(path), "was started with another plan; choose another --output")])
    if plan.method != "bayes" and before.max_trials > plan.max_trials:
        raise UsageError(
            f"{path}: --max-trials cannot be {plan.max_trials}, as the sweep already has {before.max_trials} trials"
        )
    folder.write_plan({**stored, "plan": plan.to_json()})
    return folder, True


def _plan_so_far(folder: SweepDir, stored: Mapping[str, Any], url: str | None) -> Plan:
    """Return the plan of an existing sweep: that in its database, which another machine may have extended, else its own."""
    from deepcli.sweeps.study.storage import close_storage, has_leases, open_storage

    if url is None or not has_leases(url):
        return Plan.from_json(stored["plan"])
    opened = open_storage(url, folder.journal)
    try:
        published = read_published(opened, stored["study"])
    finally:
        close_storage(opened)
    return Plan.from_json(published.plan if published else stored["plan"])


def _checked(storage: str) -> str:
    """Check that a database can be opened before a sweep is created in it; return its URL without the password."""
    from deepcli.sweeps.study.storage import close_storage, open_storage, without_password

    close_storage(open_storage(storage, Path()))
    return without_password(storage)


def open_study(
    folder: SweepDir, storage: str | None = None, plugins: Iterable[str] = (), patience: Patience | None = None
) -> Study:
    """Open the study of an existing sweep.

    Args:
        folder: The sweep's directory, or that of a worker with a directory of its own.
        storage: The URL of its storage; None for that of the sweep.
        plugins: Plugins to import first.
        patience: How to wait for a database whose server does not answer; None for not at all.

    Raises:
        RunError: The sweep's files are damaged, or its storage cannot be reached.
        UsageError: The storage is not the sweep's own, or needs its password.
        SpecError: The plan is from a newer version, or needs a plugin that is not given.
        StorageGone: The server has not answered for too long.
    """
    from deepcli.sweeps.study.storage import open_leases, open_storage
    from deepcli.sweeps.study.study import Study

    plugins = tuple(plugins)
    import_plugins(plugins)
    name, url = study_place(folder, storage)
    stored = folder.read_plan()
    opened = open_storage(url, folder.journal, patience)
    leases = open_leases(opened, folder, stored["place"], name)
    published = read_published(opened, name) if leases.in_database else None
    if published and leases.place:
        published.demand_plugins(name, plugins)
    plan = Plan.from_json(published.plan if published else stored["plan"])
    if leases.place:  # on another machine, plugins may be in other files
        plan = replace(plan, plugins=plugins)
    return Study(folder, plan, name, opened, leases)


def publish(folder: SweepDir, storage: str | None, plan: Plan, data: Provenance) -> None:
    """Say in a sweep's database what the sweep is, so that other machines can work on it; without one, do nothing.

    Args:
        folder: The sweep's directory.
        storage: The URL of its storage; None for that of the sweep.
        plan: The plan as it is now.
        data: The data that it is trained on.

    Raises:
        RunError: The database cannot be used.
    """
    from deepcli.sweeps.study.storage import has_leases

    url = study_place(folder, storage)[1]
    if url is not None and has_leases(url):
        with contextlib.closing(open_study(folder, storage, plan.plugins)) as study:
            study.publish(Published.of(plan, data))


def study_place(folder: SweepDir, storage: str | None = None) -> tuple[str, str | None]:
    """Return the name of a sweep's study, and the URL of the storage that it is in; None for the sweep's journal.

    Raises:
        RunError: The sweep's files are damaged.
        UsageError: The storage is not the sweep's own, or needs its password.
    """
    stored = folder.read_plan()
    return stored["study"], _choose_storage(folder, stored["storage"], storage)


def _choose_storage(folder: SweepDir, kept: str | None, given: str | None) -> str | None:
    if given is not None:
        from deepcli.sweeps.study.storage import without_password

        if without_password(given) != kept:
            where = kept or "a journal file in its directory"
            raise UsageError(
                f"--storage: the sweep {folder.path} is stored in {where}, not in {without_password(given)}"
            )
    elif kept and HIDDEN in kept:
        raise UsageError(
            f"the sweep {folder.path} is stored in {kept}, and the password is not saved: give the whole URL in --storage "
            "or DEEPCLI_STORAGE"
        )
    return given or kept


def _problems(path: Path, before: Plan, now: Plan) -> Iterator[Problem]:
    """Yield every difference between two plans that prevents resuming the sweep."""
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
    return Problem(where, key, f"{show(new)} now, {show(old)} when the sweep was started")
