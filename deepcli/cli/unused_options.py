"""Options that would have no effect: an error before anything is done, so that nobody waits for what does not come."""

from __future__ import annotations

import typer

from deepcli.errors import UsageError


def refuse(context: typer.Context, why: str, *options: str) -> None:
    """Refuse options that were given on the command line, by their names there.

    Args:
        context: Of the command.
        why: Where they have no effect: "without --verify".
        options: `--tolerance` and the like.

    Raises:
        UsageError: One of them was given.
    """
    for parameter in context.command.params:
        named = [option for option in parameter.opts if option in options]
        source = context.get_parameter_source(parameter.name or "")
        if named and source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{named[0]}: has no effect {why}")
