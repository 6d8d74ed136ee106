"""What JAX compiled for the CPU, kept in deepcli's cache: the second run of a spec compiles nothing.

JAX has such a cache, which is off unless JAX_COMPILATION_CACHE_DIR names a folder. It is not used as it is: an entry that was
cut off by a kill stays there for good, and it does not ask whether the processor is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
import warnings
from pathlib import Path

import jax

from deepcli.data.cache_room import make_room
from deepcli.data.files import cache_folder

MAX_BYTES = 256 << 20
"""Bytes of all entries; those that were used longest ago are deleted first."""
OLDEST = (0, 10)
"""Version of jaxlib from which it is used; before, reading large entries could crash."""
ABOUT_CPU = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU implementer",
             "CPU architecture", "CPU variant", "CPU part", "CPU revision")  # fmt: skip


def keep_compiled(threads: int) -> None:
    """Keep what JAX compiles from now on, and take from the cache what was kept, if that is safe here.

    It is for one process on a CPU under Linux. A cache that the user has set up, JAX_ENABLE_COMPILATION_CACHE=0 and a
    folder that others may write to are left alone.

    Args:
        threads: CPU threads of this process, by which XLA divides its work.
    """
    processor = processor_key()
    if processor is None or not jax.config.jax_enable_compilation_cache or jax.config.jax_compilation_cache_dir:
        return
    if jax.version.__version_info__ < OLDEST or jax.distributed.is_initialized() or jax.local_device_count() != 1:
        return
    try:
        folder = _own_folder(cache_folder() / "compiled" / "jax")
        _use(CompiledEntries(folder, f"{processor} {threads}"))
    except (OSError, RuntimeError, ImportError, AttributeError):  # no home, no room, or another JAX than is known
        return


def processor_key(described: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return what compiled code depends on of this processor; None where that is not known.

    Args:
        described: Where Linux describes the processor.
    """
    if sys.platform != "linux":
        return None
    try:
        first, _, _ = described.read_text(encoding="utf-8").strip().partition("\n\n")
    except (OSError, ValueError):
        return None
    pairs = (line.partition(":") for line in first.splitlines())
    known = {name.strip(): value.strip() for name, _, value in pairs}
    if not {"flags", "Features"} & known.keys():
        return None
    return "\n".join([platform.machine(), *(f"{name}: {known[name]}" for name in ABOUT_CPU if name in known)])


def _own_folder(path: Path) -> Path:
    """Make a folder that only this user may write to, as what is in it is run.

    Raises:
        PermissionError: It belongs to somebody else, or others may write to it.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = path.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(path)
    return path


class CompiledEntries:
    """Reads and writes entries as files, each with its checksum, for JAX, which calls `get` and `put`.

    Args:
        folder: The folder of the files.
        depends: What entries depend on, other than on what JAX puts into their keys.
    """

    def __init__(self, folder: Path, depends: str) -> None:
        self._path, self._depends, self._has_room = folder, depends, False

    def get(self, key: str) -> bytes | None:
        """Return an entry; None if there is none, or if it is damaged."""
        path = self._file(key)
        try:
            content = path.read_bytes()
            os.utime(path)  # when it was last used
        except OSError:
            return None
        return content[32:] if hashlib.sha256(content[32:]).digest() == content[:32] else None

    def put(self, key: str, value: bytes) -> None:
        """Write an entry, at once; a full disk does not matter."""
        with contextlib.suppress(OSError):
            if not self._has_room:
                make_room(self._path, most=MAX_BYTES)
                self._has_room = True
            handle, name = tempfile.mkstemp(prefix=".", dir=self._path)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(value).digest() + value)
                Path(name).replace(self._file(key))
            except OSError:
                Path(name).unlink()

    def _file(self, key: str) -> Path:
        return self._path / hashlib.sha256(f"{key}\n{self._depends}".encode()).hexdigest()


def _use(entries: CompiledEntries) -> None:
    """Make JAX use a cache, unless it has one."""
    from jax._src import compilation_cache

    if compilation_cache._cache is None:
        compilation_cache._cache = entries
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        # Where XLA refuses what it wrote itself (jax-ml/jax#38445), it is compiled, as without a cache.
        warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
