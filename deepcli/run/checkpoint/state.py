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
from typing import TYPE_CHECKING, Any, get_args

from deepcli.data.fingerprint import KEYS, is_mark
from deepcli.experiment.schema import Training
from deepcli.result import Rollback
from deepcli.run.checkpoint import zips
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
_FIELDS = ("position", "precision", "threads", "plugins", "best", "callbacks", "rollbacks", "weights", "data")
_COUNTS = ("epoch", "wait", "cooldown")


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
        _check(plain)
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


def _check(plain: Any) -> None:
    """Check the type and range of every JSON field."""
    _expect(isinstance(plain, dict) and set(plain) == set(_FIELDS), f"its fields are not {', '.join(_FIELDS)}")
    position, best, callbacks = plain["position"], plain["best"], plain["callbacks"]
    _expect(
        isinstance(position, dict)
        and set(position) == {"epoch", "step", "total"}
        and all(map(_is_count, position.values())),
        "position should be counts of epochs and steps",
    )
    precisions = get_args(Training.model_fields["precision"].annotation)
    _expect(plain["precision"] in [name for name in precisions if name != "auto"], "precision should be a dtype policy")
    _expect(_is_count(plain["threads"]), "threads should be a count")
    plugins = plain["plugins"]
    _expect(isinstance(plugins, list) and all(map(_is_word, plugins)), "plugins should be names of files or modules")
    _expect(
        isinstance(callbacks, dict) and all(map(_is_memory, callbacks.values())),
        "the state of a callback has unexpected fields",
    )
    _expect(isinstance(best, dict) and (not best or _is_memory(best)), "best should be an epoch and its value")
    rows = callbacks.get("history", {}).get("rows")
    _expect(rows is None or _are_rows(rows), "history should be rows of numbers")
    # After a rollback, the best epoch may be missing from the history.
    epoch = best.get("epoch")
    _expect(epoch is None or epoch > 0, "best.epoch should count from 1")
    rollbacks = plain["rollbacks"]
    _expect(isinstance(rollbacks, list) and all(map(_is_rollback, rollbacks)), "rollbacks should be steps and reasons")
    _expect(plain["weights"] in (None, "raw", "averaged"), "weights should be raw or averaged")
    data = plain["data"]
    _expect(
        isinstance(data, dict) and data.keys() <= set(KEYS) and all(map(is_mark, data.values())),
        "data should be the fingerprint of the training data",
    )


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _is_figure(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096 and value.isprintable()


def _is_memory(value: Any) -> bool:
    """Return whether a value can be a callback's state: named numbers, strings, counts and rows of a table."""
    return isinstance(value, dict) and all(
        (inner is None or _is_count(inner))
        if name in _COUNTS
        else _is_figure(inner)
        if name in ("value", "best")
        else _is_figure(inner) or isinstance(inner, bool) or _is_word(inner) or _is_row(inner) or _are_rows(inner)
        for name, inner in value.items()
    )


def _is_rollback(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == Rollback.model_fields.keys()
        and _is_word(value["reason"])
        and _is_count(value["step"])
        and _is_count(value["back_to"])
    )


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_row, value))


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_figure, value.values()))
