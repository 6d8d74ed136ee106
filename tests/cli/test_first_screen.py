"""What `deepcli` alone shows, and that the help of each command has an example that works."""

import re
import shlex

import pytest

from deepcli.cli.command_pages import split_examples
from deepcli.cli.schemas import commands

COMMANDS = dict(commands())


def test_deepcli_alone_is_one_screen_with_every_command(cli):
    done = cli()
    assert (done.code, done.err) == (2, "")
    lines = done.out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    groups = [line[18:].split() for line in lines if re.match(r"[A-Z][\w ]{17}\w", line) and "  " in line]
    named = [name for group in groups for name in group]
    assert sorted(named) == sorted({name.split()[0] for name in COMMANDS})
    assert "Others" not in done.out
    assert cli("--no-plugins").out == done.out


def test_the_commands_to_start_with_are_right(cli):
    for line in cli().out.splitlines():
        if line.startswith("  deepcli "):
            name, *words = shlex.split(line)[1:]
            COMMANDS[name].make_context(name, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_an_example_with_options_that_exist(cli, name):
    examples = split_examples(COMMANDS[name].help)[1].splitlines()
    assert examples
    shown = cli(*name.split(), "--help").out
    for line in examples:
        assert line in shown
        assert len(line) <= 78
        own = next(part for part in line.split(" | ") if part.startswith(f"deepcli {name} "))
        words = shlex.split(own.partition(" > ")[0])[1 + len(name.split()) :]
        COMMANDS[name].make_context(name, words)
