"""Copies remote files and folders into deepcli's cache, once for each version, and gives their paths."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from deepcli.data.files import DataFile, Sources, cache_folder
from deepcli.data.sources.kinds import REMOTE
from deepcli.errors import DataError, Notice

MAX_BYTES = 50 << 30
VERSIONS = 2
"""Versions of one remote path that are kept; others may be in use by a run that reads the newest."""
ANSWER_SECONDS = 10
MARK = re.compile(r"[0-9a-f]{32}")


def is_remote(path: str) -> bool:
    """Return whether a path is an address such as `s3://bucket/data.csv`."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme.lower() in REMOTE


def fetched(path: str, sources: Sources, limit: int = MAX_BYTES) -> Path:
    """Return a local copy of a remote file or folder; it is copied unless the cache has the same version.

    Args:
        path: An address: `https://` is downloaded; `s3://`, `gs://`, `hf://` and others are read by fsspec.
        sources: Whether downloads are allowed; without them, the copy that was made last is used.
        limit: Maximum size in bytes.

    Raises:
        DataError: It does not exist, is too large, cannot be reached, or there is no copy and downloads are forbidden.
        UsageError: The packages that read such addresses are not installed.
    """
    path = path if _is_web(path) else path.rstrip("/")
    if any(sign in path for sign in "*\n\r") or not local_name(path):
        raise DataError(f"{shown(path)}: name one file or folder")
    place = _place(path)
    if sources.offline:
        if (copy := _last(place)) is None:
            raise DataError(f"{shown(path)} has not been copied to this machine yet and --offline forbids it")
        return copy
    from http.client import HTTPException

    try:
        if _is_web(path):
            copy = _downloaded(path, place, sources, limit)
        else:
            from deepcli.data.sources.buckets import copied

            copy = copied(path, place, sources, limit)
    except DataError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        reason = _reason(error, path)
        if (last := _last(place)) is None or _answered(error):
            raise DataError(f"{shown(path)}: cannot be copied: {reason}") from None
        warnings.warn(f"{shown(path)}: cannot be reached ({reason}); using the last copy", Notice, stacklevel=2)
        return last
    _prune(place, copy)
    return copy


def shown(path: str) -> str:
    """Return an address without what may be secret: user, password and query."""
    if not _is_web(path):
        return path
    place, slash, rest = path.partition("://")[2].partition("/")
    return f"{path.partition('://')[0]}://{place.rpartition('@')[2]}{slash}{re.split('[?#]', rest)[0]}"


def _is_web(path: str) -> bool:
    return path.partition("://")[0].lower() in ("http", "https")


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside a path, to be renamed to it; it is deleted if it was not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=target.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def demand_room(size: int, limit: int, folder: Path, path: str) -> None:
    """Check that a size in bytes is within the limit and fits on the disk.

    Raises:
        DataError: They do not.
    """
    if size > limit:
        raise DataError(
            f"{shown(path)}: has {size >> 20:,} MiB, more than {limit >> 20:,} MiB; copy it and name the copy"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if size > (free := shutil.disk_usage(folder).free):
        raise DataError(
            f"{shown(path)}: has {size >> 20:,} MiB, but {folder} has only {free >> 20:,} MiB free; make room, or set "
            "DEEPCLI_CACHE_DIR to another disk"
        )


def mark_of(*parts: object) -> str:
    """Return a short name for a version."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def _downloaded(path: str, place: Path, sources: Sources, limit: int) -> Path:
    from deepcli.data.download import download

    version, size = _version(path)
    target = place / version
    demand_room(size or 0, limit, place, path)
    return download(DataFile(local_name(path), path, None, limit=limit), target, sources.progress)


def _version(url: str) -> tuple[str, int | None]:
    """Ask a server for the version and the size of a file; servers that do not say have one version for ever."""
    import urllib.error
    import urllib.request

    from deepcli.data.download import opener, reach

    reach(url)
    try:
        with opener().open(urllib.request.Request(url, method="HEAD"), timeout=ANSWER_SECONDS) as reply:
            headers = reply.headers
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise
        return mark_of(), None  # HEAD may be forbidden where GET is allowed
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else None
    return mark_of(headers.get("ETag") or headers.get("Last-Modified"), size), size


def _place(path: str) -> Path:
    try:
        return cache_folder() / "remote" / hashlib.sha256(path.encode()).hexdigest()[:32]
    except RuntimeError as error:
        raise DataError(f"{shown(path)}: there is no folder for a copy ({error}); set DEEPCLI_CACHE_DIR") from None


def local_name(path: str) -> str:
    """Return the last part of an address as a file name; its ending says what the file holds."""
    # Other addresses than those of the web may have a `?`, a `#` and a `%` in names.
    whole = unquote(shown(path)) if _is_web(path) else path
    last = whole.partition("://")[2].rstrip("/").rpartition("/")[2]
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", last).strip(". ")[-120:]


def _versions(place: Path) -> list[Path]:
    """Return the versions of a place, the one that was used last first."""
    try:
        found = [entry for entry in place.iterdir() if MARK.fullmatch(entry.name) and any(entry.iterdir())]
        return sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True)
    except OSError:
        return []


def _last(place: Path) -> Path | None:
    for version in _versions(place):
        for entry in sorted(version.iterdir()):
            if not entry.name.startswith("."):
                return entry
    return None


def _prune(place: Path, used: Path) -> None:
    """Remember which version was used last, and delete all but the last ones."""
    with contextlib.suppress(OSError):
        os.utime(used.parent)
    for old in _versions(place)[VERSIONS:]:
        shutil.rmtree(old, ignore_errors=True)


def _answered(error: Exception) -> bool:
    """Return whether a server has answered that the file does not exist or may not be read."""
    return isinstance(error, FileNotFoundError | PermissionError) or getattr(error, "code", None) in (
        401,
        403,
        404,
        410,
    )


def _reason(error: Exception, path: str) -> str:
    if isinstance(error, FileNotFoundError) or getattr(error, "code", None) == 404:
        return "no such file"
    reason = str(getattr(error, "reason", None) or error or type(error).__name__).replace(path, shown(path))
    # The text may be a server's, and control characters would change the terminal.
    return "".join(letter if letter.isprintable() else " " for letter in reason[:500]).strip()
