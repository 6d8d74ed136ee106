"""Specs that nobody would write: each is an experiment or an error that says what is wrong, and never takes a second."""

import contextlib
import copy
import os
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deepcli.catalog.components import KINDS
from deepcli.errors import DeepcliError
from deepcli.experiment import load as loading
from deepcli.experiment import messages
from deepcli.experiment.expected import EXPECTED, expected
from deepcli.experiment.schema import Experiment
from deepcli.spec import yaml12

from ..yardstick import in_time

FULL = os.environ.get("DEEPCLI_TORTURE") == "1"
SECONDS = 1.0
"""What none may take, in seconds of the processor of a fast machine; see `yardstick.py`."""
CONFIGS = sorted((Path(__file__).parent.parent.parent / "configs").rglob("*.yaml"))
VALID = [yaml.load(path.read_text(encoding="utf-8"), yaml12._Loader) for path in CONFIGS]

CLASSES = [cls for registry in KINDS.values() for cls in registry._classes.values()]
TYPES = sorted({name for registry in KINDS.values() for name in registry})
FIELDS = sorted({field for cls in CLASSES for field in cls.model_fields})
SECTIONS = sorted(Experiment.model_fields)

NUMBERS = st.integers(-3, 300) | st.integers() | st.floats() | st.sampled_from([10**39, -(10**39), 1e308, -0.0, 2**63])
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", "auto", "null", "1e-3", "\ud800", "a\0b", "\ufeff", "\u2028", "gpu:1", "~", "nan"]
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(TYPES) | st.sampled_from(FIELDS)
KEYS = st.sampled_from(FIELDS) | st.just("type") | TEXTS | NUMBERS | st.none() | st.booleans()
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)
COMPONENTS = st.sampled_from([cls for cls in CLASSES if "type" in cls.model_fields]).flatmap(
    lambda cls: st.dictionaries(st.sampled_from(sorted(cls.model_fields)), NUMBERS | SCALARS | TREES, max_size=4).map(
        lambda fields: {**fields, "type": cls.model_fields["type"].default}
    )
)
SPECS = st.fixed_dictionaries(
    {"data": st.sampled_from(["digits", "imdb"]) | COMPONENTS | TREES, "model": COMPONENTS | TREES},
    optional={section: COMPONENTS | TREES for section in SECTIONS if section not in ("data", "model")},
)
MARKUP = [
    *"[]{}?:-,&*!|>'\"%@`#<~= \t\n\r\\\0\ufeff\u2028\x85",
    "- ", "? ", ": ", "&a ", "*a", "!!python/object:os.system ", "!!binary ", "<<: ", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! a\n",
    "a", "0", "1e999999", ".nan", "9" * 50, "0x", "\n ", "\n  ", "|2\n", ">-\n", "\\u", "\\ud800", "data", "model: ", "type: ",
]  # fmt: skip

TALLY: Counter[str] = Counter()
SLOWEST = [0.0]


@pytest.fixture(autouse=True)
def tally(request, counted):
    """Say at the end of each test what it tried."""
    TALLY.clear()
    SLOWEST[0] = 0.0
    yield
    if TALLY.total() > 1:
        counted(
            f"{request.node.name}: {TALLY.total()} specs: {TALLY['valid']} valid, {TALLY['refused']} refused, slowest "
            f"{SLOWEST[0]:.2f} s"
        )


@pytest.fixture(autouse=True)
def worded(monkeypatch):
    """Fail where a value is refused in pydantic's words, because its type of error is not in our table."""

    def ours(item, section):
        assert item["type"] in EXPECTED, f"{item['type']}: {item['msg']}"
        return expected(item, section)

    monkeypatch.setattr(messages, "expected", ours)


