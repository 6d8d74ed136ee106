"""Colours that can be read on a light and on a dark ground, and none where nobody wants them."""

import io

import pytest

from deepcli.system import terminal_colours as colours


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def luminance(number):
    """The relative luminance of one of the 216 colours of xterm's cube, by the definition of WCAG 2."""
    levels = [0, 95, 135, 175, 215, 255]
    rgb = [levels[(number - 16) // 36], levels[(number - 16) // 6 % 6], levels[(number - 16) % 6]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("number", colours.OF_256.values())
def test_the_colours_contrast_with_white_and_with_black(number):
    light = luminance(number)
    assert 1.05 / (light + 0.05) > 4 and (light + 0.05) / 0.05 > 4


def test_a_terminal_gets_colours_for_the_first_word_and_for_verdicts():
    red, brown, green = (f"\x1b[1;38;5;{colours.OF_256[name]}m" for name in ("bad", "notice", "good"))
    assert colours.line("error: no error: here", Terminal()) == f"{red}error:\x1b[0m no error: here"
    assert colours.line("notice: x", Terminal()) == f"{brown}notice:\x1b[0m x"
    assert colours.line("linear: 0.9; this model is better", Terminal()).endswith(f"is {green}better\x1b[0m")
    assert colours.verdict("worse", Terminal()) == f"{red}worse\x1b[0m"
    assert colours.verdict("within noise", Terminal()) == "within noise"
    assert colours.line("this goes better", Terminal()) == "this goes better"


def test_sixteen_colours_are_those_of_the_theme(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert colours.verdict("better", Terminal()) == "\x1b[1;32mbetter\x1b[0m"
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "38;5;28" in colours.verdict("better", Terminal())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "unknown")])
def test_no_colour_where_the_user_or_the_terminal_wants_none(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert colours.line("error: x", Terminal()) == "error: x"


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_no_colour_in_a_file_or_pipe_or_without_a_stream(stream):
    assert colours.line("error: x", stream) == "error: x"


def test_no_colour_on_a_closed_stream():
    stream = io.StringIO()
    stream.close()
    assert colours.line("error: x", stream) == "error: x"
