"""A target is classes, labels, numbers or levels by rules that say why, or as the task says."""

import pytest

from deepcli.data.sources.tables.column_types import find_columns
from deepcli.data.sources.tables.label_lists import find_lists
from deepcli.data.sources.tables.table_options import Table
from deepcli.data.sources.tables.target_candidates import target_candidates
from deepcli.data.sources.tables.target_kinds import find_target
from deepcli.data.sources.tables.target_reading import read_target
from deepcli.errors import DataError


@pytest.fixture
def table(tmp_path):
    def made(**columns):
        values = tuple([None if each is None else str(each) for each in column] for column in columns.values())
        lines = list(range(2, 2 + len(values[0])))
        return Table(tmp_path / "t.csv", tuple(columns), values, lines, {"delimiter": "\t"}, [])

    return made


@pytest.mark.parametrize(
    ("values", "names", "y"),
    [
        (["spam", "ham", "ham", "Égal"] * 2, ("ham", "spam", "Égal"), [1, 0, 0, 2] * 2),
        ([10, 9, 9, 10], ("9", "10"), [1, 0, 0, 1]),
        (["1.0", "0", "1", "0.0"], ("0", "1"), [1, 0, 1, 0]),
        ([0, 2, 1, 1], ("0", "1", "2"), [0, 2, 1, 1]),
        (["-1", "1", "1"], ("-1", "1"), [0, 1, 1]),
        (["yes", "no", "yes"], ("no", "yes"), [1, 0, 1]),
        (["None", "Mild", "None"], ("Mild", "None"), [1, 0, 1]),
        (list(range(20)) * 2, tuple(map(str, range(20))), list(range(20)) * 2),
    ],
)
def test_words_and_codes_from_zero_are_classes(table, values, names, y):
    found = find_target(table(x=values), ["x"])
    assert (found.kind, found.names, found.y, found.findings) == ("classes", names, y, [])
    assert found.rows == list(range(len(values)))


@pytest.mark.parametrize("values", [[3, 4, 5, 8], [1, 2, 3, 3], [0.5, 1, 1.5], list(range(21)) * 2])
def test_other_numbers_are_numbers(table, values):
    found = find_target(table(x=values), ["x"])
    assert (found.kind, found.names, found.y) == ("numbers", ("x",), [(float(value),) for value in values])
    assert "for classes, write task: classification" in found.reason


@pytest.mark.parametrize(
    ("values", "names", "y"),
    [
        (["27", "4,27", "4", "3", "27,3"] * 5, ("3", "4", "27"), [(2,), (1, 2), (1,), (0,), (0, 2)] * 5),
        (["b;a", "a", "b", "a; b ;"] * 5, ("a", "b"), [(0, 1), (0,), (1,), (0, 1)] * 5),
        (
            ["Drama|War", "War", "Drama", "Drama|Zen", "Zen"] * 9,
            ("Drama", "War", "Zen"),
            [(0, 1), (1,), (0,), (0, 2), (2,)] * 9,
        ),
        (['["b", "a"]', "[]", '["a"]'], ("a", "b"), [(0, 1), (), (0,)]),
        (["['it\\'s', 'a']", "['a']"], ("a", "it's"), [(0, 1), (0,)]),
    ],
)
def test_lists_are_labels(table, values, names, y):
    found = find_target(table(x=values), ["x"])
    assert (found.kind, found.names, found.y) == ("labels", names, y)
    again = read_target(table(x=[values[1], values[0]]), found.target)
    assert again.y == [y[1], y[0]]


@pytest.mark.parametrize(
    "values",
    [
        ["Paris, France", "Lyon, France", "Rome, Italy"] * 9,
        ["Braund, Mr. Owen", "Allen, Miss"] * 9,
        ["a;b", "c;d", "e;f"] * 9,
        ["[draft]", "[final]", "[draft]"],
    ],
)
def test_names_with_commas_are_classes(table, values):
    assert find_target(table(x=values), ["x"]).kind == "classes"


def test_names_that_recur_a_little_are_not_labels():
    names = {f"{last}, {first}": 1 for last in ("Lee", "Ray") for first in ("Ann", "Bob", "Eve")}
    assert find_lists(names) is None
    assert find_lists(dict.fromkeys(names, 9)) == ","
    assert find_lists(names, demanded=True) == ","


def test_nothing_in_a_list_is_run(table, tmp_path):
    evil = f"[__import__('pathlib').Path({str(tmp_path / 'made')!r}).touch()]"
    assert find_target(table(x=[evil, "a", evil, "a"]), ["x"]).kind == "classes"
    assert not (tmp_path / "made").exists()


def test_columns_of_0_and_1_together_are_labels(table):
    found = find_target(
        table(a=[0, 1, 1, ""], b=["1", "0", "1", "0"], c=["false", "true", "no", "yes"]), ["b", "a", "c"]
    )
    assert (found.kind, found.names, found.y, found.rows) == (
        "labels",
        ("b", "a", "c"),
        [(0,), (1, 2), (0, 1)],
        [0, 1, 2],
    )


def test_columns_of_numbers_together_are_numbers(table):
    data = table(a=["0,5", "1,5", "2,5"], b=[1, 2, 3])
    found = find_target(data, ["a", "b"])
    assert (found.kind, found.y) == ("numbers", [(0.5, 1.0), (1.5, 2.0), (2.5, 3.0)])
    assert read_target(data, found.target).y == found.y


