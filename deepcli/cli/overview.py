"""What `deepcli` alone prints: how to start, and the commands by purpose, on one screen."""

from __future__ import annotations

import textwrap
from typing import Any

WIDTH = 80
MARGIN = 18
START = """\
Train, evaluate and compare Keras models from one YAML file.

Start with your own data: a folder of pictures or texts, a table, or arrays
  deepcli train photos/

or with a spec, here for data that deepcli has:
  deepcli init digits cnn
  deepcli train digits-cnn.yaml --output runs/first
  deepcli evaluate runs/first
"""
END = """
deepcli COMMAND --help explains a command and has examples; deepcli --help lists
all commands and options. deepcli lessons shows what single settings do.
"""
OTHERS = "Others"


def overview(whole: Any) -> str:
    """Write the screen.

    Args:
        whole: The root command.
    """
    groups: dict[str, list[str]] = {}
    for name, node in whole.commands.items():
        if not node.hidden:
            groups.setdefault(getattr(node, "rich_help_panel", None) or OTHERS, []).append(name)
    others = groups.pop(OTHERS, [])
    lines = [_line(title, names) for title, names in groups.items()]
    return "\n".join([START, *lines, *([_line(OTHERS, others)] if others else []), END])


def _line(title: str, names: list[str]) -> str:
    return textwrap.fill(
        "  ".join(names), WIDTH, initial_indent=title.ljust(MARGIN), subsequent_indent=" " * MARGIN,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
