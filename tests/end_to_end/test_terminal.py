"""What a person sees on terminals of several widths: one line an epoch, a live line below, and nothing left of it."""

import importlib.util
import json
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.screen import Screen

pytestmark = pytest.mark.skipif(importlib.util.find_spec("pexpect") is None, reason="needs a pseudo-terminal")

DEEPCLI = str(Path(sys.executable).with_name("deepcli"))
DIGITS = "data: {type: digits, limit: 300, batch_size: 16}\nmodel: mlp\n"
LONG = "data: {type: digits, batch_size: 8}\nmodel: {type: cnn, filters: [32, 32]}\ntraining: {epochs: 1000}\n"
BAR = re.compile("[━─]")


@pytest.fixture
def terminal(monkeypatch):
    """Start a command in a terminal; returns the process and its screen, which `seen` fills."""
    import pexpect

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    started = []

    def start(columns, *words):
        child = pexpect.spawn(DEEPCLI, list(map(str, words)), dimensions=(24, columns), encoding="utf-8", timeout=90)
        started.append(child)
        return child, Screen(columns)

    yield start
    for child in started:
        child.close(force=True)


def seen(child, screen, pattern):
    """Wait for a pattern, and draw everything up to its end; return what was drawn."""
    child.expect(pattern)
    text = child.before + (child.after if isinstance(child.after, str) else "")
    screen.feed(text)
    return text


def finished(child, screen):
    import pexpect

    text = seen(child, screen, pexpect.EOF)
    child.close()
    return text


TABLE = (
    "data: {type: table, path: t.csv, target: y}\nmodel: mlp\n"
    "training: {early_stopping: {monitor: val_root_mean_squared_error}}\n"
)


