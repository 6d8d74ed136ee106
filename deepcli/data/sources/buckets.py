"""Copies files and folders from object stores and hubs by fsspec, an extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from deepcli.data.files import Sources
from deepcli.data.locking import alone
from deepcli.data.sources.remote import demand_room, local_name, mark_of, shown, staged
from deepcli.errors import DataError
from deepcli.system import extras
from deepcli.system.atomic import put_directory

BACKENDS = {
    "s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "hf": "huggingface_hub",
}  # fmt: skip
"""The package that fsspec needs for a scheme."""
MAX_FILES = 1_000_000
CHUNK = 1 << 20


def copied(path: str, place: Path, sources: Sources, limit: int) -> Path:
    """Copy a remote file or folder into a folder of the cache that is named by its version.

    Args:
        path: The address.
        place: The folder of all versions of this address.
        sources: Receives the progress.
        limit: Maximum size of all files in bytes.

    Raises:
        DataError: It does not exist, is too large, cannot be reached, or changes while it is copied.
        UsageError: fsspec or the package for this scheme is not installed.
    """
    scheme = path.partition("://")[0].lower()
    extras.demand(f"data.path: {shown(path)}", ("fsspec", BACKENDS[scheme]), "remote")
    try:
        return _copied(path, place, sources, limit)
    except (DataError, OSError, ValueError):
        raise
    except Exception as error:  # each store has exceptions of its own
        raise OSError(f"{type(error).__name__}: {error}") from error


def _copied(path: str, place: Path, sources: Sources, limit: int) -> Path:
    import fsspec

    system, root = fsspec.core.url_to_fs(path)
    top = system.info(root)
    files = {root: top} if top["type"] == "file" else dict(system.find(root, detail=True))
    if len(files) > MAX_FILES:
        raise DataError(f"{shown(path)}: has more than {MAX_FILES:,} files; put them into archives or tables")
    if not files:
        raise DataError(f"{shown(path)}: has no files")
    version = mark_of(*(f"{name} {_version(info)}" for name, info in sorted(files.items())))
    name = local_name(path)
    target = place / version
    demand_room(sum(info.get("size") or 0 for info in files.values()), limit, place, path)
    with alone(target):
        if (target / name).exists():
            return target / name
        with staged(target) as made:
            left = limit
            for file, info in sorted(files.items()):
                inner = [name] if file == root else [name, *_inside(file, root, path)]
                left -= _copy(system, file, info, made.joinpath(*inner), sources, left)
            if target.exists():  # what a killed process left
                target.rmdir()
            put_directory(made, target)
    return target / name


def _copy(system: Any, file: str, info: Mapping[str, Any], target: Path, sources: Sources, left: int) -> int:
    """Copy a file and return its size in bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size, done = info.get("size"), 0
    with system.open(file, "rb") as stream, target.open("xb") as out:
        while chunk := stream.read(CHUNK):
            done += len(chunk)
            if done > left:
                raise DataError(f"{file}: sends more than is allowed; copy it and name the copy")
            out.write(chunk)
            if sources.progress:
                sources.progress(target.name, done, size)
    if size is not None and done != size:
        raise DataError(f"{file}: {done:,} of {size:,} bytes were read; it may have changed, try again")
    return done


def _version(info: Mapping[str, Any]) -> str:
    """Return what changes when a file changes: its size, and its tag or time if the store has one."""
    keys = ("ETag", "etag", "generation", "md5Hash", "blob_id", "LastModified", "last_modified", "mtime", "updated")
    return " ".join(f"{key}={info[key]}" for key in ("size", *keys) if info.get(key) is not None)


def _inside(file: str, root: str, path: str) -> tuple[str, ...]:
    """Return the parts of a file's path below the folder.

    Raises:
        DataError: The file is outside the folder, or its name is not one that a local folder can have.
    """
    whole, folder = PurePosixPath("/" + file.lstrip("/")), PurePosixPath("/" + root.strip("/"))
    parts = whole.relative_to(folder).parts if whole.is_relative_to(folder) else ()
    if not parts or any(part in ("..", ".") or "\\" in part or "\0" in part or ":" in part for part in parts):
        raise DataError(
            f"{shown(path)}: has a file with the name {file!r}, which is outside the folder or not portable"
        )
    return parts
