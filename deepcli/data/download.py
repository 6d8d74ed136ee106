"""Downloads of data files: verified, with time limits, and made by one process at a time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deepcli.data.files import DataFile, Progress
from deepcli.data.locking import alone
from deepcli.errors import DataError

if TYPE_CHECKING:
    from urllib.request import OpenerDirector, Request

CONNECT_SECONDS = 1.5
READ_SECONDS = 30.0
SLOW_SECONDS = 60.0
SLOW_BYTES = 256 << 10
"""A server that sends less than this in `SLOW_SECONDS` would take more than an hour even for the smaller files."""


def download(file: DataFile, folder: Path, progress: Progress | None) -> Path:
    """Download a file under a temporary name, verify it, and rename it into place.

    One process at a time downloads a file; the others wait and use its result.

    Raises:
        OSError: The server does not answer, is too slow, or the file cannot be written.
        ValueError: The server sent something else.
        http.client.HTTPException: The server's answer is not HTTP.
    """
    reach(file.url)
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target) as locked:
        if target.is_file():
            return target
        prefix = f".{target.name}."
        if locked:  # partial files were left by killed processes
            for left in target.parent.glob(f"{prefix}*.part"):
                with contextlib.suppress(OSError):
                    left.unlink()
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                digest = _fetch(file, out.write, progress)
                out.flush()
                os.fsync(out.fileno())
            _compare(file, digest, Path(name))
            Path(name).chmod(0o644)
            Path(name).replace(target)
        finally:
            with contextlib.suppress(OSError):
                Path(name).unlink()
    return target


def _compare(file: DataFile, digest: str, path: Path) -> None:
    if file.sha256 is not None and digest != file.sha256:
        raise ValueError(f"the file from {file.url} has SHA-256 {digest}, not {file.sha256}")
    if file.check is not None:
        try:
            file.check(path)
        except DataError as error:
            raise ValueError(str(error).replace(str(path), f"the file from {file.url}")) from None


Piece = bytes | int | None | BaseException
"""What the network thread delivers: the announced length (-1 if unknown), bytes, None at the end, or an exception."""


def _fetch(file: DataFile, write: Callable[[bytes], object], progress: Progress | None) -> str:
    """Write what a server sends and return its SHA-256; give up on a server that is too slow or sends too much.

    Another thread reads from the server, so that neither a slow name look-up nor slow headers can block this one.
    """
    pieces: queue.Queue[Piece] = queue.Queue(16)
    over = threading.Event()
    threading.Thread(target=_receive, args=(file.url, pieces, over), daemon=True).start()
    digest, done, head, length = hashlib.sha256(), 0, b"", -1
    since, before = time.monotonic(), 0
    try:
        while (piece := _next(pieces, file.url)) is not None:
            if isinstance(piece, int):
                length = piece
            else:
                done += len(piece)
                head = (head + piece[:64])[:64]
                write(piece)
                digest.update(piece)
            if max(length, done) > file.limit:
                raise ValueError(f"{file.url} sends more than {file.limit >> 20} MiB, too much for {file.name}")
            if time.monotonic() - since > SLOW_SECONDS:
                if done - before < SLOW_BYTES:
                    raise TimeoutError(f"{file.url} sent only {done - before} bytes in {SLOW_SECONDS:g} seconds")
                since, before = time.monotonic(), done
            if progress and done:
                progress(file.name, done, length if length >= 0 else None)
    finally:
        over.set()
    if length not in (-1, done):
        raise ValueError(f"{file.url} sent {done} of {length} bytes")
    if head.lstrip().startswith(b"<"):
        raise ValueError(f"{file.url} sent a web page, not the file")
    return digest.hexdigest()


def _next(pieces: queue.Queue[Piece], url: str) -> bytes | int | None:
    try:
        piece = pieces.get(timeout=READ_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"{url} has sent nothing for {READ_SECONDS:g} seconds") from None
    if isinstance(piece, BaseException):
        raise piece
    return piece


def _receive(url: str, pieces: queue.Queue[Piece], over: threading.Event) -> None:
    """Pass on what a server sends, until `over` is set."""
    import urllib.error

    def deliver(piece: Piece) -> None:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                return pieces.put(piece, timeout=0.5)
        raise OSError("the download was given up")

    with contextlib.suppress(OSError):
        try:
            # The thread that waits for this one gives up first.
            with opener().open(url, timeout=2 * READ_SECONDS) as reply:
                deliver(-1 if reply.length is None else reply.length)
                while chunk := reply.read1(1 << 16):
                    deliver(chunk)
            deliver(None)
        except Exception as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            deliver(error)


def opener() -> OpenerDirector:
    """Build an opener for HTTP and HTTPS only, which uses the environment's proxies and never opens local files."""
    import urllib.request
    from urllib.parse import urlsplit

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
        ) -> Request | None:
            if urlsplit(newurl).scheme not in {"https", req.type}:
                fp.close()
                raise ValueError(f"{req.full_url} redirects to {newurl}, which is not an HTTPS address")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        made.add_handler(handler)
    made.addheaders = [("User-Agent", "deepcli")]
    return made


def reach(url: str) -> None:
    """Fail fast without a network: name look-ups have no time-out of their own, so they run in a thread."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    failure: list[OSError] = [TimeoutError(f"{parts.hostname} does not answer")]

    def connect() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
            failure.clear()
        except OSError as error:
            failure[:] = [error]

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if failure:
        raise failure[0]
