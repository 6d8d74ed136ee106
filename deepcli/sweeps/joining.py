"""Work on a sweep from a machine that does not see its directory: a directory of its own, made from the study."""

from __future__ import annotations

import contextlib
import secrets
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from deepcli.errors import RunError, UsageError
from deepcli.run.directory import is_free
from deepcli.spec.spelling import did_you_mean
from deepcli.sweeps.directory import SweepDir, default_path
from deepcli.sweeps.published import KEY, Published, read_published

if TYPE_CHECKING:
    import optuna

    from deepcli.sweeps.study.study import Study

MOST_NAMED = 8
"""Studies that an error lists."""


def join_sweep(url: str | None, name: str, output: Path | None) -> SweepDir:
    """Make a directory for this machine's part of a sweep, or find the one that was made before.

    Args:
        url: The URL of the sweep's database.
        name: The name of the sweep's study in it.
        output: The directory; None: `sweeps/NAME`.

    Raises:
        UsageError: There is no URL, or workers of its storage must share a directory.
        RunError: The database cannot be used, has no such sweep, or the directory is in use for something else.
    """
    from deepcli.sweeps.study.storage import close_storage, has_leases, open_storage, without_password

    if url is None:
        raise UsageError("--study needs the sweep's database: give --storage URL, or set DEEPCLI_STORAGE")
    shown = without_password(url)
    if not has_leases(url):
        raise UsageError(
            f"--storage {shown}: only workers of a PostgreSQL database need no common directory; give the sweep's "
            "directory instead of --study, on a file system that all machines share"
        )
    opened = open_storage(url, Path())
    try:
        published = _published(opened, name, shown)
    finally:
        close_storage(opened)
    path = output or default_path(name)
    if is_free(path):
        stored = {"study": name, "storage": shown, "plan": dict(published.plan), "place": secrets.token_hex(8)}
        with contextlib.suppress(RunError):  # another process may have made it just now
            return SweepDir.put(path, stored)
    return _joined(path, name, shown, published)


def _published(storage: optuna.storages.BaseStorage, name: str, shown: str) -> Published:
    found = read_published(storage, name)
    if found is not None:
        return found
    studies = storage.get_all_studies()
    if any(study.study_name == name for study in studies):
        raise RunError(
            f"the study {name} in {shown} does not say what its sweep is, as an earlier version started it; continue it once "
            "by its `deepcli sweep run` command, or give the sweep's directory instead of --study"
        )
    known = [study.study_name for study in studies if KEY in study.user_attrs]
    listed = f"sweeps there: {', '.join(known[-MOST_NAMED:])}" if known else "it has no sweeps"
    raise RunError(f"no study {name!r} in {shown}; {did_you_mean(name, known)}{listed}")


def _joined(path: Path, name: str, shown: str, published: Published) -> SweepDir:
    """Check that a directory is one of this sweep, and update its copy of the plan."""
    folder = SweepDir(path)
    if not folder.plan.is_file():
        raise RunError(f"{path} exists and is not a sweep; nothing was changed; choose another --output")
    stored = folder.read_plan()
    if stored["study"] != name:
        raise RunError(f"{path} is of another sweep, {stored['study']}; nothing was changed; choose another --output")
    if (stored["storage"], stored["plan"]) != (shown, published.plan):
        folder.write_plan({**stored, "storage": shown, "plan": dict(published.plan)})
    return folder


def join_command(study: Study) -> str | None:
    """Return the command that lets another machine work on a sweep; None if it must see the sweep's directory.

    A password is not in it: then DEEPCLI_STORAGE has to have the URL.
    """
    from deepcli.sweeps.study.storage import has_password

    if study.url is None:
        return None
    storage = () if has_password(study.url) else ("--storage", study.url)
    return _command(storage, study.name, study.plan.plugins)


def join_lines(study: Study) -> list[str]:
    """Return the lines that say how another machine works on a sweep; none if it must see the sweep's directory."""
    from deepcli.sweeps.study.storage import has_password, is_loopback

    command = join_command(study)
    if command is None or study.url is None:
        return []
    known = ", with DEEPCLI_STORAGE set there" if has_password(study.url) else ""
    local = " (in the URL, name the server as that machine knows it)" if is_loopback(study.url) else ""
    return [f"another machine can work on it{known}{local}:", f"  {command}"]


def _command(storage: Iterable[str], name: str, plugins: Iterable[str]) -> str:
    named = [word for plugin in plugins for word in ("--plugin", plugin)]
    return shlex.join(["deepcli", "sweep", "worker", *storage, "--study", name, *named])
