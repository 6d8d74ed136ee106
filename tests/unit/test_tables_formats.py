"""JSON, JSON lines, Parquet and Excel give the same kind of table as delimited text."""

import datetime
import gzip
import json
import sys
import types
import zipfile
from typing import Any

import pytest

from deepcli.data.sources.tables.table_options import TableOptions
from deepcli.data.sources.tables.table_reading import read_table
from deepcli.errors import DataError, UsageError

RECORDS = [{"n": 1.50, "word": " x ", "ok": True, "tags": ["a", "b"]}, {"n": None, "word": "y", "extra": "é"}]


@pytest.fixture
def write(tmp_path):
    def written(content, name):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.fixture
def packages(monkeypatch):
    """Put modules in the place of packages that are not installed."""

    def placed(**modules):
        monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: object())
        for name, content in modules.items():
            monkeypatch.setitem(sys.modules, name.replace("_", "."), content)

    return placed


@pytest.mark.parametrize("name", ["t.json", "t.jsonl", "t.ndjson", "t.csv", "t.jsonl.gz"])
def test_json_is_read_by_its_content(write, name):
    is_lines = "json" in name and name != "t.json"
    text = "\n".join(map(json.dumps, RECORDS)) + "\n" if is_lines else json.dumps(RECORDS, indent=2)
    table = read_table(write(gzip.compress(text.encode()) if name.endswith("gz") else text, name))
    assert table.names == ("n", "word", "ok", "tags", "extra")
    assert table.columns == (["1.5", None], ["x", "y"], ["true", None], ['["a", "b"]', None], [None, "é"])
    assert table.layout["format"] == ("jsonl" if is_lines else "json")
    assert table.lines == [1, 2]


def test_numbers_stay_as_they_are_written(write):
    table = read_table(write('{"zip": "01234", "n": 1.50, "big": 12345678901234567890}\n\n{"n": 1e5}\n', "t.jsonl"))
    assert table.columns == (["01234", None], ["1.50", "1e5"], ["12345678901234567890", None])
    assert table.lines == [1, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": {"b": 1}}\n', r"t\.jsonl:1: column 'a': holds an object; .*flatten"),
        ('{"a": [[1]]}\n', r"column 'a': holds a nested list"),
        ('{"a": 1, "b": 2, "a": 3}\n', r":1: column named twice in one record: 'a'"),
        ("[1, 2]\n", "record 1 is not an object"),
        ("[]", "empty list"),
        ('[{"a": 1},\n {"a": }]', r"t\.jsonl:2:8: is not valid JSON"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": 1}\nnonsense\n', r"t\.jsonl:2: 1 of 2 rows cannot be read: line 2 is not valid JSON"),
        ('{"": 1}\n', "column 1 has no name"),
    ],
)
def test_json_that_is_no_table_is_refused_with_its_place(write, text, message):
    with pytest.raises(DataError, match=message):
        read_table(write(text, "t.jsonl"))


def test_a_bad_line_of_json_is_left_out(write):
    lines = [f'{{"a": {k}}}' for k in range(50)]
    lines[7] = '{"a": 1'
    table = read_table(write("\n".join(lines), "t.jsonl"))
    assert (table.rows, [finding.where for finding in table.findings]) == (49, [f"{table.path}:8"])


def parquet(columns, error=None):
    def read(path):
        if error:
            raise error
        values = [types.SimpleNamespace(to_pylist=lambda each=each: each) for each in columns.values()]
        return types.SimpleNamespace(column_names=list(columns), column=lambda k: values[k])

    found: Any = types.ModuleType("pyarrow.parquet")
    found.read_table = read
    package: Any = types.ModuleType("pyarrow")
    package.parquet = found
    return {"pyarrow": package, "pyarrow_parquet": found}


def test_parquet_is_read_as_text(write, packages):
    day = datetime.date(2020, 2, 1)
    columns = {"n": [1.5, None], "k": [7, 8], "ok": [True, False], "day": [day, day], "tags": [["a"], []]}
    packages(**parquet(columns))
    table = read_table(write(b"PAR1....", "t.csv"))
    assert table.names == tuple(columns)
    days = ["2020-02-01"] * 2
    assert table.columns == (["1.5", None], ["7", "8"], ["true", "false"], days, ['["a"]', "[]"])
    assert table.layout == {"format": "parquet", "packed": ""}


