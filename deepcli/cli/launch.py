"""`deepcli launch`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from deepcli.cli import answers


def launch(
    count: Annotated[int, typer.Argument(metavar="N", help="How many processes to start.")],
    words: Annotated[list[str], typer.Argument(metavar="-- train ...", help="The command that each of them runs.")],
) -> None:
    """Train one run with several processes on this machine, on JAX.

    Each step's batch is divided between them. Process 0 writes the run and shows progress. Each process gets its share of the
    cores, or its own GPU. Signals are passed on: Ctrl-C stops all after the current step, with one checkpoint.

    Examples:
    deepcli launch 2 -- train digits-cnn.yaml
    deepcli launch 4 -- train big.yaml --output runs/big --if-exists resume
    """
    from deepcli.api.launching import launch as start

    code = start(count, words)
    answers.leave_out()  # process 0 has printed what there is to say
    sys.exit(code)
