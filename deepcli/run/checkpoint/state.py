"""Read the state in a checkpoint, an `.npz` of plain arrays and some JSON, as untrusted input.

NumPy would evaluate an array's header as a Python expression and allocate whatever shape it names. Here a header must
have the form that NumPy writes, and the file must hold the bytes of the shape.
"""

from __future__ import annotations

import io
import json
import math
import re
import struct
import zipfile
from typing import TYPE_CHECKING, Any

from deepcli.run.checkpoint import zips
from deepcli.run.checkpoint.saved_state import check
from deepcli.system.gc_pause import uncollected

if TYPE_CHECKING:
    import numpy as np

# Generators and metrics take kilobytes, a row of the history about 300 bytes, so the JSON limit allows 50,000 epochs.
# JSON that consists of brackets takes 30 times its size in memory, and seconds to parse, so they are counted first.
MAX_BYTES = 64 << 20
MAX_JSON_BYTES = 16 << 20
MAX_BRACKETS = 100_000
MAX_ARRAYS = 10_000

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '(?P<type>[<>|](?:b1|[iu][1248]|f[248]))', 'fortran_order': (?:True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,10}(?:,|(?:, \d{1,10})+))?)\), \}[ ]*\n"
)
_DAMAGE = (
    OSError, EOFError, RuntimeError, OverflowError, NotImplementedError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


def read(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a state: its JSON values, with checked types, and its arrays by name.

    Raises:
        ValueError: The content is damaged, or not what a run writes.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
    try:
        arrays = _arrays(content)
        text = arrays.pop("json", None)
        if text is None or len(text) > MAX_JSON_BYTES:
            raise ValueError("its JSON is missing or too long")
        if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
            raise ValueError(f"its JSON has more than {MAX_BRACKETS} brackets")
        with uncollected():
            plain = json.loads(text)
        if isinstance(plain, dict):
            plain.setdefault("rollbacks", [])  # missing in older checkpoints
            plain.setdefault("weights", None)
            plain.setdefault("data", {})
        with uncollected():
            check(plain)
        return plain, {name: _array(name, member) for name, member in arrays.items()}
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _arrays(content: bytes) -> dict[str, bytes]:
    """Return the members of the `.npz`; they must be uncompressed, so that none is larger than the file."""
    stream = io.BytesIO(content)
    zips.check_end(stream, len(content), MAX_ARRAYS, MAX_ARRAYS * 256)
    with zipfile.ZipFile(stream) as archive:
        members: dict[str, bytes] = {}
        if sum(info.file_size for info in archive.infolist()) > len(content):
            raise ValueError("its members overlap")
        for info in archive.infolist():
            zips.check_member(info, len(content), stored=True)
            name = info.filename.removesuffix(".npy")
            if name == info.filename or name in members:
                raise ValueError(f"{info.filename!a} is not an array, or is a duplicate")
            members[name] = zips.read_member(archive, info, MAX_BYTES)
    if "json" in members:
        members["json"] = _body("json", members["json"])
    return members


def _body(name: str, member: bytes) -> bytes:
    """Return the data of an `.npy` member after checking its length against its shape and type."""
    length = len(_MAGIC) + 2
    end = length + int.from_bytes(member[len(_MAGIC) : length], "little")
    header = _HEADER.fullmatch(member[length:end])
    if not member.startswith(_MAGIC) or not header:
        raise ValueError(f"{name!a} is not a plain array")
    kind = header["type"].decode()
    shape = tuple(int(part) for part in header["shape"].decode().replace(",", " ").split())
    if math.prod(shape) * int(kind[2:]) != len(member) - end or max(shape, default=0) > MAX_BYTES or len(shape) > 32:
        raise ValueError(f"{name!a} has the shape {shape}, but {len(member) - end} bytes")
    return member[end:]


def _array(name: str, member: bytes) -> np.ndarray:
    import numpy as np

    _body(name, member)
    return np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)
