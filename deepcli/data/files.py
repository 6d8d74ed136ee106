"""Finds data files: at a path in the spec, in a data folder, in Keras's cache, or by a download into that cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deepcli.errors import DataError

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Sources:
    """Where to look for data besides the spec, and whether downloads are allowed.

    Attributes:
        data_dir: A folder with data files, searched before Keras's cache.
        offline: Never download.
        progress: Called with (file name, bytes so far, bytes in total or None) during a download.
    """

    data_dir: Path | None = None
    offline: bool = False
    progress: Progress | None = None


OFFLINE = Sources(offline=True)
"""Only what is on this machine, in the usual places."""


TRUE = ("1", "true", "t", "yes", "y", "on")
"""What switches an option on in an environment variable."""


def offline_is_set() -> bool:
    """Return whether the environment forbids downloads, by `DEEPCLI_OFFLINE`."""
    return os.environ.get("DEEPCLI_OFFLINE", "").strip().lower() in TRUE


@dataclass(frozen=True)
class DataFile:
    """A published data file.

    Attributes:
        name: Its path inside a data folder, as in Keras's cache; may begin with a subfolder.
        url: Its download address.
        sha256: SHA-256 of the published file; None if nobody publishes one that can be cited.
        also: Alternative names, of the same file or of one made from it, in the order in which they are tried.
        limit: Maximum size of a download in bytes.
        companions: Files that are downloaded together with it; if that fails, it is not an error.
        check: Reads a download and raises DataError if its content is wrong; for files without a hash.
    """

    name: str
    url: str
    sha256: str | None
    also: tuple[str, ...] = ()
    limit: int = 64 << 20
    companions: tuple[DataFile, ...] = ()
    check: Callable[[Path], object] | None = field(default=None, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, beginning with the name that downloads get."""
        return (self.name, *self.also)


def keras_cache() -> Path:
    """Return the folder where Keras stores data sets (`KERAS_HOME` moves it, as it does for Keras)."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def cache_folder() -> Path:
    """Return the folder of deepcli's own cache (`DEEPCLI_CACHE_DIR` moves it).

    Raises:
        RuntimeError: The user has no home directory.
    """
    if chosen := os.environ.get("DEEPCLI_CACHE_DIR"):
        return Path(chosen).expanduser()
    base = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "deepcli"


def find(file: DataFile, path: str | None, sources: Sources) -> Path:
    """Find a data file on this machine, or download it if that is allowed.

    Raises:
        DataError: It is not available; the message lists every place that was searched.
    """
    if path is not None:
        return _given(file, path)
    if (found := locate(file, sources)) is not None:
        return found
    looked = ", ".join(map(str, _places(file, sources)))
    if sources.offline:
        raise DataError(f"{file.name} was not found and --offline forbids a download\n{_remedy(file, looked)}")
    from http.client import HTTPException

    from deepcli.data.download import download

    try:
        found = download(file, keras_cache(), sources.progress)
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        reason = f"{type(error).__name__}: {reason}" if isinstance(error, HTTPException) else str(reason)
        # The text may come from the server, and control characters would change the terminal.
        reason = "".join(letter if letter.isprintable() else " " for letter in reason[:500]).strip()
        raise DataError(
            f"{file.name} was not found and cannot be downloaded: {reason}\n{_remedy(file, looked)}"
        ) from None
    for companion in file.companions:
        with contextlib.suppress(DataError):
            find(companion, None, sources)
    return found


def locate(file: DataFile, sources: Sources) -> Path | None:
    """Return the path of a data file on this machine; None if it is not in the usual places."""
    return next((place for place in _places(file, sources) if _is_file(place)), None)


def _places(file: DataFile, sources: Sources) -> list[Path]:
    folders = [keras_cache()] if sources.data_dir is None else [sources.data_dir, keras_cache()]
    return [folder.absolute() / name for folder in folders for name in file.names]


def is_published(file: DataFile, path: Path) -> bool:
    """Return whether the content of a file is the published one.

    Raises:
        DataError: The file cannot be read.
    """
    return sha256_of(path) == file.sha256


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _given(file: DataFile, given: str) -> Path:
    try:
        path = Path(given).expanduser()
    except RuntimeError as error:
        raise DataError(f"data.path: {given}: {error}") from None
    if _is_file(path):
        return path
    # The folder may be a whole cache, or the data set's own subfolder.
    for parts in (Path(name).parts for name in file.names):
        for start in range(len(parts)):
            if _is_file(place := path.joinpath(*parts[start:])):
                return place
    missing = path / file.name if os.path.isdir(path) else path  # noqa: PTH112
    raise DataError(f"data.path: {missing} does not exist; it should be {file.name} or a folder that contains it")


def _is_file(path: Path) -> bool:
    """Return whether a file exists; False if its name is too long or its folder cannot be read."""
    return os.path.isfile(path)  # noqa: PTH113


def _remedy(file: DataFile, looked: str) -> str:
    return (
        f"  searched: {looked}\n"
        f"  put it there, or set its folder with --data-dir or DEEPCLI_DATA_DIR; download it from {file.url}"
    )
