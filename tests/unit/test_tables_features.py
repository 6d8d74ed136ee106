"""Columns become float32 arrays as models read them, with statistics of the training values."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from deepcli.data.arrays.encoded_tables import encode_features, fitted
from deepcli.data.arrays.own_splits import encode_targets
from deepcli.data.schema import Column, Target
from deepcli.errors import DataError


def where(row):
    return f"t.csv:{row + 2}"


def f32(values):
    return np.array(values, np.float32)


def encoded(column, values):
    return encode_features([column], [values], where)[:, 0]


def test_numbers_are_as_they_are_and_missing_ones_nan():
    found = encoded(Column(name="x", type="number"), ["1.5", "", None, "-3e5", "?", "NA", "None", "007.25"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, f32([1.5, np.nan, np.nan, -3e5, np.nan, np.nan, np.nan, 7.25]))


def test_separators_are_read_as_the_column_says():
    comma = Column(name="x", type="number", written="1.234,5")
    np.testing.assert_array_equal(encoded(comma, ["1.234,5", "2,25", "7", ""]), f32([1234.5, 2.25, 7, np.nan]))
    thousands = Column(name="x", type="number", written="1,234.5")
    np.testing.assert_array_equal(encoded(thousands, ["1,234.5", "2,250", "7"]), f32([1234.5, 2250, 7]))
    with pytest.raises(DataError, match=r"t\.csv:3: column 'x': '1.5' is not a number \(written as 1.234,5\)"):
        encoded(comma, ["1,5", "1.5"])


@pytest.mark.parametrize("value", ["abc", "1_000", "\u0661", "1,5"])
def test_what_is_not_a_number_is_named_by_its_line(value):
    with pytest.raises(DataError, match=rf"t\.csv:3: column 'age': '{value}' is not a number"):
        encoded(Column(name="age", type="number"), ["1", value])


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e39", "1e999"])
def test_numbers_that_are_infinite_in_a_model_are_refused(value):
    with pytest.raises(DataError, match=rf"t\.csv:3: column 'age': '{value}' is not a number that can be used"):
        encoded(Column(name="age", type="number"), ["1", value])


@pytest.mark.parametrize(
    ("written", "value", "day"),
    [
        ("iso", "2020-02-29", date(2020, 2, 29)),
        ("iso", "19600101", date(1960, 1, 1)),
        ("month", "1949-03", date(1949, 3, 1)),
        ("ymd", "2020/2/1", date(2020, 2, 1)),
        ("dmy", "03/04/2020", date(2020, 4, 3)),
        ("mdy", "03/04/2020", date(2020, 3, 4)),
        ("named", "4 Mar 2020", date(2020, 3, 4)),
        ("named", "December 31, 1999", date(1999, 12, 31)),
    ],
)
def test_dates_are_days_since_1970(written, value, day):
    column = Column(name="x", type="date", written=written)
    expected = np.datetime64(day, "D").astype(np.int64)
    np.testing.assert_array_equal(encoded(column, [value, "", value]), f32([expected, np.nan, expected]))


def test_times_are_parts_of_days():
    column = Column(name="x", type="date", written="iso")
    values = ["1970-01-02T06:00:00", "1970-01-01 12:00", "1970-01-01T00:00:00+06:00"]
    np.testing.assert_array_equal(encoded(column, values), f32([1.25, 0.5, -0.25]))
    column = Column(name="x", type="date", written="mdy")
    clock = ["1/2/1970 6:00 PM", "1/2/1970 12:00 AM", "1/2/1970 9:30"]
    np.testing.assert_allclose(encoded(column, clock), [1.75, 1.0, 1 + 9.5 / 24])


def test_a_date_that_is_none_is_named_by_its_line():
    with pytest.raises(DataError, match=r"t\.csv:2: column 'x': '2020-02-30' is not a date \(written as iso\)"):
        encoded(Column(name="x", type="date", written="iso"), ["2020-02-30"])


def test_categories_are_codes_and_0_is_missing_or_unknown():
    column = fitted(Column(name="x", type="category"), ["b", "a", "", "b", "Z", None, "None"])
    assert (column.categories, column.missing) == (("None", "Z", "a", "b"), 2)
    assert column.frequencies == (1, 1, 1, 2)
    np.testing.assert_array_equal(encoded(column, ["b", "Z", "new", "", None, "None"]), f32([4, 2, 0, 0, 0, 1]))


def test_statistics_are_of_the_values_that_are_there():
    values = ["1", "2", "", "4", "9.5"]
    column = fitted(Column(name="x", type="number", missing=77), values)
    numbers = np.array([1, 2, 4, 9.5])
    assert column.missing == 1
    assert column.mean == pytest.approx(numbers.sum() / 4, abs=1e-15)
    assert column.scale == pytest.approx((((numbers - numbers.sum() / 4) ** 2).sum() / 4) ** 0.5, abs=1e-15)


def test_statistics_of_large_numbers_keep_their_digits():
    values = [str(1_600_000_000 + k) for k in range(3)]
    column = fitted(Column(name="x", type="number"), values)
    assert (column.mean, column.scale) == (1_600_000_001.0, pytest.approx((2 / 3) ** 0.5))


@pytest.mark.parametrize("values", [["0.1"] * 7, ["", None], ["5"]])
def test_what_does_not_vary_has_a_scale_of_1(values):
    assert fitted(Column(name="x", type="number"), values).scale == 1.0


def test_dates_have_statistics_too():
    column = fitted(Column(name="x", type="date", written="iso"), ["1970-01-02", "1970-01-04"])
    assert (column.mean, column.scale) == (2.0, 1.0)


def test_columns_stand_side_by_side():
    columns = [Column(name="n", type="number"), fitted(Column(name="c", type="category"), ["u", "v"])]
    np.testing.assert_array_equal(encode_features(columns, [["1", "2"], ["v", "w"]], where), f32([[1, 2], [2, 0]]))
    assert encode_features([], [], where).shape == (0, 0)
    with pytest.raises(DataError, match="column 't' is of type text"):
        encode_features([Column(name="t", type="text")], [["a b"]], where)


@pytest.mark.parametrize(
    ("kind", "names", "y", "expected"),
    [
        ("classes", ("a", "b", "c"), [2, 0], np.array([2, 0], np.int32)),
        ("levels", ("1", "2"), [1, 0, 1], np.array([1, 0, 1], np.int32)),
        ("labels", ("a", "b", "c"), [(0, 2), (), (1,)], np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], np.uint8)),
        ("numbers", ("n",), [(1.5,), (2.0,)], np.array([[1.5], [2]], np.float32)),
        ("numbers", ("n", "m"), [(1.5, 2.0)], np.array([[1.5, 2]], np.float32)),
    ],
)
def test_targets_are_arrays_as_tasks_take_them(kind, names, y, expected):
    found = encode_targets(Target(kind=kind, names=names), y)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(found, expected)


def test_reading_tables_imports_no_numpy():
    folder = Path(__file__).parent.parent.parent / "deepcli" / "data" / "sources" / "tables"
    modules = sorted(folder.glob("*.py"))
    assert modules
    assert not [path.name for path in modules if "import numpy" in path.read_text(encoding="utf-8")]
