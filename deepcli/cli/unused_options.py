"""Rejecting options that would have no effect, before anything is computed."""

from __future__ import annotations

import typer

from deepcli.errors import UsageError


def refuse(context: typer.Context, why: str, *options: str) -> None:
    """Raise an error if any of some options was given on the command line.

    Args:
        context: The command's context.
        why: When the options have no effect, such as "without --verify".
        options: Their names, such as `--tolerance`.

    Raises:
        UsageError: One of them was given.
    """
    for parameter in context.command.params:
        named = [option for option in parameter.opts if option in options]
        source = context.get_parameter_source(parameter.name or "")
        if named and source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{named[0]}: has no effect {why}")
