"""Reads the arrays of HDF5 files, without following links to other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from deepcli.data.arrays.archive import MAX_BYTES
from deepcli.data.arrays.stored_arrays import MAX_ARRAYS, Described, demand_plain, from_file, reading, worth_mapping
from deepcli.errors import DataError


class Hdf5Store:
    """The data sets of an HDF5 file and of its groups.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path, "an HDF5"), h5py.File(path, "r") as file:
            self.arrays: Mapping[str, Described] = dict(self._described(file, "", 0))

    def _described(self, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, Described]]:
        for count, key in enumerate(group):
            if count > MAX_ARRAYS:
                raise ValueError(f"it has more than {MAX_ARRAYS} entries in one group")
            link = group.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise DataError(f"{self.path}: {prefix}{key} is a link to another file, {link.filename}; copy the data")
            if isinstance(link, h5py.SoftLink) and self._leads_out(group.file, f"{prefix}{key}", link.path):
                raise DataError(f"{self.path}: {prefix}{key} is a link to another file; copy the data")
            found = group.get(key)
            if isinstance(found, h5py.Group) and depth < 1 and not isinstance(link, h5py.SoftLink):
                yield from self._described(found, f"{prefix}{key}/", depth + 1)
            elif isinstance(found, h5py.Dataset):
                strings = h5py.check_string_dtype(found.dtype) is not None
                yield f"{prefix}{key}", Described(tuple(found.shape or ()), "strings" if strings else str(found.dtype))

    def _leads_out(self, file: Any, own: str, target: str) -> bool:
        """Return whether the path of a soft link goes through a link to another file."""
        place = target if target.startswith("/") else f"{own.rpartition('/')[0]}/{target}"
        parts = [part for part in place.split("/") if part not in ("", ".")]
        for end in range(1, len(parts) + 1):
            link = file.get("/".join(parts[:end]), getlink=True, default=None)
            if not isinstance(link, h5py.HardLink):
                return link is not None  # a chain of soft links is not followed
        return False

    def read(self, name: str) -> np.ndarray:
        """Read or map an array; strings become an array of `str`."""
        with reading(self.path, "an HDF5"), h5py.File(self.path, "r") as file:
            found = file[name]
            if found.external or found.is_virtual:
                raise DataError(f"{self.path}: the content of {name} is in another file; copy the data into this one")
            strings = h5py.check_string_dtype(found.dtype) is not None
            if not strings:
                demand_plain(found.dtype, self.path, name)
            offset = found.id.get_offset()
            if not strings and found.chunks is None and offset is not None and worth_mapping(found.nbytes):
                return from_file(self.path, offset, found.shape, found.dtype, False)
            if found.nbytes > MAX_BYTES:
                raise DataError(
                    f"{self.path}: {name} unpacks to more than {MAX_BYTES >> 30} GiB; store it uncompressed"
                )
            return np.array(found.asstr()[()], dtype=str) if strings else np.asarray(found[()])
