"""A PostgreSQL server of a test's own, on loopback, that can be stopped and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


class Server:
    """A server and a database in it, whose password is `secret`.

    Args:
        folder: An empty folder that other users can reach.
    """

    def __init__(self, folder: Path) -> None:
        initdb = _initdb()
        self._folder, self._data, self._bin = folder, folder / "data", Path(initdb).resolve().parent
        self._environment = {**os.environ, "LC_ALL": "C"}
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # the server refuses to run as root
            if shutil.which("setpriv") is None:
                pytest.skip("PostgreSQL does not run as root, and there is no setpriv to be somebody else")
            self._as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            for path in (folder, *folder.parents[:3]):
                path.chmod(0o755)
            shutil.chown(folder, "nobody", "nogroup")
        words = ["-D", str(self._data), "-U", "deepcli", "--auth=trust", "--encoding=UTF8", "-N"]
        done = subprocess.run(
            [*self._as_user, initdb, *words], capture_output=True, text=True, env=self._environment, cwd=folder
        )
        assert done.returncode == 0, done.stderr
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://deepcli:secret@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = self._folder / "log"
        words = ["-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [*self._as_user, str(self._bin / "postgres"), *words],
                stdout=file, stderr=file, env=self._environment, cwd=self._folder,
            )  # fmt: skip
        self._wait(self._process, log)

    def stop(self) -> None:
        """Stop the server as an administrator would who cannot wait; nothing that was committed is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def _wait(self, process: subprocess.Popen, log: Path) -> None:
        import psycopg

        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            else:
                return


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Have a server in a folder while a block runs."""
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


def _initdb() -> str:
    """Find the program that makes a database cluster; skip the test if it is not installed."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb = shutil.which("initdb") or next((str(path / "initdb") for path in reversed(binaries)), None)
    if initdb is None or not Path(initdb).exists():
        pytest.skip("PostgreSQL's initdb is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
    return initdb
