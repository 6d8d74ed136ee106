"""Reading `.npz` files that may be damaged or hostile: nothing in them is ever executed."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepcli.errors import DataError

MAX_BYTES = 2 << 30
_ALLOWED = {
    (module, name)
    for module, name in [
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    ]
}


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds NumPy arrays of plain lists and refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no data file needs")
        if name == "_reconstruct":
            from numpy._core.multiarray import _reconstruct

            return _reconstruct
        return getattr(np, name)


def read_npz(path: Path, keys: tuple[str, ...], *, objects: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Read arrays from an `.npz` file.

    Args:
        path: The file.
        keys: The arrays it must hold.
        objects: Those among them that may be object arrays (lists of ids), read by a restricted unpickler.

    Raises:
        DataError: Not such a file, damaged, too large, or with anything in it but arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            missing = [key for key in keys if f"{key}.npy" not in sizes]
            if missing:
                raise DataError(f"{path}: has no array {missing[0]!r}; it should hold {', '.join(keys)}")
            if sum(sizes.values()) > MAX_BYTES:
                raise DataError(f"{path}: would unpack to more than {MAX_BYTES >> 30} GiB")
            return {key: _read_array(archive.open(f"{key}.npy"), key in objects) for key in keys}
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is damaged or no .npz file: {error}") from None
    except (pickle.UnpicklingError, AttributeError, ImportError, IndexError, KeyError, TypeError) as error:
        raise DataError(f"{path}: holds something other than plain arrays: {error}") from None


def _read_array(member: IO[bytes], objects: bool) -> np.ndarray:
    with member:
        content = member.read()  # to the end, where the zip's checksum is compared
    stream = io.BytesIO(content)
    if not objects:
        return np.lib.format.read_array(stream, allow_pickle=False)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if not dtype.hasobject:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    array = _ArrayUnpickler(stream, encoding="latin1").load()
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("its header and its content disagree")
    return array
