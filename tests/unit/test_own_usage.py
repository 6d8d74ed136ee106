"""The script beside an export of own data reads what training read, and says what the task says, without deepcli."""

import ast
import json
from collections import Counter
from importlib.resources import files
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from deepcli.data.arrays.decoding import decode
from deepcli.data.arrays.fitting import PictureError
from deepcli.data.schema import RESERVED, Column
from deepcli.export import own_reading_code, sources
from deepcli.export.usage import reading_code, usage
from deepcli.inputs.own_reading import RowReader
from deepcli.inputs.reading import ReadOptions
from deepcli.models.heads import Head
from deepcli.tasks import TASKS

from ..odd_pictures import write_odd_pictures
from ..own_files import section
from .test_usage import run

LOADING = """
SEEN = []


def run(x):
    SEEN.append(x[0])
    np.save(FOLDER / f"seen-{len(SEEN)}.npy", x[0])
    return np.array([OUTPUT], np.float32)
"""
TABLE = (
    Column(name="age", type="number", mean=40.0, scale=12.0),
    Column(name="price, each", type="number", written="1.234,5"),
    Column(name="day", type="date", written="dmy"),
    Column(name="since", type="date", written="iso"),
    Column(name="kind", type="category", categories=("a", 'b "2"', "ü😀")),
    Column(name="note", type="category", categories=("x",)),
)


def script(data, folder, output=(0.25, 0.75), task="classification", names=("cat", "dog"), model=None, length=None):
    """Write `usage.py` and its files for a model that keeps what it is given and answers always the same."""
    signature = lambda fixed: SimpleNamespace(shape=(None, *data.signature.shape))  # noqa: E731
    shown = SimpleNamespace(input_name="input", length=length, signature=signature)
    format_ = SimpleNamespace(runtime="nothing", loading=LOADING.replace("OUTPUT", repr(list(output))), fixed=False)
    words = data.data_schema.vocabulary
    reading = reading_code(data, length, any(words))
    answer = TASKS.select(task).usage_code(list(names), cast(Any, model))
    (folder / "usage.py").write_text(
        usage(cast(Any, format_), cast(Any, shown), data, reading, answer), encoding="utf-8"
    )
    for name, text in reading.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "lexicon.txt").write_bytes("\n".join(words).encode())
    return folder / "usage.py"


def seen(folder) -> Any:
    count = len(list(folder.glob("seen-*.npy")))
    return [np.load(folder / f"seen-{number}.npy") for number in range(1, count + 1)]


@pytest.mark.parametrize(("resize", "channels"), [("stretch", 3), ("crop", 1), ("pad", 3)])
def test_pictures_are_seen_as_in_training(resize, channels, tmp_path):
    (tmp_path / "odd").mkdir()
    pictures = [path for path in write_odd_pictures(tmp_path / "odd") if path.suffix != ".npy"]
    data = section("image_folder", {"resize": resize}, kind="image", shape=(20, 30, channels))
    done = run(script(data, tmp_path), *pictures)
    expected, refused = [], []
    for path in pictures:
        try:
            expected.append((path, decode(path, (20, 30), channels, cast(Any, resize))))
        except PictureError as error:
            refused.append(f"{path}: {error}")
    assert len(expected) > 10 and refused
    assert [line.split("  ") for line in done.stdout.splitlines()] == [
        ["dog 0.7500", str(path)] for path, _ in expected
    ]
    for (path, pixels), theirs in zip(expected, seen(tmp_path), strict=True):
        assert theirs.dtype == np.uint8 and np.array_equal(pixels, theirs), path
    assert set(refused) <= set(done.stderr.splitlines()) and done.returncode == 1


def test_arrays_of_pixels_are_taken_at_their_own_size_only(tmp_path):
    data = section("arrays", {}, kind="image", shape=(4, 5, 1))
    right = np.arange(20, dtype=np.uint8).reshape(4, 5)
    arrays: dict[str, np.ndarray] = {"a": right, "b": right[None, :, :, None], "c": right.T, "d": right / 255}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "e.npy", np.array([{}]), allow_pickle=True)
    done = run(script(data, tmp_path), *(tmp_path / f"{name}.npy" for name in "abcde"))
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 2
    for theirs in seen(tmp_path):
        assert np.array_equal(theirs, right[..., None])
    assert "takes uint8 of shape (4, 5, 1)" in done.stderr and "allow_pickle=False" in done.stderr


