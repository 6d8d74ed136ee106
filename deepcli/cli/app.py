"""The Typer application with all commands."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer

from deepcli import __version__
from deepcli.cli.baseline import baseline
from deepcli.cli.compare import compare
from deepcli.cli.data import data
from deepcli.cli.doctor import doctor
from deepcli.cli.evaluate import evaluate
from deepcli.cli.export import export
from deepcli.cli.find import app as find
from deepcli.cli.generate import generate
from deepcli.cli.init import init
from deepcli.cli.launch import launch
from deepcli.cli.lessons import lessons
from deepcli.cli.list import list_components
from deepcli.cli.plot import plot
from deepcli.cli.plugin_commands import add_installed
from deepcli.cli.predict import predict
from deepcli.cli.report import report
from deepcli.cli.reproduce import reproduce
from deepcli.cli.runs import runs
from deepcli.cli.sanity import sanity
from deepcli.cli.schema import schema
from deepcli.cli.several_values import SeveralValues
from deepcli.cli.show import show
from deepcli.cli.sweep.run import app as sweep
from deepcli.cli.train import train
from deepcli.cli.validate import validate
from deepcli.cli.verify_resume import verify_resume
from deepcli.cli.why import why

app = typer.Typer(
    name="deepcli",
    help="Train, evaluate and compare Keras models from one YAML file.",
    epilog="A spec cannot run code. Plugins do: files given with --plugin, and packages installed as plugins.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deepcli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    no_plugins: Annotated[
        bool,
        typer.Option("--no-plugins", help="Leave out plugins that are installed as packages; any command takes it."),
    ] = False,
) -> None:
    """Train, evaluate and compare Keras models from one YAML file."""


MODELS, RUNS, DATA, SPECS, MACHINE = "Models", "Runs", "Data", "Specs", "This machine"
"""Groups of commands, by what they are about; one without a group is among the others."""

app.command(rich_help_panel=MODELS)(train)
app.command(rich_help_panel=MODELS)(launch)
app.command(rich_help_panel=MODELS)(evaluate)
app.command(rich_help_panel=MODELS)(predict)
app.command(rich_help_panel=MODELS)(generate)
app.command(rich_help_panel=RUNS)(runs)
app.command(rich_help_panel=RUNS)(report)
app.command(rich_help_panel=RUNS, cls=SeveralValues)(compare)
app.command(rich_help_panel=RUNS)(why)
app.command(rich_help_panel=RUNS)(reproduce)
app.command(rich_help_panel=RUNS)(plot)
app.command(rich_help_panel=MODELS)(export)
app.add_typer(sweep, name="sweep", rich_help_panel=MODELS)
app.command(rich_help_panel=DATA)(data)
app.command(rich_help_panel=DATA)(baseline)
app.command(rich_help_panel=SPECS)(init)
app.command(rich_help_panel=SPECS)(validate)
app.command(rich_help_panel=SPECS)(sanity)
app.add_typer(find, name="find", rich_help_panel=SPECS)
app.command(rich_help_panel=SPECS)(show)
app.command("list", rich_help_panel=SPECS)(list_components)
app.command(rich_help_panel=SPECS)(lessons)
app.command(rich_help_panel=SPECS)(schema)
app.command(rich_help_panel=MACHINE)(doctor)
app.command(rich_help_panel=MACHINE)(verify_resume)


@cache
def command() -> Any:
    """Return the root command, with all subcommands, those of installed packages too."""
    whole = typer.main.get_command(app)
    add_installed(whole)
    return whole
