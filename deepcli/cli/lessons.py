"""`deepcli lessons`."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Annotated

import typer

from deepcli.errors import UsageError


def _names(incomplete: str) -> list[str]:
    from deepcli.api.teaching import find_lessons

    known = [word for one in find_lessons() for word in (one.group, one.name)]
    return [word for word in dict.fromkeys(known) if word.startswith(incomplete)]


def lessons(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Lessons or groups; default: all.", autocompletion=_names),
    ] = None,
    copy: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy the specs into this folder.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --copy, replace files that differ from the lessons.")
    ] = False,
) -> None:
    """List small specs that show what one setting does, print one, or copy them.

    The specs of a group differ in one thing and train in seconds. Beside each is
    the accuracy, or another score, that it reached on the test split over five
    seeds. A copy has the data, too, of lessons that read files.

    Example:
    deepcli lessons schedule --copy lessons
    """
    from deepcli.api.teaching import copy_lessons, find_lessons

    if overwrite and copy is None:
        raise UsageError("--overwrite: has no effect without --copy")
    if copy is not None:
        files = copy_lessons(names or (), copy, overwrite)
        specs = [path for path in files if path.suffix == ".yaml"]
        data = f" and their data ({len(files) - len(specs)} files)" if len(files) > len(specs) else ""
        print(f"copied {len(specs)} specs{data} to {copy}; next: deepcli train {shlex.quote(str(specs[0]))}")
        return
    found = find_lessons(names or ())
    if names and len(found) == 1:
        print(found[0].text, end="")
        return
    width = max(len(one.name) for one in found)
    print(f"{'lesson':<{width}}    test accuracy")
    for _, group in itertools.groupby(found, lambda one: one.group):
        members = list(group)
        print(members[0].title)
        for one in members:
            print(f"  {one.name:<{width}}  {one.outcome}".rstrip())
