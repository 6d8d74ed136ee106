"""Reads the arrays of `.npz`, `.npy` and HDF5 files by name; large ones are mapped into memory where that is possible.

Files come from strangers: nothing is unpickled, and nothing outside the named file is opened.
"""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepcli.data.arrays.archive import read_header, read_npz
from deepcli.data.arrays.hdf5_store import Hdf5Store
from deepcli.data.arrays.stored_arrays import (
    MAX_ARRAYS,
    ArrayStore,
    Described,
    demand_plain,
    from_file,
    reading,
    refuse_objects,
    worth_mapping,
)
from deepcli.errors import DataError

LOCAL_HEADER = 30


def open_store(path: Path) -> ArrayStore:
    """Open a file of arrays by its ending.

    Raises:
        DataError: The file does not exist, is damaged, or is of another type.
    """
    stores: dict[str, type[NpzStore | NpyStore | Hdf5Store]] = {
        ".npz": NpzStore, ".npy": NpyStore, ".h5": Hdf5Store, ".hdf5": Hdf5Store,
    }  # fmt: skip
    if (store := stores.get(path.suffix.lower())) is None:
        raise DataError(f"{path}: is not a file of arrays; supported are {', '.join(stores)}")
    if not path.is_file():
        raise DataError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    return store(path)


class NpyStore:
    """The one array of a `.npy` file, named like the file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "a .npy"), path.open("rb") as file:
            self._shape, self._fortran, self._dtype = read_header(file)
            self._offset = file.tell()
            demand_plain(self._dtype, path, path.stem)
            if math.prod(self._shape) * self._dtype.itemsize > path.stat().st_size - self._offset:
                raise ValueError(f"it declares {self._dtype}{list(self._shape)}, more than it holds")
        self.arrays: Mapping[str, Described] = {path.stem: Described(self._shape, str(self._dtype))}

    def read(self, name: str) -> np.ndarray:
        """Read the array."""
        with reading(self.path, "a .npy"):
            return from_file(self.path, self._offset, self._shape, self._dtype, self._fortran)


class NpzStore:
    """The arrays of a `.npz` file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, tuple[int, tuple[int, ...], np.dtype[Any], bool]] = {}
        found: dict[str, Described] = {}
        with reading(path, "a .npz"), zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if len(members) > MAX_ARRAYS:
                raise ValueError(f"it has more than {MAX_ARRAYS} arrays")
            for info in members:
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as member:
                    shape, fortran, dtype = read_header(member)
                    begins = member.tell()
                found[name] = Described(shape, "objects" if dtype.hasobject else str(dtype))
                size = math.prod(shape) * dtype.itemsize
                whole = size <= info.file_size - begins
                if info.compress_type == zipfile.ZIP_STORED and worth_mapping(size) and whole:
                    self._places[name] = (_content_of(path, info) + begins, shape, dtype, fortran)
        self.arrays: Mapping[str, Described] = found

    def read(self, name: str) -> np.ndarray:
        """Read or map an array."""
        if self.arrays[name].dtype == "objects":
            refuse_objects(self.path, name)
        if name in self._places:
            with reading(self.path, "a .npz"):
                return from_file(self.path, *self._places[name])
        return read_npz(self.path, (name,))[name]


def _content_of(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where the content of a member that is not compressed begins in its archive."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
    if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise ValueError(f"the header of {info.filename} is damaged")
    name, extra = struct.unpack("<HH", header[26:30])
    return info.header_offset + LOCAL_HEADER + int(name) + int(extra)
