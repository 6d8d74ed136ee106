"""The type of a column follows rules that say why, and what the user says holds or is an error."""

import pytest

from deepcli.data.sources.tables.column_findings import column_findings
from deepcli.data.sources.tables.column_types import find_columns
from deepcli.data.sources.tables.table_options import Table
from deepcli.errors import DataError


@pytest.fixture
def table(tmp_path):
    def made(delimiter=",", **columns):
        values = tuple(list(map(str, each)) for each in columns.values())
        lines = list(range(2, 2 + len(values[0])))
        return Table(tmp_path / "t.csv", tuple(columns), values, lines, {"delimiter": delimiter}, [])

    return made


@pytest.fixture
def found(table):
    """Return the only column of a table, as it is found."""

    def of(values, name="x", delimiter=",", given=None):
        (column,) = find_columns(table(delimiter, **{name: values}), {name: given} if given else {})
        return column

    return of


def codes(table):
    return [
        (finding.code, finding.where.removeprefix(str(table.path)))
        for finding in column_findings(table, find_columns(table))
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["1", "2.5", "-3e5", ".5"], "all 4 values are numbers"),
        (["1", "", "NA", "2", "null", "NaN"], "all 2 values are numbers, 4 missing"),
        (["1", "?", "2", "-", "None"], "all 2 values are numbers, 3 missing ('?', '-', 'None' counts as missing)"),
        (["1999", "2004", "1999"], "all 3 values are numbers"),
        (["0", "1", "1", "0"], "all 4 values are numbers"),
        (["1", "2", "3", "4"] * 9, "all 36 values are numbers"),
    ],
)
def test_numbers_are_numbers_also_few_and_years(found, values, reason):
    column = found(values)
    assert (column.type, column.reason, column.written) == ("number", reason, "")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["01234", "98765", "01234"], "digits with leading zeros, such as '01234', are codes"),
        (["4000123412341234", "4000123412341235", "4000123412341234"], "whole numbers of more than 15 digits"),
        (["5 %", "7 %", "5 %"], "values with a percent sign, such as '5 %', are not numbers; remove the sign"),
        (["$5", "$1,200", "$5"], "values with a currency sign"),
        (["5 EUR", "7 EUR", "5 EUR"], "values with a currency sign"),
        (["1,234", "5,678", "1,234"], "commas in values such as '1,234' may be separators or decimal commas"),
        (["1_000", "2_000", "1_000"], "2 different values in 3 rows"),
        (["\u0661", "\u0662", "\u0661"], "2 different values in 3 rows"),
        (["true", "false", "true"], "2 different values in 3 rows, 1.0 words each"),
        (["yes", "no"], "2 different values in 2 rows"),
        (["?", "-", "?"], "2 different values in 3 rows"),
        (["", "NA", ""], "it has no values"),
    ],
)
def test_what_only_looks_like_numbers_is_a_category_with_the_reason(found, values, reason):
    column = found(values)
    assert column.type == "category"
    assert reason in column.reason


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["1,5", "12,25", "3"], "1.234,5"),
        (["1.234,50", "12,00"], "1.234,5"),
        (["1,234.50", "12"], "1,234.5"),
        (["1,234,567", "1,234", "12"], "1,234.5"),
        (["0,123", "0,456"], "1.234,5"),
    ],
)
def test_separators_are_read_where_they_are_clear(found, values, written):
    for delimiter in (";", "\t"):
        column = found(values, delimiter=delimiter)
        assert (column.type, column.written) == ("number", written)
    assert found(values).type == "category"
    assert found(values, given="number").written == written


def test_lists_of_labels_are_not_decimal_numbers(found):
    values = ["27", "4,27", "3", "27", "0", "4,27", "9"]
    assert found(values, delimiter="\t").type == "category"