@pytest.mark.parametrize("kind", ["image", "features", "tokens"])
def test_no_name_is_defined_twice_in_a_script_that_is_put_together_from_files(kind, tmp_path):
    """The second would take the place of the first, also for the functions of its file."""
    parts = {
        "image": lambda: section("arrays", {}, kind="image", shape=(4, 5, 1)),
        "features": lambda: section("table", {}, kind="features", shape=(len(TABLE),), columns=TABLE),
        "tokens": lambda: section("text_folder", {}, kind="tokens", shape=(6,), vocabulary=(*RESERVED, "a")),
    }
    tree = ast.parse(script(parts[kind](), tmp_path).read_text(encoding="utf-8"))
    defined = Counter(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    assert [name for name, times in defined.items() if times > 1] == [] and len(defined) > 2


@pytest.mark.parametrize("tokens", ["words", "characters"])
def test_texts_have_the_ids_of_training(tokens, tmp_path):
    texts = ["Free  entry!!! £100 now", "don’t", "", "日本 <start> ﬁne\u2028line", "“Quoted”—é", "12345 987"]  # noqa: RUF001
    known = (
        ["free", "entry", "!!!", "£", "don't", "日", "fine", "000", "é"] if tokens == "words" else list("Fre n!£日é ")
    )
    data = section("text_folder", {"tokens": tokens}, kind="tokens", shape=(6,), vocabulary=(*RESERVED, *known))
    encoded = data.tokenize(texts, data.lexicon(None))
    done = run(script(data, tmp_path), *texts)
    assert done.returncode == 0, done.stderr
    for k, theirs in enumerate(seen(tmp_path)):
        assert theirs.dtype == np.int32 and theirs.tolist() == encoded.sequence(k).tolist(), texts[k]
    assert 2 in seen(tmp_path)[3] and max(map(max, seen(tmp_path))) > 5
    np.save(tmp_path / "ids.npy", np.array([0, 1, 5, 6, 0]))
    assert run(script(data, tmp_path, length=9), tmp_path / "ids.npy", texts[0]).returncode == 0
    assert seen(tmp_path)[0].tolist() == [1, 5, 6, 0, 0, 0, 0, 0, 0]


def test_rows_are_read_as_predict_reads_them(tmp_path):
    data = section(
        "table", {}, kind="features", shape=(6,), columns=TABLE, layout={"delimiter": ";", "encoding": "cp1252"}
    )
    rows = [
        ["31", "1.234,5", "31.12.1999", "2020-01-02T12:00:00", "a", "x"],
        ["?", "7", "1.2.2024", "", ' b "2" ', ""],
        ["-1e3", "", "NA", "20200102", "ü😀", "new"],
    ]
    names = [column.name for column in TABLE]
    quote = lambda cell: '"' + cell.replace('"', '""') + '"'  # noqa: E731
    for name, sign in (("a.csv", ";"), ("b.csv", ","), ("c.tsv", "\t")):
        lines = [sign.join(map(quote, [*names, "more"])), *(sign.join(map(quote, [*row, "x"])) for row in rows)]
        (tmp_path / name).write_text("\r\n".join([lines[0], lines[1], "", *lines[2:]]), encoding="utf-8")
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, objects)))
    (tmp_path / "e.json").write_text(json.dumps(objects))
    notes: list[str] = []
    reader = RowReader(data, ReadOptions(), notes.append, notes.append)
    words = [
        *(str(tmp_path / name) for name in ("a.csv", "b.csv", "c.tsv", "d.jsonl", "e.json")),
        json.dumps(objects[0]),
    ]
    examples: list[Any] = list(reader.read(words))
    done = run(script(data, tmp_path), *words)
    assert done.returncode == 0, done.stderr
    assert len(examples) == 16
    assert [line.split("  ") for line in done.stdout.splitlines()] == [["dog 0.7500", one.name] for one in examples]
    for one, theirs in zip(examples, seen(tmp_path), strict=True):
        assert np.array_equal(one.x, theirs, equal_nan=True), one.name
    assert np.isnan(seen(tmp_path)[1][0]) and seen(tmp_path)[0][2] == 10956
    assert done.stderr.count("taken as missing: 'new'") == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("age;kind\n1;a\n", "lacks the columns 'price, each', 'day'"),
        ("AGE\n1\n", "lacks the columns"),
        (
            "age;price, each;day;since;kind;note\nold;1;1.2.2000;;a;x\n3;1;1.2.2000;;a;x\n",
            "'age': 'old' is not a number",
        ),
        ("age;price, each;day;since;kind;note\n1;1\n3;1;1.2.2000;;a;x\n", ":2: has 2 values instead of 6"),
        ("age;price, each;day;since;kind;note\ninf;1;;;a;x\n3;1;1.2.2000;;a;x\n", "infinite or too large"),
        (
            "age;price, each;day;since;kind;note\n1;1;31.02.2000;;a;x\n3;1;1.2.2000;;a;x\n",
            "is not a date (written as dmy)",
        ),
    ],
)
def test_rows_that_cannot_be_read_are_named_and_the_others_are_predicted(content, says, tmp_path):
    data = section("table", {}, kind="features", shape=(6,), columns=TABLE, layout={"delimiter": ";"})
    (tmp_path / "rows.csv").write_text(content)
    done = run(script(data, tmp_path), tmp_path / "rows.csv", tmp_path / "none.csv")
    assert done.returncode == 1 and says in done.stderr and "none.csv: " in done.stderr
    assert "Traceback" not in done.stderr and len(done.stdout.splitlines()) == content.count("1.2.2000;;a;x\n3") + (
        "3;1;1.2.2000" in content and "old" not in content
    )


