"""A web server for Optuna's dashboard that only reads: whatever would change the study is refused."""

from __future__ import annotations

import errno
import json
import os
import socket
import socketserver
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from optuna.storages import BaseStorage

from deepcli.errors import RunError, UsageError
from deepcli.system import signals

READING = ("GET", "HEAD")
MOST_BYTES = 1 << 20
"""Bytes of a refused request that are read, so that its sender gets the answer and no broken connection."""
REFUSED = "deepcli shows a sweep for reading only; nothing was changed"
WRONG_HOST = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def dashboard_app(storage: BaseStorage) -> Application:
    """Return Optuna's dashboard as a web application that only reads.

    Raises:
        UsageError: optuna-dashboard cannot be imported.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise UsageError(f"optuna-dashboard cannot be imported: {error}") from error
    return read_only(wsgi(storage))


def dashboard_page(storage: BaseStorage, study: str) -> str:
    """Return the path of a study's page in the dashboard.

    Raises:
        RunError: The storage does not have the study.
    """
    try:
        return f"/dashboard/studies/{storage.get_study_id_from_name(study)}"
    except KeyError:
        raise RunError(f"the storage has no study {study!r}; the sweep has not started yet") from None


def read_only(app: Application) -> Application:
    """Let a web application answer the requests that read, and refuse all others."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in READING:
            return app(environ, start_response)
        length = environ.get("CONTENT_LENGTH") or "0"
        environ["wsgi.input"].read(min(int(length) if length.isdecimal() else 0, MOST_BYTES))
        body = json.dumps({"reason": REFUSED}).encode()
        start_response("403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return answer


class DashboardServer(socketserver.ThreadingMixIn, WSGIServer):
    """Listens at an address until it is closed.

    Args:
        host: A name or an IP address of this machine.
        port: 0 for one that is free.
        app: What answers.

    Raises:
        UsageError: It cannot listen there.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows, this would share a port that is in use

    def __init__(self, host: str, port: int, app: Application) -> None:
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), _Quiet)
        except OSError as error:
            raise _cannot_listen(host, port, error) from None
        self.host = host
        self.set_app(app)

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, as the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    @property
    def is_private(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return str(self.server_address[0]).startswith("127.") or self.server_address[0] == "::1"

    def service_actions(self) -> None:
        """Notice a Ctrl-C whose exception was lost."""
        signals.heed()


class _Quiet(WSGIRequestHandler):
    """Does not print a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _cannot_listen(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"--port: {port} is in use on {host}; choose another, or 0 for one that is free")
    if isinstance(error, PermissionError):
        return UsageError(f"--port: {port} needs more rights than you have; choose one above 1023")
    if isinstance(error, socket.gaierror) or error.errno in WRONG_HOST:
        return UsageError(f"--host: {host!r} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all")
    return UsageError(f"--host, --port: cannot listen at {host}:{port}: {error.strerror or error}")