def test_the_task_decides(table):
    data = table(q=[3, 4, 5, 8, 5], two=[0, 1, 1, 0, 1], other=[1, 1, 0, 0, 1], word=["a", "b", "a", "b", "a"])
    classes = find_target(data, ["q"], "classes")
    assert (classes.kind, classes.names, classes.y) == ("classes", ("3", "4", "5", "8"), [0, 1, 2, 3, 2])
    levels = find_target(data, ["q"], "levels")
    assert (levels.kind, levels.names, levels.y) == ("levels", ("3", "4", "5", "8"), [0, 1, 2, 3, 2])
    assert find_target(data, ["two"], "numbers").y == [(0.0,), (1.0,), (1.0,), (0.0,), (1.0,)]
    assert find_target(data, ["two", "other"], "numbers").kind == "numbers"
    assert find_target(table(x=["4,27", "27"]), ["x"], "labels").y == [(0, 1), (1,)]


def test_levels_in_words_need_their_numbers(table):
    found = find_target(table(x=["10 stars", "2 stars", "10 stars"]), ["x"], "levels")
    assert (found.names, found.y) == (("2 stars", "10 stars"), [1, 0, 1])
    with pytest.raises(DataError, match="the order of the levels 'high', 'low', 'medium' is not known"):
        find_target(table(x=["low", "high", "medium", "low"]), ["x"], "levels")


@pytest.mark.parametrize(
    ("columns", "names", "task", "message"),
    [
        ({"x": ["1", "abc", "2"]}, ["x"], "numbers", r"t\.csv:3: column 'x': 'abc' is not a number"),
        ({"x": ["a", "b", "a"]}, ["x"], "labels", "holds no lists of labels"),
        ({"x": ["a", "b"], "y": ["1", "0"]}, ["x", "y"], "labels", r"t\.csv:2: column 'x': 'a' is neither 0 nor 1"),
        ({"x": [1, 0], "y": [1, 0]}, ["x", "y"], "classes", "classes and levels are in one column; name one"),
        ({"x": ["a", "a", "a"]}, ["x"], None, "one value, 'a'"),
        ({"x": [5, 5, 5]}, ["x"], None, "'x' is 5 in every row"),
        ({"x": [5, 5], "y": [1, 2]}, ["x", "y"], "numbers", "'x' is 5 in every row"),
        ({"x": ["", "NA"]}, ["x"], None, "target 'x' has no values"),
        ({"x": [1, 2]}, ["z"], None, "no column 'z'; its columns are 'x'"),
        ({"x": [1, 2]}, ["x", "x"], None, "named twice"),
        ({"x": [1, 2]}, [], None, "no column"),
        ({"x": [f"a{k}" for k in range(9)]}, ["x"], None, "9 different values in 9 rows: they are not classes"),
        ({"x": [k / 7 for k in range(50)]}, ["x"], "classes", "50 different values in 50 rows"),
        ({"x": ["2020-01-01", "2020-01-02"]}, ["x"], None, "a column of type date"),
        ({"x": [1.5, "inf", 2.5]}, ["x"], None, r"t\.csv:3: column 'x': 'inf' is not a number that can be predicted"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(table, columns, names, task, message):
    with pytest.raises(DataError, match=message):
        find_target(table(**columns), names, task)


@pytest.mark.parametrize("values", [["a", "", "b", None, "NA", "b"], [1.5, "", 2.5, None, "?", 7]])
def test_rows_without_a_target_are_left_out_and_counted(table, values):
    found = find_target(table(x=values), ["x"])
    assert (found.rows, len(found.y)) == ([0, 2, 5], 3)
    (finding,) = found.findings
    assert (finding.code, finding.where[-2:], finding.text) == (
        "missing-target",
        ":3",
        "3 rows have no target; left out",
    )


def test_another_table_is_read_with_the_same_codes(table):
    target = find_target(table(x=["b", "c", "a", "b"]), ["x"]).target
    assert read_target(table(x=["c", "c"]), target, partly=True).y == [2, 2]
    with pytest.raises(
        DataError, match=r"t\.csv:3: column 'x': 'd' is not a class of the training data, which has 'a'"
    ):
        read_target(table(x=["a", "d"]), target)
    codes = find_target(table(x=["0", "1"]), ["x"]).target
    assert read_target(table(x=["1.0", "0.0"]), codes).y == [1, 0]


def test_candidates_are_what_could_be_predicted(table):
    rows = range(40)
    data = table(
        id=range(1, 41),
        text=[f"a message {k} in some words" for k in rows],
        kind=["a", "b"] * 20,
        amount=[k / 7 for k in rows],
        code=[0, 1, 2, 3] * 10,
        same=[1] * 40,
        day=[f"2020-01-{k % 28 + 1:02d}" for k in rows],
        tags=["x", "x;y", "y", "z;x"] * 10,
        ticket=[f"t{k % 30}" for k in rows],
    )
    assert target_candidates(data, find_columns(data)) == [
        ("kind", "2 classes"),
        ("amount", "40 different numbers"),
        ("code", "4 classes"),
        ("tags", "lists of 3 labels"),
    ]
