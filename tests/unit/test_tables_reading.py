"""Tables are read as they are: delimiter, encoding, quotes and header are found, and bad rows named."""

import bz2
import csv
import gzip
import lzma
import os
import zipfile

import pytest

from deepcli.data.sources.tables import delimited, table_bytes, table_text
from deepcli.data.sources.tables.table_options import TableOptions
from deepcli.data.sources.tables.table_reading import read_table
from deepcli.errors import DataError

CSV = "age,city\n31,Oslo\n42,Rome\n57,Oslo\n"


@pytest.fixture
def write(tmp_path):
    def written(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return written


def codes(table):
    return [finding.code for finding in table.findings]


def rows(table):
    return list(zip(*table.columns, strict=True))


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "txt"])
def test_each_delimiter_is_found_whatever_the_ending(write, sign, ending):
    table = read_table(write(CSV.replace(",", sign), f"t.{ending}"))
    assert table.layout["delimiter"] == sign
    assert (table.names, rows(table)) == (("age", "city"), [("31", "Oslo"), ("42", "Rome"), ("57", "Oslo")])
    assert table.lines == [2, 3, 4]
    assert table.findings == []


def test_decimal_commas_do_not_hide_the_semicolon(write):
    table = read_table(write("".join(f"{k},5;{k},25;{k},75\n" for k in range(30))))
    assert (table.layout["delimiter"], len(table.names)) == (";", 3)


def test_commas_in_a_text_do_not_hide_the_tab(write):
    table = read_table(write("".join(f"ham\tWell, that is {k}, really\n" for k in range(30))))
    assert (table.layout["delimiter"], len(table.names)) == ("\t", 2)


def test_decimal_commas_below_a_header_do_not_hide_the_semicolon(write):
    table = read_table(write("price;amount\n" + "".join(f"{k}.250,75;{k},5\n" for k in range(1, 30))))
    assert (table.layout["delimiter"], table.names, table.findings) == (";", ("price", "amount"), [])


def test_numbers_between_spaces_are_a_table_and_words_are_not(write):
    lines = [f'{k / 7:.1f}   {k}    {k * k}.0\t"ford {"pinto" * (k % 2)}"' for k in range(40)]
    table = read_table(write("\n".join(lines)))
    assert (table.layout["delimiter"], len(table.names)) == (" ", 4)
    assert table.columns[3][:2] == ["ford", "ford pinto"]
    assert rows(read_table(table.path, TableOptions.of_layout(table.layout))) == rows(table)
    words = read_table(write("text\n" + "".join(f"this is sentence {k}\n" for k in range(40))))
    assert (words.names, words.columns[0][0]) == (("text",), "this is sentence 0")


def test_quotes_after_backslashes_are_part_of_values(write):
    lines = ["id,text", *(f'{k},"he said \\"no, {k}\\" then"' for k in range(50))]
    table = read_table(write("\n".join(lines)))
    assert (table.names, table.layout["quoting"], table.findings) == (("id", "text"), "escaped", [])
    assert rows(table)[7] == ("7", 'he said "no, 7" then')
    assert rows(read_table(table.path, TableOptions.of_layout(table.layout))) == rows(table)
    paths = read_table(write("a,b\n" + "".join(f'{k},"C:\\new, {k}\\"\n' for k in range(9))))
    assert (paths.layout["quoting"], paths.columns[1][3]) == ("minimal", "C:\\new, 3\\")


@pytest.mark.parametrize("above", ["# made by x\n# second\n", "Report 2020\n\n", "a, title, with, commas\n"])
def test_lines_above_a_table_do_not_hide_its_header(write, above):
    table = read_table(write(above + "region,amount\n" + "".join(f"{'ns'[k % 2]},{k}\n" for k in range(100))))
    assert (table.names, table.rows, table.layout["quoting"]) == (("region", "amount"), 100, "minimal")
    assert codes(table) == ["bad-row"]


def test_the_line_that_excel_writes_for_the_delimiter_is_not_a_row(write):
    table = read_table(write("sep=;\na;b\n1;x\n2;y\n"))
    assert (table.names, rows(table), table.lines) == (("a", "b"), [("1", "x"), ("2", "y")], [3, 4])


def test_one_value_a_line_is_a_table_of_one_column(write):
    table = read_table(write("length\n1\n2\n3\n"))
    assert (table.names, table.columns) == (("length",), (["1", "2", "3"],))


def test_prose_is_refused_with_a_way_out(write):
    path = write("".join(f"Some words{', more' * (k % 4)}; and so on{'; yes' * (k % 3)}\n" for k in range(40)))
    with pytest.raises(DataError, match=r"no delimiter makes rows of equal length.*write delimiter: tab"):
        read_table(path)
    assert len(read_table(path, TableOptions(delimiter="tab", header=False)).columns[0]) == 40


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_as_it_is(write, encoding):
    table = read_table(write("age,city\n31,Ærø 🙂\n42,Řím\n", encoding=encoding))
    assert table.columns[1] == ["Ærø 🙂", "Řím"]
    assert table.names[0] == "age"
    assert table.findings == []


