"""Tables fit a line: cells stay whole, columns are left out by rank and counted, names of rows are kept longest."""

import sys
from typing import Any

import pytest

from deepcli.api.line_fields import cells
from deepcli.cli import fitting_tables as tables
from deepcli.cli.fitting_tables import fits, fitted, header, print_rows, shortened

COLUMNS = ["run", "status", "val_loss", "path"]
ROWS: list[list[object]] = [
    ["runs/a", "completed", 0.123456789, "/data/of/somebody/else/very/long/photos.csv"],
    ["runs/b", "failed", None, ""],
]
RANKS = {"run": 0, "status": 2, "val_loss": 1, "path": 3}


@pytest.fixture
def room(monkeypatch):
    """Set the characters of a line, and whether it is a terminal's."""

    def choose(width, terminal=False):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)

    return choose


@pytest.mark.parametrize("width", [20, 30, 60, 80, 200])
def test_no_line_is_longer_than_the_room_and_no_figure_is_cut(room, capsys, width):
    room(width)
    print_rows(COLUMNS, ROWS, ranks=RANKS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(len(line) <= width for line in lines)
    assert lines[1].startswith("runs/a") and ("0.12346" in lines[1]) == ("val_loss" in lines[0])


def test_columns_are_left_out_by_rank_and_counted(room, capsys):
    room(17)
    print_rows(COLUMNS, ROWS, ranks=RANKS)
    found = capsys.readouterr()
    assert found.out.splitlines()[0].split() == ["run", "val_loss"]
    assert found.err == "+2 columns: --wide shows all\n"


def test_in_a_terminal_the_count_is_part_of_the_table(room, capsys):
    room(17, terminal=True)
    print_rows(COLUMNS, ROWS, ranks=RANKS)
    found = capsys.readouterr()
    assert found.out.splitlines()[-1] == "+2 columns: --wide shows all" and not found.err


@pytest.mark.parametrize("how", [{"wide": True}, {"csv": True}, {"markdown": True}])
def test_all_is_shown_where_it_is_asked_for(room, capsys, how: dict[str, Any]):
    room(20)
    print_rows(COLUMNS, ROWS, ranks=RANKS, **how)
    assert "/data/of/somebody/else/very/long/photos.csv" in capsys.readouterr().out


def test_texts_are_shortened_in_the_middle_and_paths_at_their_start():
    assert shortened("0123456789", 10) == "0123456789"
    assert shortened("0123456789", 7) == "012…789"
    assert shortened("/a/long/way/to/file.csv", 12) == "…to/file.csv"
    assert [len(shortened("x" * 50, k)) for k in range(2, 20)] == list(range(2, 20))


def test_the_name_of_a_row_is_shortened_only_if_it_must_be():
    name = "runs/" + "x" * 60
    kept, cells = fitted(["run", "loss"], [[name, "0.5"]], {}, 200)
    assert cells == [[name, "0.5"]] and kept == [0, 1]
    _, ((short, loss),) = fitted(["run", "loss"], [[name, "0.5"]], {}, 40)
    assert len(short) == 34 and loss == "0.5"


def test_a_name_of_a_column_is_broken_at_underscores_and_points_in_a_terminal_only(room):
    room(80, terminal=True)
    assert header("val_root_mean_squared_error") == ["val_root_mean_", "squared_error"]
    assert header("optimizer.learning_rate") == ["optimizer.", "learning_rate"]
    room(80)
    assert header("val_root_mean_squared_error") == ["val_root_mean_squared_error"]


def test_wide_signs_take_two_cells_and_joined_ones_none(room, capsys):
    assert (cells("abc"), cells("日本"), cells("e\u0301")) == (3, 4, 1)
    room(80)
    print_rows(["run", "n"], [["日本", 1], ["ab", 20]])
    assert capsys.readouterr().out.splitlines() == ["run    n", "日本   1", "ab    20"]


def test_whether_a_table_fits(room):
    rows: list[list[object]] = [["lr", 0.1, 0.2]]
    room(12)
    assert fits(["", "a", "b"], rows) and not fits(["", "runs/a", "runs/b"], rows)


def test_names_of_columns_are_bold_where_colours_are_wanted(room, capsys, monkeypatch):
    room(80, terminal=True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for styled in (True, False):
        tables.print_table(["a"], [["b"]])
        assert ("\033[1m" in capsys.readouterr().out) is styled
        monkeypatch.setenv("NO_COLOR", "1")
