"""YAML 1.2 scalars, positions, and texts that are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepcli.spec import yaml12


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("+3", 3),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("'1e-3'", "1e-3"),
        ("[1, a, {b: 2.0}]", [1, "a", {"b": 2.0}]),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text, value):
    tree = yaml12.parse(text, "x").tree
    assert tree == value
    assert type(tree) is type(value)


def test_every_key_and_value_has_its_place():
    document = yaml12.parse("data:\n  type: mnist\nmodel: {type: cnn, filters: [32, 64]}\n", "a.yaml")
    assert str(document.keys["data", "type"]) == "a.yaml:2:3"
    assert str(document.values["data", "type"]) == "a.yaml:2:9"
    assert str(document.values["model", "filters", 1]) == "a.yaml:3:34"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1", "duplicate key 'a'"),
        ("a: [1, 2\n", "2:1", "not valid YAML"),
        ("a: !!python/object:os.system x\n", "1:4", "is not allowed"),
        ("a: !!binary aGk=\n", "1:4", "is not allowed"),
        ("a: 1\n---\nb: 2\n", "2:1", "not valid YAML"),
        ("? [a]\n: 1\n", "1:3", "plain word"),
        ("a: &x [*x]\n", "1:4", "deeper"),
        ("[" * 2000, "", "deeper"),
        ("[" * 5_001, "", "more than 5000 brackets"),
        ("a: " + "{b: " * 40 + "1" + "}" * 40, "1:", "deeper"),
        ("a: " + "1" * 5000, "1:4", "40 characters"),
    ],
)
def test_what_no_spec_needs_is_refused_with_its_place(text, where, message):
    with pytest.raises(yaml12.YamlError, match=message) as error:
        yaml12.parse(text, "x")
    assert str(error.value.mark).startswith(f"x:{where}" if where else "x")


def test_an_alias_bomb_is_refused_before_it_goes_off():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(yaml12.YamlError, match="aliases"):
        yaml12.parse("\n".join(lines), "x")


SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20)
FLOATS = st.floats(allow_nan=False)
TREES = st.recursive(
    SCALARS | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), TREES, max_size=5))
def test_what_is_dumped_reads_back_as_it_was(tree):
    again = yaml12.parse(yaml12.dump(tree), "x").tree
    assert again == tree


@pytest.mark.parametrize("word", ["1e-3", "017", "null", "true", "0x1F", ".5", "no", "~", "", "- a", "a: b"])
def test_words_that_look_like_something_else_stay_words(word):
    assert yaml12.parse(yaml12.dump({"a": word}), "x").tree == {"a": word}