def test_windows_letters_are_a_guess_that_is_told(write):
    table = read_table(write("age,city\n31,Paris\n42,Málaga “x”\n", encoding="cp1252"))
    assert table.columns[1] == ["Paris", "Málaga “x”"]
    (finding,) = table.findings
    assert (finding.code, finding.where[-2:], table.layout["encoding"]) == ("encoding-guess", ":3", "cp1252")


def test_latin_1_is_read_where_windows_letters_make_no_sense(write):
    assert read_table(write("age,city\n31,M\x81laga\n", encoding="latin-1")).layout["encoding"] == "latin-1"


def test_one_damaged_byte_does_not_change_how_the_rest_is_read(write):
    text = "age,city\n" + "31,Řím\n" * 50
    table = read_table(write(text.encode() + b"42,\xffslo\n"))
    assert table.columns[1][0] == "Řím"
    assert table.columns[1][-1] == "\ufffdslo"
    assert codes(table) == ["encoding-damaged"]
    assert read_table(table.path, TableOptions.of_layout(table.layout)).columns == table.columns


def test_a_given_encoding_that_does_not_fit_names_the_line(write):
    path = write("a,b\n1,é\n", encoding="cp1252")
    with pytest.raises(DataError, match=r"t\.csv:1.*not utf-8.*name another encoding"):
        read_table(path, TableOptions(encoding="utf-8"))
    with pytest.raises(DataError, match="unknown encoding 'klingon'"):
        read_table(path, TableOptions(encoding="klingon"))
    with pytest.raises(DataError, match="unknown encoding 'base64'"):
        read_table(path, TableOptions(encoding="base64"))


@pytest.mark.parametrize("content", [b"a,b\n1,\x00\n", b"\x01\x02\x03\x04" * 20, b"a,b\n" * 300_000 + b"\x00,1\n"])
def test_binary_files_are_refused(write, content):
    with pytest.raises(DataError, match="is not text"):
        read_table(write(content))


@pytest.mark.parametrize(
    ("text", "header", "sure"),
    [
        ("a,b\n1,x\n2,y\n", True, True),
        ("1,x\n2,y\n3,x\n", False, True),
        ("label,text\n" + "ham,Hello there my friend\nspam,Win a prize now for free\n" * 20, True, True),
        ("".join(f"{('ham', 'spam')[k % 3 == 0]},Hello {k} to you\n" for k in range(40)), False, True),
        ("country,1960,1961,1962\nAruba,5,6,9\nPeru,7,7,7\n", True, True),
        (",0,1,2\n0,5,6,9\n1,7,7,7\n", True, True),
        ("2020-01-01,up\n2020-01-02,down\n", False, True),
        ("day,move\n2020-01-01,up\n2020-01-02,down\n", True, True),
        ("name,city\nAnn,Oslo\nBob,Rome\n", True, True),
        ("Ann,Oslo\nBob,Rome\nEve,Bonn\n", True, False),
        ("?,2\n1,3\n4,1\n", False, True),
    ],
)
def test_the_first_row_is_a_header_if_it_differs_from_the_rest(write, text, header, sure):
    table = read_table(write(text))
    assert table.layout["header"] is header
    assert ("header-guess" not in codes(table)) is sure
    if not header:
        assert table.names == tuple(f"column_{k}" for k in range(1, len(table.names) + 1))


def test_what_is_said_about_the_header_holds(write):
    path = write("a,b\n1,x\n2,y\n")
    assert rows(read_table(path, TableOptions(header=False)))[0] == ("a", "b")
    assert read_table(write("1,x\n2,y\n"), TableOptions(header=True)).names == ("1", "x")


def test_a_header_without_rows_is_an_error(write):
    with pytest.raises(DataError, match="has a header and no rows"):
        read_table(write("a,b\n"))


