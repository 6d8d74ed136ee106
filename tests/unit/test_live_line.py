"""The live line: drawn below what is printed, and gone when it is hidden."""

import os
import sys
import time

import pytest

from deepcli.system.live_line import LiveLine, can_redraw
from tests.screen import Screen

pty = pytest.importorskip("pty")


class Terminal:
    """A pseudo-terminal that stdout and stderr are."""

    def __init__(self, columns, monkeypatch):
        import fcntl
        import struct
        import termios

        self.reader, writer = pty.openpty()
        os.set_blocking(self.reader, False)
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.streams = [os.fdopen(os.dup(writer), "w", encoding="utf-8") for _ in range(2)]
        os.close(writer)
        monkeypatch.setattr(sys, "stdout", self.streams[0])
        monkeypatch.setattr(sys, "stderr", self.streams[1])
        self.screen = Screen(columns)

    def rows(self):
        while True:
            try:
                self.screen.feed(os.read(self.reader, 65536).decode().replace("\r\n", "\n"))
            except BlockingIOError:
                return self.screen.rows

    def close(self):
        for stream in self.streams:
            stream.close()
        os.close(self.reader)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    made = []

    def begin():  # in the test itself, as pytest sets its own streams between a fixture and its test
        made.append(Terminal(20, monkeypatch))
        return made[0]

    yield begin
    monkeypatch.undo()
    for one in made:
        one.close()


def test_what_is_printed_stands_above_the_line_which_is_gone_at_the_end(terminal):
    screen = terminal()
    line, before = LiveLine(), (sys.stdout, sys.stderr)
    line.show(lambda width: f"working, {width}")
    assert screen.rows() == ["working, 20"]
    print("a result")
    print("an error", file=sys.stderr)
    line.show(lambda width: "still working")
    assert screen.rows() == ["a result", "an error", "still working"]
    line.hide()
    print("the end")
    assert screen.rows() == ["a result", "an error", "the end"]
    assert (sys.stdout, sys.stderr) == before


def test_a_line_that_is_not_ended_is_not_drawn_over(terminal):
    screen = terminal()
    line = LiveLine()
    line.show(lambda width: "working")
    print("downloading", end="")
    line.show(lambda width: "working on")
    assert screen.rows() == ["downloading"]
    print(" done")
    line.show(lambda width: "working on")
    assert screen.rows() == ["downloading done", "working on"]
    line.hide()


def test_the_line_is_drawn_again_without_being_asked(terminal):
    screen = terminal()
    line, calls = LiveLine(), []

    def draw(width):
        calls.append(width)
        return f"call {min(len(calls), 3)}"

    line.show(draw)
    end = time.monotonic() + 30
    while screen.rows() != ["call 3"] and time.monotonic() < end:
        time.sleep(0.02)
    assert screen.rows() == ["call 3"]
    line.hide()
    assert screen.rows() == []


def test_a_line_wider_than_the_window_is_clipped_and_one_that_a_smaller_window_wraps_is_removed_whole(terminal):
    screen = terminal()
    line = LiveLine()
    line.show(lambda width: "x" * 30)
    assert screen.rows() == ["x" * 20]
    screen.screen.columns = 7
    assert len(screen.rows()) == 3
    line.hide()
    assert screen.rows() == []


def test_the_line_is_drawn_even_while_the_file_descriptor_of_stderr_is_redirected(terminal, tmp_path):
    screen = terminal()
    number, held = sys.stderr.fileno(), os.open(tmp_path / "held", os.O_CREAT | os.O_WRONLY)
    line = LiveLine()
    line.show(lambda width: "importing")
    os.dup2(held, number)
    os.close(held)
    line.show(lambda width: "importing more")
    assert screen.rows() == ["importing more"]
    line.hide()
    assert (tmp_path / "held").read_text() == ""


def test_a_closed_stderr_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    line = LiveLine()
    line.show(lambda width: "nobody sees this")
    line.hide()
    assert not can_redraw(None)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_without_escape_codes_cannot_redraw(terminal, monkeypatch, term):
    terminal()
    assert can_redraw(sys.stderr)
    monkeypatch.setenv("TERM", term)
    assert not can_redraw(sys.stderr)
