"""Tables that people have, as they were looked at by hand."""

import os
from pathlib import Path

import pytest

from deepcli.data.sources.tables.column_findings import column_findings
from deepcli.data.sources.tables.column_types import find_columns
from deepcli.data.sources.tables.table_reading import read_table
from deepcli.data.sources.tables.target_candidates import target_candidates
from deepcli.data.sources.tables.target_kinds import find_target

NUMBER, CATEGORY, TEXT = "number", "category", "text"
FILES = {
    "tabular/california_housing.csv": (20_640, ",", True, [NUMBER] * 9 + [CATEGORY]),
    "tabular/penguins.csv": (344, ",", True, [CATEGORY] * 2 + [NUMBER] * 4 + [CATEGORY]),
    "tabular/titanic.csv": (
        891,
        ",",
        True,
        [NUMBER] * 3 + [TEXT, CATEGORY] + [NUMBER] * 3 + [CATEGORY, NUMBER, CATEGORY, CATEGORY],
    ),
    "tabular/winequality-red.csv": (1_599, ",", False, [NUMBER] * 12),
    "tabular/mpg.csv": (398, ",", True, [NUMBER] * 7 + [CATEGORY, TEXT]),
    "text/sms.tsv": (5_574, "\t", False, [CATEGORY, TEXT]),
    "text/sst2_train.tsv": (6_920, "\t", False, [TEXT, NUMBER]),
    "text/sst2_dev.tsv": (872, "\t", False, [TEXT, NUMBER]),
    "text/sst2_test.tsv": (1_821, "\t", False, [TEXT, NUMBER]),
    "multilabel/goemotions_train.tsv": (43_410, "\t", False, [TEXT, CATEGORY, CATEGORY]),
    "multilabel/goemotions_dev.tsv": (5_426, "\t", False, [TEXT, CATEGORY, CATEGORY]),
    "multilabel/goemotions_test.tsv": (5_427, "\t", False, [TEXT, CATEGORY, CATEGORY]),
}
pytestmark = pytest.mark.real_data


def own(name):
    path = Path(os.environ["DEEPCLI_DATA_DIR"]) / "own" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return read_table(path)


@pytest.mark.parametrize("name", FILES)
def test_layout_and_types_are_those_that_a_person_sees(name):
    table = own(name)
    rows, delimiter, header, types = FILES[name]
    assert (table.rows, table.layout["delimiter"], table.layout["header"]) == (rows, delimiter, header)
    assert [column.type for column in find_columns(table)] == types
    assert table.findings == []


def test_missing_values_and_identifiers_are_found():
    titanic = own("tabular/titanic.csv")
    columns = {column.name: column for column in find_columns(titanic)}
    assert {name: column.missing for name, column in columns.items() if column.missing} == {
        "Age": 177,
        "Cabin": 687,
        "Embarked": 2,
    }
    assert [name for name, column in columns.items() if column.identifier] == ["PassengerId"]
    told = {(finding.code, finding.where.split("'")[1]) for finding in column_findings(titanic, list(columns.values()))}
    assert told == {("identifier", "PassengerId"), ("sparse-category", "Ticket"), ("sparse-category", "Cabin")}
    housing = find_columns(own("tabular/california_housing.csv"))
    assert housing[4].reason == "all 20,433 values are numbers, 207 missing"
    assert [column.identifier for column in find_columns(own("multilabel/goemotions_dev.tsv"))] == [False, False, True]


def test_quotes_of_messages_are_kept_and_those_of_tables_removed():
    sms = own("text/sms.tsv")
    assert (sms.layout["quoting"], sum('"' in text for text in sms.columns[1])) == ("none", 145)
    assert own("multilabel/goemotions_dev.tsv").layout["quoting"] == "minimal"
    assert own("tabular/titanic.csv").column("Name")[0] == "Braund, Mr. Owen Harris"


@pytest.mark.parametrize(
    ("name", "column", "kind", "names"),
    [
        ("tabular/penguins.csv", "species", "classes", ("Adelie", "Chinstrap", "Gentoo")),
        ("tabular/titanic.csv", "Survived", "classes", ("0", "1")),
        ("tabular/titanic.csv", "Pclass", "numbers", ("Pclass",)),
        ("tabular/mpg.csv", "mpg", "numbers", ("mpg",)),
        ("tabular/winequality-red.csv", "column_12", "numbers", ("column_12",)),
        ("tabular/california_housing.csv", "median_house_value", "numbers", ("median_house_value",)),
        ("text/sms.tsv", "column_1", "classes", ("ham", "spam")),
        ("text/sst2_dev.tsv", "column_2", "classes", ("0", "1")),
        ("multilabel/goemotions_test.tsv", "column_2", "labels", tuple(map(str, range(28)))),
    ],
)
def test_targets_are_of_the_kind_that_a_person_means(name, column, kind, names):
    found = find_target(own(name), [column])
    assert (found.kind, found.names) == (kind, names)


def test_texts_have_one_candidate_and_tables_many():
    for name in ("text/sms.tsv", "text/sst2_test.tsv", "multilabel/goemotions_dev.tsv"):
        table = own(name)
        assert len(target_candidates(table, find_columns(table))) == 1
    titanic = own("tabular/titanic.csv")
    names = [name for name, _ in target_candidates(titanic, find_columns(titanic))]
    assert names == ["Survived", "Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked"]
