"""Reading files that may be damaged or hostile: `.npz`, gzip, tar, pickled arrays. Nothing in them is ever executed.

NumPy's own way of unpickling arrays trusts what it reads: a list shorter than the shape that goes with it ends the
process. So the pickles here never reach it; their arrays are checked, and made, by a stand-in.
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
"""What Python and NumPy raise over damaged files."""
_NO_ARRAYS = (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError, MemoryError)
_DTYPE = re.compile(r"O8?|[biufc](?:1|2|4|8|16)")


class _Frozen(type):
    """A class that no pickle can change."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name} of what it names")


class _Dtype(metaclass=_Frozen):
    """Stands for `numpy.dtype` in a pickle: a plain number of some size and byte order, or any object."""

    def __init__(self, code: object, *flags: object) -> None:
        self.code = _text(code)
        self.order = "="
        if not _DTYPE.fullmatch(self.code):
            raise pickle.UnpicklingError(f"it has arrays of {self.code!r}")

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = _text(state[1])

    def make(self) -> np.dtype[Any]:
        """Return what this stands for."""
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


class _Array(metaclass=_Frozen):
    """Stands for a NumPy array in a pickle until its content has come and fits what it says of itself."""

    def __init__(self, *empty: object) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Dtype) or not isinstance(shape, tuple) or not all(map(_is_size, shape)):
            raise pickle.UnpicklingError("an array in it has no shape or no dtype")
        dtype = kind.make()
        if dtype.hasobject:
            if not isinstance(content, list) or len(content) != math.prod(shape):
                raise ValueError(f"an array in it says that it is {list(shape)}, and its content does not")
            flat = np.empty(len(content), object)
            for place, item in enumerate(content):
                flat[place] = _array(item)
        else:
            # Python 2 had no bytes of their own; numbers come as text where the rest of the pickle is read as text.
            packed = content.encode("latin1") if isinstance(content, str) else content
            if not isinstance(packed, bytes) or len(packed) != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"an array in it says that it is {list(shape)}, and its content does not")
            flat = np.frombuffer(packed, dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C")


def _array(value: Any) -> Any:
    """Give the array that something stands for, or the thing itself."""
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
    """Rebuilds plain values and arrays of numbers or of plain values, and refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no data file needs")
        return _ALLOWED[module, name]


@contextlib.contextmanager
def _blaming(path: Path | str, kind: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into an error that names it."""
    try:
        yield
    except DAMAGE as error:
        raise DataError(f"{path}: is damaged or no {kind} file: {error}") from None
    except _NO_ARRAYS as error:
        raise DataError(f"{path}: holds something other than plain arrays: {error}") from None


def read_npz(path: Path, keys: tuple[str, ...], *, objects: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read arrays from an `.npz` file.

    Args:
        path: The file.
        keys: The arrays it must hold.
        objects: Those among them that may be object arrays (lists of ids), read by a restricted unpickler.

    Raises:
        DataError: Not such a file, damaged, too large, or with anything in it but arrays.
    """
    with _blaming(path, ".npz"), zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        missing = [key for key in keys if f"{key}.npy" not in sizes]
        if missing:
            raise DataError(f"{path}: has no array {missing[0]!r}; it should hold {', '.join(keys)}")
        if sum(sizes.values()) > MAX_BYTES:
            raise DataError(f"{path}: would unpack to more than {MAX_BYTES >> 30} GiB")
        return {key: _read_array(archive.open(f"{key}.npy"), key in objects) for key in keys}


def read_gzip(path: Path, limit: int) -> bytes:
    """Unpack a gzip file to its end, where its checksum is compared.

    Raises:
        DataError: Not such a file, damaged, or longer than `limit` bytes when unpacked.
    """
    with _blaming(path, "gzip"), gzip.open(path) as stream:
        return _Bounded(stream, path, limit).read(limit + 1)


def read_tar(path: Path, names: tuple[str, ...], limit: int) -> dict[str, bytes]:
    """Read members of a `.tar.gz` into memory by their exact names; nothing is written to disk.

    Raises:
        DataError: Not such a file, damaged, without one of the names, or longer than `limit` bytes when unpacked.
    """
    found: dict[str, bytes] = {}
    with _blaming(path, ".tar.gz"), gzip.open(path) as packed:
        stream = _Bounded(packed, path, limit)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for member in itertools.islice(archive, MAX_MEMBERS):
                # Links and sparse files have no content of their own that could be read here.
                if member.name in names and member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    found[member.name] = archive.extractfile(member).read()
        while stream.read(1 << 20):  # to the end, where gzip's checksum is compared
            pass
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: has no {missing[0]}; it should hold {', '.join(names)}")
    return found


def read_pickle(content: bytes, name: Path | str) -> object:
    """Rebuild what Python 2 or 3 pickled, of plain values and NumPy arrays only; text of Python 2 comes as bytes.

    Raises:
        DataError: Damaged, or with anything else in it; `name` is what the message calls it.
    """
    with _blaming(name, "pickle"):
        value = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        # Arrays stand where data files have them: alone, or as values of one mapping.
        return {key: _array(item) for key, item in value.items()} if isinstance(value, dict) else _array(value)


class _Bounded:
    """A stream that refuses to give more bytes than a data file can have, so that no archive fills the memory."""

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
    """Read what stands before an array that NumPy has saved: its shape, whether it is in Fortran's order, its type.

    Raises:
        ValueError: It is none, or damaged; and whatever else DAMAGE names.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)


def read_objects(stream: IO[bytes], name: str) -> np.ndarray:
    """Read an object array, of lists for one, that NumPy has saved; nothing in it is executed.

    Raises:
        DataError: It is something else, damaged, or too large.
    """
    with _blaming(name, ".npy"):
        content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES >> 30} GiB")
        return _read_array(io.BytesIO(content), objects=True)


def _read_array(member: IO[bytes], objects: bool) -> np.ndarray:
    with member:
        content = member.read()  # to the end, where the zip's checksum is compared
    stream = io.BytesIO(content)
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        # NumPy makes room for what a header says before it looks for it.
        if not dtype.itemsize or math.prod(shape) * dtype.itemsize > len(content) - stream.tell():
            raise ValueError(f"an array says that it is {dtype}{list(shape)}, and its content is not")
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if not objects:
        raise pickle.UnpicklingError("an array of objects where numbers should be")
    with uncollected():
        array = _array(_ArrayUnpickler(stream, encoding="latin1").load())
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("its header and its content disagree")
    return array