def test_commas_that_can_be_read_in_two_ways_are_not_numbers(found):
    assert found(["1,234", "5,678"], delimiter=";").type == "category"
    assert found(["1,5", "1,234.5"], delimiter=";").type == "category"
    with pytest.raises(DataError, match=r"t\.csv:2: column 'x': '1,234' is not a number: commas .* may be"):
        found(["1,234", "5,678"], delimiter=";", given="number")


def test_thousands_in_a_file_with_semicolons_are_told(table):
    points = [f"{k}.{k}00" for k in range(1, 10)] + ["15.400"]
    assert ("ambiguous-number", ": column 'price'") in codes(table(";", price=points))
    assert ("ambiguous-number", ": column 'price'") not in codes(table(",", price=points))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["2020-01-31", "2021-12-01"], "iso"),
        (["2020-01-31 10:30:00", "2021-12-01T11:00:00Z"], "iso"),
        (["20200131T000000", "20211201T000000"], "iso"),
        (["20200131", "20210228", "20191231", "20190101", "20200229"], "iso"),
        (["1949-01", "1949-02"], "month"),
        (["2020/01/31", "2020/2/1"], "ymd"),
        (["31/01/2020", "01/02/2020"], "dmy"),
        (["31.01.2020 9:30", "01.02.2020 23:15:10"], "dmy"),
        (["01/31/2020", "02/01/2020"], "mdy"),
        (["1/31/2020 9:30 PM", "02/01/2020 12:00 AM"], "mdy"),
        (["3 Mar 2020", "14 March 2021"], "named"),
        (["March 3, 2020", "Sept 14, 2021"], "named"),
    ],
)
def test_dates_are_dates(found, values, written):
    column = found([*values, "", "?"])
    assert (column.type, column.written, column.missing) == ("date", written, 2)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["01/02/2020", "03/04/2021", "01/02/2020"], "day and month are ambiguous in every value, as in '01/02/2020'"),
        (["31/01/20", "01/02/21", "31/01/20"], "years of two digits"),
        (["31/01/2020", "01/31/2020", "31/01/2020"], "neither with the day nor with the month first"),
        (["2020-02-28", "2020-02-30", "2020-02-28"], "2 different values"),
    ],
)
def test_dates_that_are_none_or_ambiguous_are_not_read_as_dates(found, values, why):
    column = found(values)
    assert column.type == "category"
    assert why in column.reason
    with pytest.raises(DataError, match=r"t\.csv:[234]: column 'x': .* is not a date"):
        found(values, given="date")


def test_eight_digits_are_numbers_if_one_of_them_is_no_date(found):
    assert found(["20200131", "20210228", "20191231", "20190101", "20201301"]).type == "number"


def test_text_has_many_different_values_of_several_words(found):
    assert found([f"message {k} about a thing" for k in range(50)]).type == "text"
    assert found([f"message {k % 40} about something or other" for k in range(1000)]).type == "category"
    assert found([f"a long message {k % 400} about something or other" for k in range(1000)]).type == "text"
    assert found(["Home and Garden", "Toys and Games", "Books"] * 30).type == "category"
    assert found([f"これは{k}番目の文章です" for k in range(50)]).type == "text"


def test_nulls_of_typed_formats_are_missing(tmp_path):
    columns = (["1", None, "2"], ["a", None, "a"])
    found = find_columns(Table(tmp_path / "t.json", ("n", "c"), columns, [1, 2, 3], {}, []))
    assert [(column.type, column.missing) for column in found] == [("number", 1), ("category", 1)]


def test_a_text_that_says_none_is_not_missing(found):
    column = found(["None", "Mild", "Severe", "None"])
    assert (column.type, column.missing) == ("category", 0)