def tried(full, quick):
    return settings(
        max_examples=full if FULL else quick,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def judge(load, *arguments):
    """Load; return whether the spec is valid, and fail where it is neither that nor a clear error."""
    since = time.process_time()
    try:
        experiment = load(*arguments)
    except DeepcliError as error:
        outcome = "refused"
        assert str(error)
        assert len(str(error)) < 500_000
    else:
        outcome = "valid"
        assert isinstance(experiment, Experiment)
    seconds = time.process_time() - since
    TALLY[outcome] += 1
    SLOWEST[0] = max(SLOWEST[0], seconds)
    assert in_time(seconds, SECONDS)
    return outcome


def from_text(text):
    return loading.validate(loading.parse(text, "spec.yaml"))


def from_words(words):
    return loading.load([CONFIGS[0]], words).experiment


def written(tree):
    return yaml.dump(tree, Dumper=yaml12._Dumper, sort_keys=False, allow_unicode=False)


@tried(3000, 80)
@given(SPECS | TREES)
@example({"data": "digits", "model": "mlp", "\ud800": 1})
@example({"data": "digits", "model": {"type": "mlp", 1: 2, None: 3, 1.5: 4, False: 5, float("nan"): 6}})
@example({"data": "digits", "model": "mlp", "name": "\ud800"})
@example({"data": "digits", "model": "mlp", "training": {"precision": "\ud800"}})
@example({"data": {"type": "digits", "path": "a\0b"}, "model": "mlp"})
def test_any_tree(tree):
    judge(from_text, written(tree))


def places(tree, path=()):
    yield path
    if isinstance(tree, dict | list):
        for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(inner, (*path, key))


@st.composite
def edited(draw):
    """Change a spec that ships with deepcli in one to three places."""
    tree = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in places(tree) if place] or [("data",)]))
        with contextlib.suppress(KeyError, IndexError, TypeError):
            above = tree
            for key in path[:-1]:
                above = above[key]
            match draw(st.sampled_from(["number", "replace", "remove", "add", "wrap", "rename"])):
                case "number":
                    above[path[-1]] = draw(NUMBERS)
                case "replace":
                    above[path[-1]] = draw(TREES | COMPONENTS)
                case "remove":
                    del above[path[-1]]
                case "add":
                    above[draw(KEYS)] = draw(TREES)
                case "wrap":
                    above[path[-1]] = [above[path[-1]]] * draw(st.integers(0, 3))
                case "rename":
                    above[draw(KEYS)] = above.pop(path[-1])
    return tree


@tried(2500, 100)
@given(edited())
def test_edits_of_valid_specs(tree):
    judge(from_text, written(tree))


@st.composite
def scrambled(draw):
    """Cut, double or sprinkle the text of a spec that ships with deepcli."""
    text = draw(st.sampled_from(CONFIGS)).read_text(encoding="utf-8")
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(st.just("") | st.sampled_from(MARKUP) | st.just(text[start:end] * 2)) + text[end:]
    return text


@tried(1500, 60)
@given(scrambled())
def test_scrambled_texts(text):
    judge(from_text, text)


@tried(1500, 60)
@given(
    st.binary(max_size=300) | st.lists(st.sampled_from(MARKUP), max_size=60).map(lambda parts: "".join(parts).encode())
)
@example(b"\xff\xfed\0a\0t\0a\0")
@example(b"\xef\xbb\xbfdata: digits\nmodel: mlp\n")
@example(b'data: digits\nmodel: mlp\nname: "\\ud800"\n')
@example(b"data: digits\nmodel: mlp\n? !!python/object/apply:os.system [id]\n: 1\n")
def test_any_bytes(content):
    path = Path("spec.yaml")
    path.write_bytes(content)
    judge(lambda: loading.validate(loading.read(path)))


NAMES = st.lists(st.sampled_from([*SECTIONS, *FIELDS, "0", "1", "a"]), min_size=1, max_size=4).map(".".join)
VALUES = TREES.map(lambda tree: yaml.dump(tree, Dumper=yaml12._Dumper, default_flow_style=True, allow_unicode=False))
WORDS = st.builds("{}={}".format, NAMES, VALUES | TEXTS | st.lists(st.sampled_from(MARKUP), max_size=8).map("".join))


