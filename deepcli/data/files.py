"""Where data files are: a path in the spec, a data folder, Keras's cache, or a download into that cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepcli.errors import DataError

CONNECT_SECONDS = 1.5
READ_SECONDS = 30.0
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Sources:
    """Where to look for data besides the spec, and whether the network may be used.

    Attributes:
        data_dir: A folder with data files, looked at before Keras's cache.
        offline: Never download.
        progress: Told (file name, bytes so far, bytes in all) while a download runs.
    """

    data_dir: Path | None = None
    offline: bool = False
    progress: Progress | None = None


@dataclass(frozen=True)
class DataFile:
    """A published file.

    Attributes:
        name: Where it lies in a data folder, as Keras has it there; may begin with a subfolder.
        url: Its address.
        sha256: Of the whole file there; None where nobody publishes one that could be cited.
        also: Other names, of the same file or of one that was made from it, that do as well; tried in their order.
    """

    name: str
    url: str
    sha256: str | None
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the one under which it is downloaded first."""
        return (self.name, *self.also)


def keras_cache() -> Path:
    """Return the folder in which Keras keeps data sets (`KERAS_HOME` moves it, as it does for Keras)."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "datasets"


def find(file: DataFile, path: str | None, sources: Sources) -> Path:
    """Find a data file, downloading it if it is nowhere and that is allowed.

    Raises:
        DataError: It is nowhere to be had; the message names every place looked at.
    """
    if path is not None:
        return _given(file, Path(path).expanduser())
    folders = [keras_cache()] if sources.data_dir is None else [sources.data_dir, keras_cache()]
    places = [folder / name for folder in folders for name in file.names]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(map(str, places))
    if sources.offline:
        raise DataError(f"{file.name} is not there and --offline forbids a download\n{_remedy(file, looked)}")
    try:
        return _download(file, keras_cache(), sources.progress)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{file.name} is not there and cannot be downloaded: {reason}\n{_remedy(file, looked)}"
        ) from None


def is_published(file: DataFile, path: Path) -> bool:
    """Tell whether the content of a file is the published one.

    Raises:
        DataError: It cannot be read.
    """
    return sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _given(file: DataFile, path: Path) -> Path:
    if path.is_file():
        return path
    # The folder may be a whole cache, or the subfolder itself.
    for parts in (Path(name).parts for name in file.names):
        for start in range(len(parts)):
            if (place := path.joinpath(*parts[start:])).is_file():
                return place
    missing = path / file.name if path.is_dir() else path
    raise DataError(f"data.path: {missing} does not exist; it should be {file.name} or a folder that holds it")


def _remedy(file: DataFile, looked: str) -> str:
    return (
        f"  looked at: {looked}\n"
        f"  put it there, or name its folder with --data-dir or DEEPCLI_DATA_DIR; it comes from {file.url}"
    )


def _download(file: DataFile, folder: Path, progress: Progress | None) -> Path:
    """Fetch into a temporary name, compare the hash, and only then rename."""
    _reach(file.url)
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            digest = _fetch(file, out.write, progress)
            out.flush()
            os.fsync(out.fileno())
        if file.sha256 is not None and digest != file.sha256:
            raise ValueError(f"what {file.url} sent has SHA-256 {digest}, not {file.sha256}")
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return target


def _fetch(file: DataFile, write: Callable[[bytes], object], progress: Progress | None) -> str:
    import urllib.request

    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(file.url, timeout=READ_SECONDS) as reply:
        length = reply.headers.get("Content-Length")
        total = int(length) if length else None
        while chunk := reply.read(1 << 16):
            write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(file.name, done, total)
    # Where there is a hash, it says more.
    if file.sha256 is None and total is not None and done != total:
        raise ValueError(f"{file.url} sent {done} bytes of {total}")
    return digest.hexdigest()


def _reach(url: str) -> None:
    """Fail fast without a network: name look-ups have no time-out of their own, so a thread waits for one."""
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