def test_rows_without_names_are_read_by_position(tmp_path):
    columns = tuple(Column(name=f"column_{k}", type="number") for k in (2, 3))
    data = section(
        "table", {}, kind="features", shape=(2,), columns=columns, layout={"delimiter": ",", "header": False}
    )
    (tmp_path / "rows.csv").write_text("9,1,2\n9,3,\n")
    np.save(tmp_path / "rows.npy", np.array([[5, 6], [7, np.nan]]))
    assert run(script(data, tmp_path), tmp_path / "rows.csv", tmp_path / "rows.npy").returncode == 0
    assert np.array_equal(seen(tmp_path), np.array([[1, 2], [3, np.nan], [5, 6], [7, np.nan]]), equal_nan=True)
    (tmp_path / "short.csv").write_text("1,2\n")
    assert "lacks the columns 'column_3'" in run(script(data, tmp_path), tmp_path / "short.csv").stderr


def test_rows_of_arrays_are_arrays(tmp_path):
    columns = tuple(Column(name=f"x{k}", type="number") for k in range(3))
    data = section("arrays", {}, kind="features", shape=(3,), columns=columns)
    np.save(tmp_path / "a.npy", np.array([1, np.nan, 3]))
    np.save(tmp_path / "b.npy", np.arange(4))
    done = run(script(data, tmp_path), tmp_path / "a.npy", tmp_path / "b.npy")
    assert len(done.stdout.splitlines()) == 1 and "takes 3 numbers" in done.stderr
    assert np.array_equal(seen(tmp_path)[0], np.array([1, np.nan, 3], np.float32), equal_nan=True)


@pytest.mark.parametrize(
    ("task", "names", "output", "says"),
    [
        ("classification", ["cat", "dog"], [0.75], "dog 0.7500"),
        ("classification", ["a", "b\x1b[2J", "c"], [0.1, 0.5, 0.4], "b\\x1b[2J 0.5000"),
        ("ordinal", ["bad", "fair", "good"], [0.45, 0.1, 0.45], "fair 0.1000"),
        ("regression", ["price"], [1234.5678], "price 1234.568"),
        ("regression", ["x", 'y"""\n'], [1e-5, -2.0], 'x 1e-05  y"""\\n -2'),
        ("multilabel", ["joy", "fear", "anger"], [0.3, 0.9, 0.6], "fear 0.9000, joy 0.3000"),
        ("multilabel", ["joy", "fear", "anger"], [0.2, 0.1, 0.6], "none"),
    ],
)
def test_each_task_says_what_its_outputs_mean(task, names, output, says, tmp_path):
    columns = tuple(Column(name=f"x{k}", type="number") for k in range(2))
    data = section("arrays", {}, kind="features", shape=(2,), columns=columns)
    model = None
    if task == "multilabel":
        import keras

        from deepcli.nn.output_layers import LabelThresholds, set_thresholds

        inner = keras.Sequential([keras.Input((3,)), LabelThresholds(name="thresholds")])
        model = keras.Sequential([keras.Input((3,)), inner])
        inner_layer = inner
        set_thresholds(inner_layer, np.array([0.3, 0.5, 0.61], np.float32))
    np.save(tmp_path / "a.npy", np.arange(2))
    done = run(script(data, tmp_path, output, task, names, model), tmp_path / "a.npy")
    assert done.stdout == f"{says}  {tmp_path / 'a.npy'}\n", done.stderr


def test_the_script_names_the_answer_that_predict_names(tmp_path):
    """On random outputs; the interpreter of the task is what `predict` asks."""
    rng = np.random.RandomState(0)
    columns = (Column(name="x", type="number"),)
    data = section("arrays", {}, kind="features", shape=(1,), columns=columns)
    names = ["one", "two", "three", "four"]
    for task in ("classification", "ordinal"):
        code = TASKS.select(task).usage_code(names, cast(Any, None))
        space: dict[str, Any] = {"np": np}
        exec(f"{code.constants}\n{code.saying}", space)
        outputs = rng.dirichlet(np.ones(4), 200).astype(np.float32)
        interpreter = TASKS.select(task).interpreter(data.signature, names, Head(4, "softmax"), 1)
        for output, answer in zip(outputs, interpreter.each(outputs), strict=True):
            assert space["say"](output) == f"{answer.name} {answer.probability:.4f}"


@pytest.mark.parametrize(
    ("names", "package"),
    [
        (sources.PICTURES, "deepcli.inputs"),
        (own_reading_code.DECODING, "deepcli.data.arrays"),
        (own_reading_code.CELLS, "deepcli.data.sources.tables"),
    ],
)
def test_modules_that_become_one_script_share_no_name(names, package):
    own = {"read", "rows", "run", "say", "padded", "FOLDER", "INPUT", "SIZE", "NOTES", "CLASSES", "LABELS", "LEVELS", "NUMBERS",
           "COLUMNS", "NAMES", "CODES", "DELIMITER", "ENCODING", "QUOTING", "CHANNELS", "RESIZE"}  # fmt: skip
    counts = Counter(own)
    for name in names:
        for node in ast.parse(files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                counts[node.name] += 1
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                counts.update(part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
    assert [name for name, count in counts.items() if count > 1] == []