@pytest.mark.parametrize(
    ("columns", "text", "line"),
    [
        (60, TABLE, r"epoch [12]/2  loss \d+\.\d+  val_rmse \d+\.\d+(  best)?"),
        (
            120,
            DIGITS,
            r"epoch [12]/2  loss \S+  accuracy \S+  val_loss \S+  val_accuracy \S+  lr \S+e-03  \S+s(  best)?",
        ),
    ],
)
def test_an_epoch_is_a_line_and_something_moves_from_the_start(terminal, spec, columns, text, line):
    rows = [f"{a},{b},{a * 3 - b}" for a in range(20) for b in range(10)]
    Path("t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    child, screen = terminal(columns, "train", spec(text), "training.epochs=2", "-o", "a")
    drawn = seen(child, screen, "device: cpu")
    shown = [drawn.index(what) for what in ("starting", "reading the spec", "reading the data", "importing TensorFlow")]
    assert shown == sorted(shown)
    drawn = seen(child, screen, r"epoch 2/2  loss")
    assert "building the model" in drawn and "first step: compiling" in drawn
    assert re.search(r"epoch [12]/2  ━*─+  .*ETA (--|\d\d):(--|\d\d)", drawn)
    finished(child, screen)
    assert child.exitstatus == 0
    epochs = [row for row in screen.rows if row.startswith("epoch ")]
    assert len(epochs) == 2 and all(re.fullmatch(line, row) for row in epochs), screen.rows
    assert "all 2 epochs done" in screen.rows
    assert not [row for row in screen.rows if BAR.search(row) or "importing" in row]
    assert json.loads(Path("a/metrics.json").read_text())["ended"] == "completed"


def test_nothing_is_left_of_the_line_after_a_resize_and_an_interrupt_and_a_resumed_run_begins_where_it_is(
    terminal, spec
):
    child, screen = terminal(120, "train", spec(LONG), "-o", "a")
    seen(child, screen, r"epoch 2/1000  ━+─+  \d+/162")
    child.setwinsize(24, 60)
    screen.columns = 60
    seen(child, screen, r"epoch 4/1000  ━+─+  \d+/162")
    child.sendintr()
    finished(child, screen)
    assert child.exitstatus == 130
    assert not [row for row in screen.rows if BAR.search(row)], screen.rows
    last = "".join(screen.rows[-3:])
    assert re.search(
        r"error: interrupted in epoch \d+ of 1000; best so far: epoch \d+, val_loss \d\.\d{4}; "
        r"continue with: deepcli train --resume a$",
        last,
    ), screen.rows
    assert "\x1b[1;38;5;161m" in screen.escapes  # error:
    log = Path("a/train.log").read_text().splitlines()[-1]
    epoch = int(re.search(r" interrupted in epoch (\d+) of 1000; best so far: epoch \d+, val_loss", log)[1])
    assert log.endswith("continue with: deepcli train --resume a")
    assert not Path("a/metrics.json").exists()

    child, screen = terminal(80, "train", "--resume", "a")
    drawn = seen(child, screen, r"epoch \d+/1000  [━─]+  \d+/162  first step: compiling")
    assert f"epoch {epoch}/1000  " in drawn and "epoch 1/1000" not in drawn
    drawn = seen(child, screen, r"ETA \d+:\d\d")
    assert f"epoch {epoch}/1000" in drawn
    child.kill(signal.SIGTERM)
    finished(child, screen)
    assert child.exitstatus == 143
    assert not [row for row in screen.rows if BAR.search(row)], screen.rows


def test_a_terminal_that_knows_no_escape_codes_gets_none(terminal, spec, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    path = spec(DIGITS)
    child, screen = terminal(80, "train", path, "training.epochs=1", "-o", "a")
    finished(child, screen)
    assert child.exitstatus == 0 and screen.escapes == []
    lines = [row for row in screen.rows if row.startswith("epoch ")]
    assert len(lines) == 1
    assert re.fullmatch(r"epoch 1/1  loss \d\.\d{4}  val_loss \d\.\d{4}  val_accuracy \d\.\d{4}  best", lines[0])


def test_who_wants_no_colours_gets_none_but_sees_what_is_done(terminal, spec, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    child, screen = terminal(80, "train", spec("data: {type: digits}\nmodel: mlpp\n"))
    assert "reading the spec" in finished(child, screen)
    assert "error: " in screen.rows[0] and "reading" not in "".join(screen.rows)
    assert screen.escapes and not [code for code in screen.escapes if code.endswith("m")]


@pytest.mark.parametrize(
    ("training", "ended", "line"),
    [
        (
            "{epochs: 30, early_stopping: {patience: 2, min_delta: 100}}",
            "early_stopping",
            "stopped after epoch 3 of 30: val_loss has not improved by more than 100 for 2 epochs",
        ),
        ("{epochs: 5, max_steps: 20}", "max_steps", "stopped in epoch 2 of 5: training.max_steps is 20"),
        ("{epochs: 1, max_steps: 1000}", "completed", "the only epoch is done"),
        (
            "{epochs: 5, callbacks: [{type: stop_at, monitor: val_accuracy, value: 0.01}]}",
            "callback",
            "stopped after epoch 1 of 5: val_accuracy reached 0.",
        ),
    ],
)
def test_a_run_says_why_it_ended_on_the_screen_in_its_log_and_in_its_result(spec, cli, training, ended, line):
    done = cli("train", spec(f"{DIGITS}training: {training}\n"), "-o", "a", "--json")
    assert done.code == 0, done.err
    assert [text for text in done.err.splitlines() if text.startswith(line)], done.err
    assert f" {line}" in Path("a/train.log").read_text()
    assert json.loads(done.out)["ended"] == json.loads(Path("a/metrics.json").read_text())["ended"] == ended


def test_a_diverged_run_has_its_error_in_the_log_and_in_the_result(spec, cli):
    done = cli("train", spec(f"{DIGITS}optimizer: {{type: sgd, learning_rate: 1e30}}\n"), "-o", "a")
    assert done.code == 1
    assert " error: the run diverged: " in Path("a/train.log").read_text()
    assert json.loads(Path("a/metrics.json").read_text())["ended"] == "failed"
