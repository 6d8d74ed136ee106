"""What a run's page was made of, written at its end, so that a page that is up to date need not be written again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import deepcli
from deepcli.run.directory import RunDir

MARK = "<!-- made of "
LONGEST = 200


def stamp_of(run: RunDir) -> str | None:
    """Return a digest of what the page of a run is made of: the version, the path as given, and every file of the run.

    None if the run has not ended, as its page also says whether it is being trained.
    """
    if run.result() is None:
        return None
    files = (
        run.config,
        run.environment,
        run.schema,
        run.history,
        run.metrics,
        run.predictions("test"),
        run.mistakes("test"),
    )
    facts = [deepcli.__version__, str(run.path)]
    for file in [*files, *sorted(run.path.glob("evaluation-*.json"))]:
        try:
            found = file.lstat()
            facts.append(f"{file.name} {found.st_size} {found.st_mtime_ns}")
        except OSError:
            facts.append(f"{file.name} is missing")
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()


def put_stamp(page: Path, stamp: str) -> None:
    """Write a stamp at the end of a page; if that fails, the page is written again next time."""
    with page.open("a", encoding="ascii") as file:
        file.write(f"{MARK}{stamp} -->\n")


def has_stamp(page: Path, stamp: str) -> bool:
    """Return whether a page ends with a stamp."""
    try:
        with page.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LONGEST))
            return file.read().endswith(f"{MARK}{stamp} -->\n".encode("ascii"))
    except OSError:
        return False