@pytest.mark.parametrize(
    ("text", "names", "first"),
    [
        (",a\n0,5\n1,6\n", ("column_1", "a"), ("0", "5")),
        ("Unnamed: 0,a\n0,5\n1,6\n", ("column_1", "a"), ("0", "5")),
        ('"mpg","cyl"\n"Mazda RX4",21,6\n"Datsun 710",22.8,4\n', ("column_1", "mpg", "cyl"), ("Mazda RX4", "21", "6")),
        ("a,b,\n1,2,\n3,4,\n", ("a", "b"), ("1", "2")),
        ("a,b\n1,2,\n3,4,\n", ("a", "b"), ("1", "2")),
        ("a,b,\n1,2\n3,4\n", ("a", "b"), ("1", "2")),
    ],
)
def test_row_names_and_trailing_delimiters_do_not_shift_columns(write, text, names, first):
    table = read_table(write(text))
    assert (table.names, rows(table)[0]) == (names, first)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n1,2,3\n4,5,6\n", "column named twice: 'a'"),
        ("a,,c\n1,2,3\n4,5,6\n", "column 2 has no name"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(write, text, message):
    with pytest.raises(DataError, match=message):
        read_table(write(text))


def test_quoted_values_hold_delimiters_quotes_and_line_breaks(write, tmp_path):
    data = [("id", "text"), *((str(k), f'He said "no, {k}",\nthen, left\n\nagain') for k in range(40))]
    with (tmp_path / "q.csv").open("w", newline="") as file:
        csv.writer(file).writerows(data)
    table = read_table(tmp_path / "q.csv")
    assert [table.names, *rows(table)] == data
    assert table.layout["quoting"] == "minimal"
    assert table.lines[:2] == [2, 6]


def test_literal_quotes_do_not_swallow_lines(write):
    lines = [f"{('ham', 'spam')[k % 5 == 0]}\tmessage {k} is here" for k in range(200)]
    lines[3] = 'ham\t"Hi there'
    lines[90] = 'spam\tbye" she said'
    lines[120] = 'ham\t"You" are "here"'
    lines[150] = 'ham\t"'
    table = read_table(write("\n".join(lines) + "\n", "t.tsv"))
    assert table.layout["quoting"] == "none"
    assert ["\t".join(row) for row in rows(table)] == lines
    assert codes(table) == []


def test_literal_quotes_that_pair_up_by_chance_do_not_swallow_lines(write):
    lines = [f"{('ham', 'spam')[k % 5 == 0]}\tmessage {k} is here" for k in range(200)]
    lines[3], lines[90] = 'ham\t"Hi there', 'spam\tand bye"'
    table = read_table(write("\n".join(lines) + "\n", "t.tsv"))
    assert ["\t".join(row) for row in rows(table)] == lines


@pytest.mark.parametrize("sign", [",", " "])
def test_a_quote_that_does_not_close_until_the_end_loses_no_other_row(write, sign):
    lines = ['"a" 1 2', *(f'"n{k}" {k} {k}' for k in range(60))]
    lines[50] = '"n49 49 49'
    lines[51:] = [line.replace('"', "") for line in lines[51:]]
    table = read_table(write("\n".join(lines).replace(" ", sign)), TableOptions(delimiter=sign, quoting="minimal"))
    assert (table.rows, codes(table), table.columns[0][-1]) == (60, ["bad-row"], "n59")
    assert "line 51 has quotes that do not close" in table.findings[0].text


def test_one_quote_that_does_not_close_costs_one_row(write):
    lines = ['"name","note"', *(f'"n{k}","a note, of {k}"' for k in range(300))]
    lines[100] = '"n99","never closed'
    table = read_table(write("\n".join(lines) + "\n"))
    assert (table.layout["quoting"], table.rows) == ("minimal", 299)
    assert rows(table)[98:100] == [("n98", "a note, of 98"), ("n100", "a note, of 100")]
    (finding,) = table.findings
    assert (finding.code, finding.where) == ("bad-row", f"{table.path}:101")


def test_a_missing_quote_in_a_file_that_would_also_read_literally_costs_one_row(write):
    lines = ['"name","size"', *(f'"n{k}","{k}"' for k in range(60))]
    lines[20] = '"n19,"19"'
    table = read_table(write("\n".join(lines) + "\n"))
    assert (table.names, table.layout["quoting"], table.rows) == (("name", "size"), "minimal", 59)


def test_said_quoting_holds(write):
    path = write('a,b\n"x",1\n"y",2\n')
    assert rows(read_table(path))[0] == ("x", "1")
    assert rows(read_table(path, TableOptions(quoting="none")))[0] == ('"x"', "1")


def test_bad_rows_are_named_and_left_out(write):
    lines = ["a,b", *(f"{k},{k}" for k in range(100))]
    for k in (5, 17, 40, 41, 60, 70, 71):
        lines[k] = "1,2,3" if k % 2 else "1"
    table = read_table(write("\n".join(lines) + "\n\n   \n,\n"))
    assert (table.rows, table.lines[:6]) == (93, [2, 3, 4, 5, 7, 8])
    (finding,) = table.findings
    assert (finding.code, finding.severity, finding.where) == ("bad-row", "warning", f"{table.path}:6")
    assert "7 rows are left out of 100: line 6 has 3 values instead of 2; line 18" in finding.text
    assert finding.text.endswith("; and 2 more")


def test_many_bad_rows_are_an_error_with_a_remedy(write):
    lines = ["a,b", *("1,2,3" if k % 7 == 0 else f"{k},{k}" for k in range(1, 100))]
    with pytest.raises(DataError, match=r"t\.csv:8: 14 of 99 rows cannot be read.*delimiter or quoting"):
        read_table(write("\n".join(lines) + "\n"), TableOptions(delimiter=","))


def test_line_ends_of_every_system_are_read(write):
    for end in ("\r\n", "\r", "\n"):
        assert rows(read_table(write(CSV.replace("\n", end))))[-1] == ("57", "Oslo")
    assert rows(read_table(write(CSV.rstrip())))[-1] == ("57", "Oslo")


def test_reading_again_with_the_layout_needs_no_finding(write, monkeypatch):
    table = read_table(write('"a";"b"\n"x;y";1,5\n"z";2,5\n', encoding="utf-16"))
    monkeypatch.setattr(delimited, "find_encoding", None)
    again = read_table(table.path, TableOptions.of_layout(table.layout))
    assert (again.names, again.columns, again.layout) == (table.names, table.columns, table.layout)


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_tables_are_read_and_damaged_ones_refused(write, ending, pack):
    packed = pack(("".join(f"{k},{k * k}\n" for k in range(5000))).encode())
    table = read_table(write(packed, f"t.csv.{ending}"))
    assert (table.rows, table.layout["packed"]) == (5000, ending)
    assert read_table(write(packed, "lies.csv")).rows == 5000
    for damaged in (packed[: len(packed) // 2], packed[:200] + b"garbage" + packed[207:]):
        with pytest.raises(DataError, match="damaged or incomplete"):
            read_table(write(damaged, f"t.csv.{ending}"))


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_holds_exactly_one_table(tmp_path):
    one = {"../../evil/t.csv": CSV, "__MACOSX/._t.csv": "x", "folder/": ""}
    table = read_table(zipped(tmp_path / "t.csv.zip", one))
    assert (table.rows, table.layout["packed"]) == (3, "zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv.zip"]
    with pytest.raises(DataError, match=r"holds 2 files \('a.csv', 'b.csv'\)"):
        read_table(zipped(tmp_path / "two.zip", {"a.csv": CSV, "b.csv": CSV}))
    with pytest.raises(DataError, match="holds 0 files"):
        read_table(zipped(tmp_path / "none.zip", {"a/": ""}))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, write):
    zeros = b"0,0\n" * (8 << 20)
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        read_table(zipped(tmp_path / "t.csv.zip", {"t.csv": zeros}))
    with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
        read_table(write(gzip.compress(zeros), "t.csv.gz"))


def test_more_than_is_safe_is_refused_at_any_ratio(write, monkeypatch):
    monkeypatch.setattr(table_bytes, "MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match="unpack it and give the file inside"):
        read_table(write(gzip.compress(os.urandom(2000).hex().encode()), "t.csv.gz"))


def test_a_line_that_is_too_long_is_refused_before_it_is_read_whole(write, monkeypatch):
    monkeypatch.setattr(table_text, "LONGEST_LINE", 10_000)
    path = write("a,b\n1,2\n3," + "x" * 50_000 + "\n")
    with pytest.raises(DataError, match=r"t\.csv:3: a line of more than"):
        read_table(path)


def test_a_value_that_is_too_long_is_a_bad_row_and_the_limit_of_csv_stays(write):
    before = csv.field_size_limit(123_456)
    text = "a,b\n" + "1,2\n" * 20
    table = read_table(write(text + "3," + "x" * 10_000_001 + "\n" + '4,"' + "y" * 200_000 + '"\n'))
    assert (codes(table), table.rows, len(table.columns[1][-1])) == (["bad-row"], 21, 200_000)
    assert csv.field_size_limit(before) == 123_456


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b" \n\n"), "is empty"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1"), "Excel workbook in the old format"),
    ],
)
def test_what_is_not_a_file_with_rows_is_refused(tmp_path, make, message):
    path = tmp_path / "t.csv"
    make(path)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_ten_thousand_columns_are_read_and_thirty_thousand_refused(write):
    wide = ",".join(f"c{k}" for k in range(10_000))
    table = read_table(write(wide + "\n" + "\n".join(",".join(["0.5"] * 10_000) for _ in range(5)) + "\n"))
    assert (len(table.names), table.names[-1], table.rows) == (10_000, "c9999", 5)
    row = ",".join(["1"] * 30_000)
    with pytest.raises(DataError, match="has 30,000 columns; at most 20,000 are read"):
        read_table(write(f"{row}\n{row}\n"))


def test_a_delimiter_is_one_character(write):
    with pytest.raises(DataError, match="delimiter '::' is not one character"):
        read_table(write(CSV), TableOptions(delimiter="::"))
    assert read_table(write("a b\n1 x\n2 y\n"), TableOptions(delimiter="space")).names == ("a", "b")
