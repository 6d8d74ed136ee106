"""Lines that are drawn again in place: nothing of earlier ones is left, and the last ones stay."""

import io

from deepcli.system.live_block import LiveBlock
from tests.screen import Screen


class Paper(io.StringIO):
    """What was written, and the screen that it makes."""

    def __init__(self, columns):
        super().__init__()
        self.screen = Screen(columns)

    def write(self, text):
        self.screen.feed(text.replace("\n", "\r\n"))
        return super().write(text)


def test_lines_replace_the_earlier_ones_below_what_was_printed():
    paper = Paper(20)
    paper.write("$ deepcli runs\n")
    block = LiveBlock(paper)
    for lines in (["a", "b", "c"], ["much longer", "x"], [], ["1", "2", "3", "4"], ["only"]):
        block.show(lines)
        assert paper.screen.rows == ["$ deepcli runs", *lines]
    block.leave(["last", "lines"])
    paper.write("$ ")
    assert paper.screen.rows == ["$ deepcli runs", "last", "lines", "$"]


def test_what_a_narrower_window_wraps_is_removed_whole():
    paper = Paper(20)
    block = LiveBlock(paper)
    block.show(["x" * 20, "y" * 20])
    paper.screen.columns = 7
    block.show(["new"])
    assert paper.screen.rows == ["new"]


def test_a_line_wider_than_the_window_is_clipped_and_at_the_end_shown_whole():
    paper = Paper(10)
    block = LiveBlock(paper)
    block.show(["0123456789abc", "z"])
    assert paper.screen.rows == ["0123456789", "z"]
    block.leave(["0123456789abc", "z"])
    assert paper.screen.rows == ["0123456789", "abc", "z"]


def test_the_same_lines_are_drawn_again_only_in_a_window_of_another_size():
    paper = Paper(20)
    block = LiveBlock(paper)
    block.show(["a"], 80)
    drawn = paper.getvalue()
    block.show(["a"], 80)
    assert paper.getvalue() == drawn
    block.show(["a"], 60)
    assert len(paper.getvalue()) > len(drawn)


def test_what_was_never_drawn_is_not_left():
    paper = Paper(20)
    LiveBlock(paper).leave(["a"])
    assert not paper.getvalue()