def test_identifiers_are_marked_and_told(table):
    rows = range(1, 31)
    values = {
        "PassengerId": rows,
        "row": range(30),
        "user_id": [7 * k + 1000 for k in rows],
        "token": [f"ab{k:x}z" for k in rows],
        "zip": [f"0{k}" for k in range(100, 130)],
        "price": [7 * k + 1000 for k in rows],
        "year": range(1990, 2020),
        "Humid": [3 * k for k in rows],
        "name": [f"Mr Smith {k}" for k in rows],
    }
    found = table(**values)
    marked = [column.name for column in find_columns(found) if column.identifier]
    assert marked == ["PassengerId", "row", "user_id", "token", "zip"]
    assert [place for code, place in codes(found) if code == "identifier"] == [f": column '{name}'" for name in marked]
    given = {"zip": "category", "PassengerId": "number"}
    assert [c.name for c in find_columns(found, given) if c.identifier] == ["row", "user_id", "token"]


def test_few_rows_say_nothing_about_identifiers(found):
    assert not found(["1", "2", "3"]).identifier
    assert not found(["a", "b", "c"]).identifier


def test_columns_that_say_nothing_or_cannot_be_used_are_told(table):
    found = table(
        same=["7"] * 20,
        gone=[""] * 20,
        half=["7"] * 10 + [""] * 10,
        mixed=[*(str(k) for k in range(19)), "abc"],
        huge=[*(["1.5", "2.5", "3.5"] * 6), "-inf", "1e999"],
        level=["None", "High", "Low", "Low"] * 5,
    )
    assert codes(found) == [
        ("constant", ": column 'same'"),
        ("empty-column", ": column 'gone'"),
        ("sparse-category", ": column 'mixed'"),
        ("mixed-column", ":21"),
        ("infinite", ":20"),
        ("none-value", ":2"),
    ]


def test_a_category_with_few_rows_for_each_value_is_told(table):
    assert codes(table(ticket=[f"t{k % 15}" for k in range(25)])) == [("sparse-category", ": column 'ticket'")]
    assert codes(table(ticket=[f"t{k % 5}" for k in range(25)])) == []


def test_nearly_all_numbers_name_the_value_that_is_none(found):
    column = found([*(["1", "2", "3", "4"] * 9), "abc"])
    assert column.type == "category"
    assert column.reason.endswith("nearly all values are numbers, but 'abc' is not (" + column.reason.split("(")[1])
    assert "t.csv:38" in column.reason


def test_pictures_are_found_beside_the_table(table, tmp_path):
    (tmp_path / "img").mkdir()
    names = [f"img/{k}.JPG" for k in range(20)]
    for name in names[:19]:
        (tmp_path / name).touch()
    (column,) = find_columns(table(file=names))
    assert (column.type, column.identifier) == ("image", False)
    assert column.reason == f"19 of 20 names of pictures in a sample were found in {tmp_path}"
    for name in names[:5]:
        (tmp_path / name).unlink()
    (column,) = find_columns(table(file=names))
    assert column.type == "category"
    assert "14 of 20 names of pictures in a sample were found" in column.reason
    with pytest.raises(DataError, match=r"t\.csv:2: column 'file': no picture 'img/0.JPG' in"):
        find_columns(table(file=names), {"file": "image"})
    with pytest.raises(DataError, match=r"t\.csv:3: column 'file': 'x.doc' does not end as a picture does"):
        find_columns(table(file=["img/7.JPG", "x.doc"]), {"file": "image"})


@pytest.mark.parametrize("wanted", ["category", "text"])
def test_numbers_are_what_the_user_says(found, wanted):
    column = found(["1", "2", ""], given=wanted)
    assert (column.type, column.reason, column.missing) == (wanted, "as the spec says, 1 missing", 1)


def test_what_the_user_says_must_hold_for_every_value(found, table):
    with pytest.raises(DataError, match=r"t\.csv:4: column 'age': 'abc' is not a number"):
        found(["1", "?", "abc", "xyz"], name="age", given="number")
    with pytest.raises(DataError, match="unknown type 'float'; write number, category"):
        found(["1"], given="float")
    with pytest.raises(DataError, match="no column 'aeg'; did you mean 'age'"):
        find_columns(table(age=["1"]), {"aeg": "number"})
