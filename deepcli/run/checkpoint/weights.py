"""Check the weights in a checkpoint, an HDF5 file, as untrusted input before Keras or TensorFlow reads it.

HDF5 can refer to other files (links, external storage, virtual datasets), load plugins (filters) and declare far
larger arrays than it stores. Weights need none of that: they are groups, and arrays of plain numbers stored
contiguously.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import IO, Any

# A dense layer with its optimizer state is eight objects; checking ten thousand takes half a second.
MAX_OBJECTS = 10_000
MAX_DEPTH = 32
MAX_ATTRIBUTES = 4
MAX_ATTRIBUTE_BYTES = 1024


class FileSection(io.RawIOBase):
    """A section of a file that behaves as a file of its own.

    Args:
        stream: The whole file.
        start: The offset of the section.
        size: The section's size in bytes.
    """

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._at)
        content = self._stream.read(max(min(len(buffer), self._size - self._at), 0))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def check(file: Path | io.RawIOBase, size: int) -> None:
    """Check that an HDF5 file holds weights as Keras writes them; no array is read.

    Args:
        file: The HDF5 file.
        size: Its size in bytes.

    Raises:
        ValueError: The file is damaged, or holds anything but groups and contiguous arrays of numbers.
    """
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            _Inspection(size).run(opened.id)
    except (OSError, KeyError, RuntimeError, TypeError, OverflowError, EOFError, NotImplementedError) as error:
        raise ValueError(f"HDF5 cannot read it: {error}") from None


class _Inspection:
    """Visits every object of an HDF5 file; a link's type is checked before it is opened."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._bytes = self._objects = 0
        self._seen: set[int] = set()

    def run(self, file: Any) -> None:
        from h5py import h5g, h5o

        root = h5g.open(file, b"/")
        self._seen.add(h5o.get_info(root).addr)
        self._attributes(root, "/")
        waiting = [(root, "", 0)]
        while waiting:
            group, path, depth = waiting.pop()
            self._objects += group.get_num_objs()
            if self._objects > MAX_OBJECTS or depth > MAX_DEPTH:
                raise ValueError(f"it holds more than {MAX_OBJECTS} objects, or some deeper than {MAX_DEPTH} levels")
            for name in list(group):
                child = self._open(group, name, f"{path}/{name.decode(errors='replace')}")
                if isinstance(child, h5g.GroupID):
                    waiting.append((child, f"{path}/{name.decode(errors='replace')}", depth + 1))

    def _open(self, group: Any, name: bytes, path: str) -> Any:
        """Open one object of a group and check it."""
        from h5py import h5d, h5g, h5l, h5o

        if group.links.get_info(name).type != h5l.TYPE_HARD:
            raise ValueError(f"{path!a} is a link")
        info = h5o.get_info(group, name)
        if info.addr in self._seen:
            raise ValueError(f"{path!a} is a second name for the same object")
        self._seen.add(info.addr)
        if info.type == h5o.TYPE_GROUP:
            child = h5g.open(group, name)
        elif info.type == h5o.TYPE_DATASET:
            child = h5d.open(group, name)
            self._dataset(child, path)
        else:
            raise ValueError(f"{path!a} is neither a group nor an array")
        self._attributes(child, path)
        return child

    def _dataset(self, dataset: Any, path: str) -> None:
        from h5py import h5d, h5t

        plan = dataset.get_create_plist()
        # The layout is checked first: reading the shape of a virtual dataset would open the files that it refers to.
        if plan.get_layout() != h5d.CONTIGUOUS or plan.get_external_count() or plan.get_nfilters():
            raise ValueError(f"{path!a} is not stored contiguously and uncompressed in the file")
        kind = dataset.get_type()
        if kind.get_class() not in (h5t.INTEGER, h5t.FLOAT) or kind.dtype.kind not in "iuf":
            raise ValueError(f"{path!a} does not hold plain numbers")
        shape = dataset.shape
        if shape is None or math.prod(max(length, 1) for length in shape) * kind.get_size() > self._size:
            raise ValueError(f"{path!a} has the shape {shape}, which is larger than the file")
        needed = math.prod(shape) * kind.get_size()
        offset = dataset.get_offset()
        if needed and (offset is None or dataset.get_storage_size() != needed or offset + needed > self._size):
            raise ValueError(f"{path!a} has the shape {shape}, but the file does not hold that many bytes")
        self._bytes += needed
        if self._bytes > self._size:
            raise ValueError("its arrays overlap")

    def _attributes(self, thing: Any, path: str) -> None:
        """Check an object's attributes; Keras stores a layer's name, or a dtype that HDF5 does not have, in one."""
        from h5py import h5a, h5s, h5t

        count = h5a.get_num_attrs(thing)
        if count > MAX_ATTRIBUTES:
            raise ValueError(f"{path!a} has {count} attributes")
        for index in range(count):
            attribute = h5a.open(thing, index=index)
            plain = attribute.get_type().get_class() == h5t.STRING
            scalar = attribute.get_space().get_simple_extent_type() == h5s.SCALAR
            if not plain or not scalar or attribute.get_storage_size() > MAX_ATTRIBUTE_BYTES:
                raise ValueError(f"{path!a} has an attribute that is not a short string")
