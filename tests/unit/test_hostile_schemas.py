"""A schema in a checkpoint is a stranger's: it is refused as a whole, or read; and it never leads to a traceback."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcli.data.schema import MAX_BYTES, Schema
from deepcli.data.schema_reading import read_schema
from deepcli.data.sources.assignment import packed, unpacked
from deepcli.errors import CheckpointError, DataError, DeepcliError
from deepcli.run.checkpoint.file import open_checkpoint

from ..torture import hostile

WHOLE: dict[str, Any] = {
    **hostile.OWN_SCHEMA,
    "rules": 1,
    "target": {"kind": "classes", "columns": ["y"], "names": ["a", "b"], "reason": "words", "written": [""]},
    "columns": [{"name": "x", "type": "number", "mean": 1.5, "scale": 2, "missing": 3}],
    "counts": {"train": 6, "validation": 2, "test": 2},
    "class_counts": {"train": [3, 3], "validation": [1, 1], "test": [1, 1]},
    "layout": {"delimiter": ",", "header": True, "encoding": "utf-8", "sheet": None},
    "fingerprint": "f" * 64,
    "assignment": packed(["train"] * 6 + ["validation"] * 2 + ["test"] * 2),
}


def checkpoint(folder: Path, schema: bytes, spec: bytes = hostile.OWN_SPEC) -> Path:
    path = folder / "a.keras"
    path.write_bytes(hostile.zipped({**hostile.golden(), hostile.SPEC: spec, hostile.SCHEMA: schema}))
    return path


def test_a_whole_schema_is_read_and_its_data_need_not_exist(tmp_path):
    opened = open_checkpoint(checkpoint(tmp_path, json.dumps(WHOLE).encode()))
    assert opened.experiment.data.data_schema == Schema.model_validate_json(json.dumps(WHOLE))
    assert opened.experiment.target_names == ["a", "b"] and opened.experiment.signature.shape == (1,)


@pytest.mark.parametrize("name", [name for name in hostile.CORPUS if name.startswith("schema: ")])
def test_every_hostile_schema_is_refused_by_the_file_s_name(name, tmp_path):
    path = tmp_path / "a.keras"
    hostile.CORPUS[name].write(path)
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(path)
    assert str(refused.value).startswith(f"{path}: ") and len(str(refused.value)) < 1500
    assert all(sign.isprintable() or sign == "\n" for sign in str(refused.value))


SMALL = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5),
    st.sampled_from(["image", "tokens", "features", "numbers", "labels", "levels", "text", "category", "date"]),
)  # fmt: skip
VALUES = st.recursive(
    SMALL, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the places of all values in JSON."""
    found = [path] if path else []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


def has(inside, key):
    """Return whether a changed tree still has something under a key."""
    if isinstance(inside, dict):
        return key in inside
    return isinstance(inside, list) and isinstance(key, int) and len(inside) > key


@given(st.lists(st.tuples(st.sampled_from(places(WHOLE)), VALUES), min_size=1, max_size=3))
def test_changed_schemas_are_refused_or_describe_data(tmp_path_factory, changes):
    tree = json.loads(json.dumps(WHOLE))
    for place, value in changes:
        inside = tree
        for key in place[:-1]:
            inside = inside[key] if has(inside, key) else None
        if isinstance(inside, dict) or has(inside, place[-1]):
            inside[place[-1]] = value
    path = checkpoint(tmp_path_factory.mktemp("fuzz"), json.dumps(tree).encode("utf-8", "surrogatepass"))
    try:
        opened = open_checkpoint(path)
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: ")
        return
    signature, head = opened.experiment.signature, opened.experiment.head
    assert signature.kind == "features" and len(signature.columns) == signature.shape[0]
    assert head.outputs >= 1 and len(opened.experiment.target_names) in (signature.classes, head.outputs)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_what_is_no_schema_is_a_value_error(content):
    with pytest.raises(ValueError):
        read_schema(content)


def test_more_bytes_than_any_schema_has_are_not_parsed():
    with pytest.raises(ValueError, match="larger than 16 MiB"):
        read_schema(b" " * (MAX_BYTES + 1))


def test_an_assignment_unpacks_to_as_many_examples_as_there_are_and_no_more():
    import base64
    import zlib

    assert unpacked(packed(["train", "test", "validation"]), 3) == ["train", "test", "validation"]
    bomb = base64.b64encode(zlib.compress(bytes(1 << 28), 9)).decode()
    for text, examples in ((bomb, 5), (packed(["train"]), 2), ("%%%", 1), (base64.b64encode(b"no zlib").decode(), 7)):
        with pytest.raises(DataError, match="damaged"):
            unpacked(text, examples)
    with pytest.raises(DataError, match="damaged"):
        unpacked(base64.b64encode(zlib.compress(b"\7")).decode(), 1)


def test_the_schema_of_a_run_that_is_damaged_is_not_used(tmp_path):
    from deepcli.run.directory import RunDir

    run = RunDir(tmp_path)
    assert run.data_schema() is None
    run.schema.write_text(json.dumps(WHOLE))
    assert run.data_schema() == Schema.model_validate_json(json.dumps(WHOLE))
    run.schema.write_text(json.dumps({**WHOLE, "shape": [3]}))
    assert run.data_schema() is None


def test_a_model_larger_than_its_weights_is_refused_before_it_is_built(tmp_path, cli):
    """The golden weights are a few kilobytes; by this schema, the first layer alone would have a billion."""
    columns = [{"name": str(k), "type": "category", "categories": [str(n) for n in range(100)]} for k in range(5000)]
    schema = {**hostile.OWN_SCHEMA, "columns": columns, "shape": [5000]}
    spec = hostile.OWN_SPEC.replace(b"[8]", b"[65536]")
    path = checkpoint(tmp_path, json.dumps(schema).encode(), spec)
    (tmp_path / "rows.csv").write_text(
        ",".join(str(k) for k in range(5000)) + "\n" + ",".join("1" for _ in range(5000)) + "\n"
    )
    done = cli("predict", path, tmp_path / "rows.csv")
    assert done.code == 2 and "the file is damaged or manipulated" in done.err, done.err


def test_names_cannot_steer_a_terminal(tmp_path, cli):
    """Class names of a stranger's checkpoint are printed with their control characters escaped."""
    with zipfile.ZipFile(hostile.GOLDEN) as archive:
        assert hostile.SPEC in archive.namelist()
    schema = {
        **hostile.OWN_SCHEMA,
        "target": {"names": ["\x1b[2Jx", "b\x07"]},
        "columns": [{"name": "\x1b]0;x\x07", "type": "number"}],
    }
    path = checkpoint(tmp_path, json.dumps(schema).encode())
    for words in (["nothing.csv"], ['{"y": 1}']):
        done = cli("predict", path, *words)
        assert done.code == 2 and "\x1b" not in done.err + done.out and "\x07" not in done.err
    try:
        opened = open_checkpoint(path)
    except DeepcliError:  # pragma: no cover
        raise
    outputs = __import__("numpy").array([[0.2]], "float32")
    [answer] = opened.experiment.resolved_task.interpreter(
        opened.experiment.signature, opened.experiment.target_names, opened.experiment.head, 1
    ).each(outputs)
    assert "\x1b" not in answer.text and "\\x1b[2Jx" in answer.text