def test_parquet_that_cannot_be_used_is_refused(write, packages):
    path = write(b"PAR1....", "t.parquet")
    packages(**parquet({"image": [{"bytes": b"x"}]}))
    with pytest.raises(DataError, match=r"t\.parquet:1: column 'image': holds an object"):
        read_table(path)
    packages(**parquet({}, OSError("Thrift")))
    with pytest.raises(DataError, match="cannot be read as Parquet: Thrift"):
        read_table(path)
    with pytest.raises(DataError, match=r"does not hold what its ending \.parquet says"):
        read_table(write("a,b\n1,2\n", "t.parquet"))


def workbook(path, content=b"<x/>"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", content)
    return path


def excel(values, formulas=None):
    class Book:
        def __init__(self, sheets):
            self.sheetnames, self.sheets = list(sheets), sheets

        def __getitem__(self, name):
            return types.SimpleNamespace(iter_rows=lambda values_only: iter(self.sheets[name]))

        def close(self):
            pass

    def load(path, read_only, data_only):
        return Book(values if data_only else formulas or values)

    found: Any = types.ModuleType("openpyxl")
    found.load_workbook = load
    return {"openpyxl": found}


def test_a_workbook_gives_the_values_of_its_first_sheet(tmp_path, packages):
    noon = datetime.datetime(2020, 1, 1, 12)
    rows = [("size", "note", "at", None), (1.5, None, noon, None), (None, None, None, None), (2, "x", noon)]
    packages(**excel({"Data": rows, "Old": []}))
    table = read_table(workbook(tmp_path / "t.csv"))
    assert table.names == ("size", "note", "at")
    assert table.columns == (["1.5", "2"], ["", "x"], ["2020-01-01T12:00:00"] * 2)
    assert (table.lines, table.layout["sheet"]) == ([2, 4], "Data")
    assert [finding.code for finding in table.findings] == ["first-sheet"]


def test_a_sheet_is_chosen_by_name_or_number(tmp_path, packages):
    packages(**excel({"A": [("x",), (1,), (2,)], "B": [("y",), (3,), (4,)]}))
    path = workbook(tmp_path / "t.xlsx")
    for sheet in ("B", 2):
        assert read_table(path, TableOptions(sheet=sheet)).names == ("y",)
    for sheet in ("C", 3, 0):
        with pytest.raises(DataError, match=r"no sheet .*; its sheets are 'A', 'B'"):
            read_table(path, TableOptions(sheet=sheet))


def test_a_formula_is_never_calculated(tmp_path, packages):
    values = {"A": [("x", "y"), (1, 2), (3, None)]}
    packages(**excel(values, {"A": [("x", "y"), (1, "=A2*2"), (3, '=HYPERLINK("http://x")')]}))
    table = read_table(workbook(tmp_path / "t.xlsx"))
    assert table.columns == (["1", "3"], ["2", ""])
    (finding,) = table.findings
    assert (finding.code, finding.where) == ("formula-without-value", f"{table.path}:3")


def test_workbooks_that_explode_or_are_damaged_are_refused(tmp_path, packages):
    packages(**excel({"A": []}))
    with pytest.raises(DataError, match="unpacks to more than 100 times"):
        read_table(workbook(tmp_path / "t.xlsx", b"0" * (32 << 20)))
    packages(openpyxl=types.ModuleType("openpyxl"))
    with pytest.raises(DataError, match="cannot be read as an Excel workbook"):
        read_table(workbook(tmp_path / "t.xlsx"))
    (tmp_path / "t.xlsx").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"does not hold what its ending \.xlsx says"):
        read_table(tmp_path / "t.xlsx")


def test_a_package_that_is_not_installed_is_named(tmp_path, write, monkeypatch):
    monkeypatch.setattr("deepcli.system.extras.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs openpyxl; install with: pip install 'deepcli\[tables\]'"):
        read_table(workbook(tmp_path / "t.xlsx"))
    with pytest.raises(UsageError, match=r"needs pyarrow; .*deepcli\[tables\]"):
        read_table(write(b"PAR1....", "t.parquet"))
