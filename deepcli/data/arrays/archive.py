"""Readers for files that may be damaged or hostile: `.npz`, gzip, tar, pickled arrays. They never execute content.

NumPy trusts the pickles that it reads: a list shorter than the array's declared shape crashes the process. So pickles
are never given to NumPy here; stand-in classes check and build the arrays.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import lzma
import math
import pickle
import re
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepcli.errors import DataError
from deepcli.system.gc_pause import uncollected

MAX_BYTES = 2 << 30
MAX_MEMBERS = 1000
DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, OverflowError, struct.error, tokenize.TokenError,
    zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""The exceptions that Python and NumPy raise for damaged files."""
_NO_ARRAYS = (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, MemoryError)
_DTYPE = re.compile(r"O8?|[biufc](?:1|2|4|8|16)")


class _Frozen(type):
    """A metaclass for classes that a pickle cannot modify."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets the attribute {name} of a class")


class _Dtype(metaclass=_Frozen):
    """A stand-in for `numpy.dtype` in a pickle: a plain number type with its size and byte order, or `object`."""

    def __init__(self, code: object, *flags: object) -> None:
        self.code = _text(code)
        self.order = "="
        if not _DTYPE.fullmatch(self.code):
            raise pickle.UnpicklingError(f"it has arrays of type {self.code!r}")

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = _text(state[1])

    def make(self) -> np.dtype[Any]:
        """Return the NumPy dtype."""
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array(metaclass=_Frozen):
    """A stand-in for a NumPy array in a pickle; the array is built once its content matches its shape and dtype."""

    def __init__(self, *empty: object) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Dtype) or not isinstance(shape, tuple) or not all(map(_is_size, shape)):
            raise pickle.UnpicklingError("an array in it has an invalid shape or dtype")
        dtype = kind.make()
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != math.prod(shape):
                raise ValueError(f"an array in it declares the shape {list(shape)}, which does not match its content")
            flat = np.empty(len(content), object)
            for place, item in enumerate(content):
                flat[place] = _array(item)
        else:
            # Python 2 pickled bytes as str, so packed numbers arrive as str when strings are decoded as latin1.
            packed = content.encode("latin1") if isinstance(content, str) else content
            if not isinstance(packed, bytes) or len(packed) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"an array in it declares the shape {list(shape)}, which does not match its content")
            flat = np.frombuffer(packed, dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C")


def _array(value: Any) -> Any:
    """Return the array of a stand-in, and any other value unchanged."""
    return value.array if type(value) is _Array else value


def _text(value: object) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler for plain values and arrays of numbers or plain values; it refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which data files do not need")
        return _ALLOWED[module, name]


@contextlib.contextmanager
def _blaming(path: Path | str, kind: str) -> Iterator[None]:
    """Turn any exception while a file is read into a DataError that names the file."""
    try:
        yield
    except DAMAGE as error:
        raise DataError(f"{path}: is damaged or not a {kind} file: {error}") from None
    except _NO_ARRAYS as error:
        raise DataError(f"{path}: contains something other than plain arrays: {error}") from None


def read_npz(path: Path, keys: tuple[str, ...], *, objects: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read arrays from an `.npz` file.

    Args:
        path: The file.
        keys: The arrays that it must contain.
        objects: Names among `keys` whose arrays may hold objects (lists of ids); a restricted unpickler reads them.

    Raises:
        DataError: The file is damaged, too large, not an `.npz` file, or contains anything but arrays.
    """
    with _blaming(path, ".npz"), zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        missing = [key for key in keys if f"{key}.npy" not in sizes]
        if missing:
            raise DataError(f"{path}: has no array {missing[0]!r}; it should contain {', '.join(keys)}")
        if sum(sizes[f"{key}.npy"] for key in keys) > MAX_BYTES:
            raise DataError(f"{path}: would unpack to more than {MAX_BYTES >> 30} GiB")
        return {key: _read_array(archive.open(f"{key}.npy"), key in objects) for key in keys}


def names_in(path: Path) -> frozenset[str]:
    """Return the names of the arrays in an `.npz` file; none of them is read.

    Raises:
        DataError: The file is damaged, or not an `.npz` file.
    """
    with _blaming(path, ".npz"), zipfile.ZipFile(path) as archive:
        return frozenset(name.removesuffix(".npy") for name in archive.namelist())


def read_gzip(path: Path, limit: int) -> bytes:
    """Unpack a whole gzip file and check its checksum.

    Raises:
        DataError: The file is damaged, not a gzip file, or longer than `limit` bytes when unpacked.
    """
    with _blaming(path, "gzip"), gzip.open(path) as stream:
        return _Bounded(stream, path, limit).read(limit + 1)


def read_tar(path: Path, names: tuple[str, ...], limit: int) -> dict[str, bytes]:
    """Read members of a `.tar.gz` file into memory by their exact names; nothing is written to disk.

    Raises:
        DataError: The file is damaged, not a `.tar.gz` file, lacks one of the names, or is longer than `limit` bytes
            when unpacked.
    """
    found: dict[str, bytes] = {}
    with _blaming(path, ".tar.gz"), gzip.open(path) as packed:
        stream = _Bounded(packed, path, limit)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for member in itertools.islice(archive, MAX_MEMBERS):
                # Links and sparse files have no content of their own to read.
                if member.name in names and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    found[member.name] = archive.extractfile(member).read()
        while stream.read(1 << 20):  # to the end, where gzip compares its checksum
            pass
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: has no {missing[0]}; it should contain {', '.join(names)}")
    return found


def read_pickle(content: bytes, name: Path | str) -> object:
    """Read a pickle of plain values and NumPy arrays, from Python 2 or 3; strings of Python 2 become bytes.

    Raises:
        DataError: The pickle is damaged or contains anything else; the message calls it `name`.
    """
    with _blaming(name, "pickle"):
        value = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        # Data files contain one array, or a mapping whose values are arrays.
        return {key: _array(item) for key, item in value.items()} if isinstance(value, dict) else _array(value)


class _Bounded:
    """A stream with a limit on the bytes it gives, so that an archive cannot fill the memory."""

    def __init__(self, stream: gzip.GzipFile, path: Path, limit: int) -> None:
        self._stream = stream
        self._path = path
        self._limit = self._left = limit

    def read(self, size: int) -> bytes:
        content = self._stream.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise DataError(f"{self._path}: would unpack to more than {self._limit >> 20} MiB")
        return content


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array that NumPy saved: its shape, whether it is in Fortran order, and its dtype.

    Raises:
        ValueError: The header is missing or damaged. The other exceptions in DAMAGE are possible too.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)


def read_objects(stream: IO[bytes], name: str) -> np.ndarray:
    """Read an object array (of lists, for example) that NumPy saved; nothing in it is executed.

    Raises:
        DataError: It is damaged, too large, or not an object array.
    """
    with _blaming(name, ".npy"):
        content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 30} GiB")
        return _read_array(io.BytesIO(content), objects=True)


def _read_array(member: IO[bytes], objects: bool) -> np.ndarray:
    with member:
        content = member.read()  # to the end, where the zip file compares its checksum
    stream = io.BytesIO(content)
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        # NumPy allocates what a header declares before it looks at the content.
        if not dtype.itemsize or math.prod(shape) * dtype.itemsize > len(content) - stream.tell():
            raise ValueError(f"an array declares {dtype}{list(shape)}, which does not match its content")
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if not objects:
        raise pickle.UnpicklingError("an array contains objects instead of numbers")
    with uncollected():
        array = _array(_ArrayUnpickler(stream, encoding="latin1").load())
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("its header and its content disagree")
    return array
