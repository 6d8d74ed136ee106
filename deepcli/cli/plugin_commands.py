"""Commands that installed packages add to `deepcli`."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperCommand

from deepcli.errors import UsageError
from deepcli.spec.installed import COMMANDS, Installed, installed


class InstalledCommand(TyperCommand):
    """A command of another package, imported only when it is run or its help is shown.

    Args:
        plugin: Where it is.
    """

    def __init__(self, plugin: Installed) -> None:
        super().__init__(plugin.name, help=f"A command of the package {plugin.package}.", add_help_option=False)
        self._plugin = plugin

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self._load().make_context(info_name, args, parent=parent, **extra)

    def _load(self) -> Any:
        """Import it.

        Raises:
            UsageError: It cannot be imported, or is not a command.
        """
        try:
            return command_of(self._plugin.entry.load(), self._plugin.name)
        except (Exception, SystemExit) as error:
            raise UsageError(f"command {self._plugin}: cannot be used: {type(error).__name__}: {error}") from error


def command_of(loaded: Any, name: str) -> Any:
    """Make a command of what an entry point names: a Typer app, a command of Click's, or a function.

    Raises:
        TypeError: `loaded` is something else.
    """
    if isinstance(loaded, typer.Typer):
        made = typer.main.get_command(loaded)
    elif hasattr(loaded, "make_context"):
        made = loaded
    elif callable(loaded):
        app = typer.Typer(add_completion=False)
        app.command(name)(loaded)
        made = typer.main.get_command(app)
    else:
        raise TypeError(f"should be a Typer app, a Click command or a function, not {type(loaded).__name__}")
    made.name = name
    return made


def add_installed(whole: Any) -> None:
    """Add the commands of installed packages; a name that deepcli has itself is reported and left out."""
    for plugin in installed(COMMANDS):
        if plugin.name in whole.commands:
            print(f"notice: command {plugin}: deepcli has a command of that name; it is left out", file=sys.stderr)
        else:
            whole.add_command(InstalledCommand(plugin), plugin.name)
