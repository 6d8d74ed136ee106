"""YAML 1.2 scalars, positions, and texts that are refused."""

import re

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


def test_merge_keys_merge_mappings_and_every_value_keeps_its_place():
    text = "a: &a {x: 1, y: {z: 2}}\nb: &b {x: 3, w: 4}\nc:\n  <<: [*a, *b]\n  y: 5\nd: {<<: *b}\n"
    document = yaml12.parse(text, "f")
    assert document.tree["c"] == {"x": 1, "w": 4, "y": 5}
    assert document.tree["d"] == {"x": 3, "w": 4}
    marks = {key: str(document.values["c", key]) for key in "xwy"}
    assert marks == {"x": "f:1:11", "w": "f:2:17", "y": "f:5:6"}
    assert str(document.keys["d", "w"]) == "f:2:14"
    assert ("c", "y", "z") not in document.values


def test_a_merge_key_in_quotes_is_a_key():
    assert yaml12.parse("a: &a {x: 1}\nb: {'<<': *a}\n", "f").tree["b"] == {"<<": {"x": 1}}
    assert yaml12.parse(yaml12.dump({"<<": {"x": 1}}), "f").tree == {"<<": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a: {<<: 3}\n", "1:9", "`<<` should be a mapping such as *base"),
        ("a: {<<: [3]}\n", "1:10", "`<<` should be a mapping such as *base"),
        ("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n", "2:13", "duplicate key '<<'"),
        ("a: &a {x: 1, x: 2}\nb: {<<: *a}\n", "1:14", "duplicate key 'x'"),
        ("a: &a {<<: *a}\n", "1:4", "deeper"),
        ("a: &a {<<: [*a, *a]}\n", "1:4", "deeper"),
        ("a: &a {b: {<<: *a}}\n", "1:", "deeper"),
    ],
)
def test_a_merge_key_that_makes_no_sense_is_refused_with_its_place(text, where, message):
    with pytest.raises(yaml12.YamlError, match=re.escape(message)) as error:
        yaml12.parse(text, "x")
    assert str(error.value.mark).startswith(f"x:{where}")


def test_a_bomb_of_merge_keys_is_refused_before_it_goes_off():
    lines = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 30))]
    with pytest.raises(yaml12.YamlError, match="aliases"):
        yaml12.parse("\n".join(lines), "x")
    many = ", ".join(f"k{i}: 1" for i in range(200))
    with pytest.raises(yaml12.YamlError, match="aliases"):
        yaml12.parse(f"a: &a {{{many}}}\nb: {{<<: [{', '.join(['*a'] * 60)}]}}\n", "x")
    text = f"a: &a {{{many}}}\n" + "".join(f"b{i}: {{<<: *a}}\n" for i in range(60))
    with pytest.raises(yaml12.YamlError, match="aliases"):
        yaml12.parse(text, "x")


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
