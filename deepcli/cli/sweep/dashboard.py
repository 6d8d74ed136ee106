"""`deepcli sweep dashboard`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from deepcli.api.sweep_dashboard import HOST, PORT
from deepcli.cli.options import Storage
from deepcli.cli.sweep.status import Folder


def dashboard(
    path: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for one that is free.")] = PORT,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; the default is for this machine alone.")
    ] = HOST,
    storage: Storage = None,
) -> None:
    """Show a sweep in Optuna's dashboard, in a browser, while it runs or afterwards; Ctrl-C ends it.

    Nothing is written: the dashboard's buttons that would change the study are
    refused. It needs `pip install 'deepcli[dashboard]'`.

    Example:
    deepcli sweep dashboard sweeps/digits-mlp
    """
    from deepcli.api.sweep_dashboard import sweep_dashboard

    with sweep_dashboard(path, storage, host=host, port=port) as shown:
        for notice in shown.notices:
            print(f"notice: {notice}", file=sys.stderr)
        print(shown.address, flush=True)
        print("for reading only; Ctrl-C ends it", file=sys.stderr, flush=True)
        shown.serve()
