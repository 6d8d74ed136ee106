"""Where data files are: a path in the spec, a data folder, Keras's cache, or a download into that cache."""

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
        limit: No more bytes than that are taken from the network.
        companions: Files that are fetched together with it; nothing is wrong if they cannot be had.
        check: Reads a download, and raises DataError if it is not what it should be; for files without a hash.
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
        """All names, the one under which it is downloaded first."""
        return (self.name, *self.also)


def keras_cache() -> Path:
    """Return the folder in which Keras keeps data sets (`KERAS_HOME` moves it, as it does for Keras)."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def cache_folder() -> Path:
    """Return the folder in which deepcli keeps what it can make again (`DEEPCLI_CACHE_DIR` moves it).

    Raises:
        RuntimeError: The user has no home.
    """
    if chosen := os.environ.get("DEEPCLI_CACHE_DIR"):
        return Path(chosen).expanduser()
    base = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "deepcli"


def find(file: DataFile, path: str | None, sources: Sources) -> Path:
    """Find a data file, downloading it if it is nowhere and that is allowed.

    Raises:
        DataError: It is nowhere to be had; the message names every place looked at.
    """
    if path is not None:
        return _given(file, path)
    if (found := locate(file, sources)) is not None:
        return found
    looked = ", ".join(map(str, _places(file, sources)))
    if sources.offline:
        raise DataError(f"{file.name} is not there and --offline forbids a download\n{_remedy(file, looked)}")
    from http.client import HTTPException

    from deepcli.data.download import download

    try:
        found = download(file, keras_cache(), sources.progress)
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        reason = f"{type(error).__name__}: {reason}" if isinstance(error, HTTPException) else str(reason)
        # A server may have worded it, and a terminal obeys what does not show.
        reason = "".join(letter if letter.isprintable() else " " for letter in reason[:500]).strip()
        raise DataError(
            f"{file.name} is not there and cannot be downloaded: {reason}\n{_remedy(file, looked)}"
        ) from None
    for companion in file.companions:
        with contextlib.suppress(DataError):
            find(companion, None, sources)
    return found


def locate(file: DataFile, sources: Sources) -> Path | None:
    """Tell where a data file is on this machine; None if it is not in the usual places."""
    return next((place for place in _places(file, sources) if _is_file(place)), None)


def _places(file: DataFile, sources: Sources) -> list[Path]:
    folders = [keras_cache()] if sources.data_dir is None else [sources.data_dir, keras_cache()]
    return [folder.absolute() / name for folder in folders for name in file.names]


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


def _given(file: DataFile, given: str) -> Path:
    try:
        path = Path(given).expanduser()
    except RuntimeError as error:
        raise DataError(f"data.path: {given}: {error}") from None
    if _is_file(path):
        return path
    # The folder may be a whole cache, or the subfolder itself.
    for parts in (Path(name).parts for name in file.names):
        for start in range(len(parts)):
            if _is_file(place := path.joinpath(*parts[start:])):
                return place
    missing = path / file.name if os.path.isdir(path) else path  # noqa: PTH112
    raise DataError(f"data.path: {missing} does not exist; it should be {file.name} or a folder that holds it")


def _is_file(path: Path) -> bool:
    """Tell whether a file is there; a name that is too long, or a folder that is closed, has none."""
    return os.path.isfile(path)  # noqa: PTH113


def _remedy(file: DataFile, looked: str) -> str:
    return (
        f"  looked at: {looked}\n"
        f"  put it there, or name its folder with --data-dir or DEEPCLI_DATA_DIR; it comes from {file.url}"
    )
