"""Optuna's dashboard on a sweep, for reading only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepcli.sweeps.study.dashboard_server import DashboardServer

HOST, PORT = "127.0.0.1", 8080
"""Where the dashboard listens by default: only this machine reaches it; the port is Optuna's own."""


@dataclass(frozen=True)
class SweepDashboard:
    """A dashboard that listens.

    Attributes:
        address: The sweep's page.
        notices: What is worth knowing about it.
    """

    address: str
    notices: tuple[str, ...]
    _server: DashboardServer

    def serve(self) -> None:
        """Answer requests until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.serve_forever()


@contextlib.contextmanager
def sweep_dashboard(
    path: str | os.PathLike[str], storage: str | None = None, *, host: str = HOST, port: int = PORT
) -> Iterator[SweepDashboard]:
    """Start Optuna's dashboard on a sweep, which may be running; nothing is written to its storage.

    Args:
        path: The sweep's directory.
        storage: The URL of its Optuna storage, if its password is not saved; default: `DEEPCLI_STORAGE`.
        host: A name or an IP address of this machine.
        port: 0 for one that is free.

    Yields:
        The dashboard; its `serve` answers requests until Ctrl-C.

    Raises:
        RunError: The path is not a sweep, its files are damaged, or its storage cannot be reached.
        UsageError: optuna-dashboard is not installed, the storage is not the sweep's own, or the port is in use.
    """
    from deepcli.api.sweep import storage_url
    from deepcli.sweeps.directory import SweepDir
    from deepcli.sweeps.start import study_place
    from deepcli.system import extras

    folder = SweepDir.open(Path(path))
    study, url = study_place(folder, storage_url(storage))
    extras.demand("sweep dashboard", ("optuna_dashboard",), "dashboard")
    from deepcli.sweeps.study.dashboard_server import DashboardServer, dashboard_app, dashboard_page
    from deepcli.sweeps.study.storage import close_storage, open_for_reading

    opened = open_for_reading(url, folder.journal)
    try:
        page = dashboard_page(opened, study)
        with DashboardServer(host, port, dashboard_app(opened)) as server:
            open_to_all = f"{host}: whoever can reach this machine can look at the sweep"
            yield SweepDashboard(f"{server.address}{page}", () if server.is_private else (open_to_all,), server)
    finally:
        close_storage(opened)