@tried(1500, 60)
@given(st.lists(WORDS | TEXTS, max_size=4))
@example(["a." + "1" * 5000 + "=1"])
@example([".".join(["a"] * 30_000) + "=1"])
@example(["model=" + "[" * 60_000])
@example(["model.layers.0=dense"])
@example(["data\udcff=1", "data=\udcff", "=", "."])
def test_any_override_words(words):
    judge(from_words, words)


@tried(500, 25)
@given(
    st.sampled_from(["", "[", "{", "data: ", "data: digits\nmodel: {", "a: |\n ", '"', "'", "- ", "a: b"]),
    st.lists(st.sampled_from(MARKUP), min_size=1, max_size=5).map("".join),
)
def test_anything_over_and_over(begin, unit):
    judge(
        from_text, (begin + unit * (yaml12.MAX_BYTES // len(unit.encode("utf-8", "replace")) + 1))[: yaml12.MAX_BYTES]
    )


SIZE = yaml12.MAX_BYTES - 200
LONG = {
    "brackets": "[" * SIZE,
    "braces": "{" * SIZE,
    "question marks": "[" + "?," * (SIZE // 2),
    "colons": "{" + "a: b," * (SIZE // 5),
    "quotes": "[" + '"",' * (SIZE // 3),
    "one quote": '"' + "\n" * SIZE,
    "a plain scalar of many lines": "a: " + "b\n " * (SIZE // 3),
    "keys": "".join(f"k{index}:\n" for index in range(SIZE // 7)),
    "anchors": "".join(f"- &a{index} x\n" for index in range(SIZE // 11)),
    "indentation": "".join(" " * depth + "a:\n" for depth in range(int((2 * SIZE) ** 0.5))),
    "tags": "- !a b\n" * (SIZE // 7),
    "directives": "".join(f"%TAG !{index}! a\n" for index in range(SIZE // 15)) + "--- a",
    "merge keys": "<<: {a: 1}\n" * (SIZE // 11),
    "digits": "a: " + "1" * SIZE,
    "hexadecimal": "a: 0x" + "f" * SIZE,
    "an exponent": "a: 1e" + "9" * SIZE,
    "a fraction": "a: 0." + "1" * SIZE,
    "blanks": "a:" + " " * SIZE + "b",
    "unknown fields": "data: digits\nmodel: {type: cnn, " + "".join(f"filter{i}: 1," for i in range(4000)) + "}",
    "unknown sections": "data: digits\nmodel: cnn\n" + "".join(f"metrisc{i}: 1\n" for i in range(4000)),
    "unknown types": "data: digits\nmodel: {type: sequential, layers: [" + "{type: densee}," * 2400 + "]}",
    "wrong values": "data: digits\nmodel: {type: sequential, layers: [" + "{type: dense, units: 0}," * 1600 + "]}",
    "metrics": "data: digits\nmodel: cnn\nmetrics: [" + "f1," * 4900 + "]",
    "class weights": "data: digits\nmodel: cnn\ntraining: {class_weight: {" + "".join(f"{i}: 1," for i in range(4900)) + "}}",
}  # fmt: skip


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_the_longest_texts_take_no_second(text):
    assert judge(from_text, text[: yaml12.MAX_BYTES]) == "refused"


@pytest.mark.parametrize("values", ["1", "{a: 1}", "[1]"])
def test_long_files_laid_over_one_another_take_no_second(values):
    files = []
    for number in range(3):
        files.append(Path(f"{number}.yaml"))
        text = "".join(f"k{index}: {values}\n" for index in range(2400))
        files[-1].write_text(text)
    since = time.process_time()
    with pytest.raises(DeepcliError, match=r"and at \d+ more places"):
        loading.load(files)
    assert in_time(time.process_time() - since, 3 * SECONDS)
