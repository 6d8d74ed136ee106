"""A table that is kept up to date, as a person sees it, and its lines in a pipe, from processes of their own."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.system.atomic import write_text
from tests.screen import Screen

DEEPCLI = [sys.executable, "-m", "deepcli"]
needs_terminal = pytest.mark.skipif(importlib.util.find_spec("pexpect") is None, reason="needs a pseudo-terminal")


@pytest.fixture
def begin(spec):
    def one(path, *overrides):
        text = dump(load([spec()], ["training.epochs=5", *overrides]).experiment)
        return RunDir.create(Path(path), text, {"started": "2026-01-31T08:15:00+00:00"})

    return one


def trained(run, *losses):
    run.write_history([{"epoch": n, "val_loss": loss, "seconds": 2.0} for n, loss in enumerate(losses, 1)])


def ended(run, **metrics):
    result = {"schema": 1, "command": "train", "status": "completed", "epochs": 2, "metrics": {"test": metrics}}
    write_text(run.metrics, Result.model_validate(result).to_json())


@pytest.fixture
def watch(monkeypatch):
    """Start a watch in a terminal of 80 columns and 24 lines."""
    import pexpect

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLUMNS")
    started = []

    def start(*words):
        started.append(
            pexpect.spawn(
                DEEPCLI[0], [*DEEPCLI[1:], *words, "--watch"], dimensions=(24, 80), encoding="utf-8", timeout=90
            )
        )
        return started[-1], Screen(80)

    yield start
    for child in started:
        child.close(force=True)


def seen(child, screen, pattern):
    child.expect(pattern)
    screen.feed(child.before + (child.after if isinstance(child.after, str) else ""))


def finished(child, screen):
    import pexpect

    seen(child, screen, pexpect.EOF)
    child.close()
    return child.exitstatus


@needs_terminal
def test_the_table_is_redrawn_in_place_and_the_last_one_stays(begin, watch):
    child, screen = watch("runs")
    seen(child, screen, r"waiting for runs in runs; Ctrl-C ends the watch[^\r]*\r")
    run = begin("runs/a")
    with run.owned():
        seen(child, screen, r"runs/a +running +0 of 5[^\r]*\r")
        trained(run, 0.5, 0.25)
        seen(child, screen, r"runs/a +running +2 of 5 +\ds[^\r]*0\.25[^\r]*\r")
        ended(run, accuracy=0.75)
        seen(child, screen, r"runs/a +completed[^\r]*0\.75[^\r]*\r")
    assert [row for row in screen.rows if "runs/a" in row] == [screen.rows[-1]]  # not one below the other
    child.setwinsize(24, 40)
    screen.columns = 40
    seen(child, screen, r"runs/a +completed[^\r]*\r")
    child.sendintr()
    assert finished(child, screen) == 0
    assert [row.split()[0] for row in screen.rows if "column" not in row][-2:] == ["run", "runs/a"]
    assert not [row for row in screen.rows if "waiting" in row or "^C" in row or "reading" in row], screen.rows
    assert max(map(len, screen.rows)) <= 40


@needs_terminal
def test_a_folder_that_vanishes_leaves_the_table_and_an_error(begin, watch):
    ended(begin("runs/a"), accuracy=0.75)
    child, screen = watch("runs", "runs")
    seen(child, screen, r"runs/a +completed[^\r]*\r")
    shutil.rmtree("runs")
    assert finished(child, screen) == 2
    rows = screen.rows
    assert rows[1].startswith("runs/a") and rows[-2].startswith(
        "error: runs was removed or renamed while it was watched"
    )


@needs_terminal
def test_a_terminal_that_knows_no_escape_codes_gets_lines(begin, watch, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with begin("runs/a").owned():
        child, screen = watch("runs")
        seen(child, screen, r"\d\d:\d\d:\d\d runs/a  running  epoch 0 of 5\r\n")
    seen(child, screen, r"\d\d:\d\d:\d\d runs/a  unfinished  epoch 0 of 5\r\n")
    child.sendintr()
    assert finished(child, screen) == 0 and screen.escapes == []


@pytest.mark.parametrize("words", [["--json"], []])
def test_a_reader_of_a_pipe_gets_each_line_at_once_and_ctrl_c_is_no_error(begin, words, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    run = begin("runs/a")
    with (
        run.owned(),
        subprocess.Popen(
            [*DEEPCLI, "runs", "--watch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watch,
    ):
        lines = [watch.stdout.readline()]
        trained(run, 0.5)
        lines.append(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=60)
    assert (watch.returncode, out, err) == (0, "", "")
    if words:
        assert [json.loads(line)["event"] for line in lines] == ["running", "epoch"]
    else:
        assert lines[1][9:] == "runs/a  epoch 1 of 5  val_loss 0.5\n"


def test_a_reader_that_goes_away_ends_the_watch(begin):
    run = begin("runs/a")
    with (
        run.owned(),
        subprocess.Popen(
            [*DEEPCLI, "runs", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watch,
    ):
        assert "running" in watch.stdout.readline()
        watch.stdout.close()
        trained(run, 0.5)
        assert watch.wait(60) == 141
        assert watch.stderr.read() == ""
