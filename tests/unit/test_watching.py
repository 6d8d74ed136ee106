"""Watching runs: what is read again, what happened to them, how long they will take, and what cannot be watched."""

import json
import os
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path

import pytest

from deepcli.api.comparing import Selection
from deepcli.api.watching import RunsWatch
from deepcli.errors import RunError, UsageError
from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run import watched_folders
from deepcli.run.directory import RunDir
from deepcli.run.listing import ListedRun, read_run
from deepcli.run.time_left import EpochPace
from deepcli.run.watched_folders import WatchedFolders, changes
from deepcli.system.atomic import write_text


@pytest.fixture
def begin(spec):
    """Begin a run without training it; the lock is the caller's to take."""

    def one(path, *overrides):
        about = {"started": datetime.now(UTC).isoformat()}
        return RunDir.create(Path(path), dump(load([spec()], ["training.epochs=5", *overrides]).experiment), about)

    return one


def trained(run, losses):
    run.write_history([{"epoch": n, "val_loss": loss, "seconds": 2.0} for n, loss in enumerate(losses, 1)])


def ended(run, status="completed"):
    result = {"schema": 1, "command": "train", "status": status, "metrics": {"test": {"accuracy": 0.75}}, "epochs": 2}
    write_text(run.metrics, Result.model_validate(result).to_json())


def told(seen):
    return [(change.event, change.run.path.name, change.run.status, change.run.epochs) for change in seen.changes]


def test_what_happens_to_a_run_is_told_once(begin):
    watch = RunsWatch()
    assert watch.look().waiting == "waiting for runs in runs"
    run = begin("runs/a")
    assert told(watch.look()) == []  # nobody trains it yet
    with run.owned():
        assert told(watch.look()) == [("began", "a", "running", None)]
        assert told(watch.look()) == []
        trained(run, [0.5])
        assert told(watch.look()) == [("epoch", "a", "running", 1)]
    assert told(watch.look()) == [("ended", "a", "unfinished", 1)]  # killed: no file says so
    with run.owned():
        assert told(watch.look()) == [("resumed", "a", "running", 1)]
        trained(run, [0.5, 0.4])
        ended(run)
        seen = watch.look()
        assert told(seen) == [("ended", "a", "completed", 2)]
        assert seen.changes[0].run.metrics == {"test_accuracy": 0.75}
    assert told(watch.look()) == []
    shutil.rmtree("runs/a")
    assert told(watch.look()) == [("removed", "a", "completed", 2)]


def test_what_was_there_before_is_told_only_while_it_trains(begin):
    ended(begin("runs/a"))
    begin("runs/b")
    with begin("runs/c").owned():
        watch = RunsWatch(["runs"])
        assert told(watch.look()) == [("running", "c", "running", None)]
        assert told(watch.look()) == []


def test_a_run_that_another_takes_the_place_of_begins_again():
    at = ListedRun(Path("a"), "completed", started=datetime(2026, 1, 1, tzinfo=UTC))
    later = replace(at, status="running", started=datetime(2026, 1, 2, tzinfo=UTC))
    assert [change.event for change in changes({at.path: at}, [later])] == ["began"]
    assert [change.event for change in changes({at.path: at}, [replace(later, status="failed")])] == ["ended"]


def test_only_what_changed_is_read_again(begin, monkeypatch):
    read = []
    monkeypatch.setattr(watched_folders, "read_run", lambda path: read.append(path.name) or read_run(path))
    runs = {name: begin(f"runs/{name}") for name in "abc"}
    ended(runs["c"])
    folders = WatchedFolders([Path("runs")])
    for expected in (["a", "b", "c"], [], []):
        read.clear()
        folders.read()
        assert read == expected
    read.clear()
    trained(runs["b"], [0.5])
    found = {run.path.name: run for run in folders.read()}
    assert read == ["b"] and found["b"].epochs == 1
    read.clear()
    with runs["a"].owned():  # its status is another, though none of its files has changed
        found = {run.path.name: run for run in folders.read()}
        assert (found["a"].status, found["b"].status, read) == ("running", "unfinished", [])


def test_a_file_that_is_replaced_within_a_tick_of_the_clock_is_read_again(begin):
    run = begin("runs/a")
    trained(run, [0.5])
    os.utime(run.history, ns=(1, 1))
    folders = WatchedFolders([Path("runs")])
    assert folders.read()[0].metrics == {"val_loss": 0.5}
    trained(run, [0.6])
    os.utime(run.history, ns=(1, 1))
    assert folders.read()[0].metrics == {"val_loss": 0.6}


def test_a_folder_that_vanishes_and_one_that_never_was(begin):
    begin("runs/a")
    watch = RunsWatch(["runs"])
    watch.look()
    shutil.rmtree("runs")
    with pytest.raises(RunError, match="runs was removed or renamed while it was watched") as error:
        watch.look()
    assert error.value.exit_code == 2
    with pytest.raises(RunError, match="rnus is not a directory"):
        RunsWatch(["rnus"]).look()
    Path("runs").write_text("a file")
    with pytest.raises(RunError, match="runs is not a directory"):
        RunsWatch().look()
    Path("runs").unlink()
    waits = RunsWatch()  # only the default may not be there yet
    assert waits.look().waiting == "waiting for runs in runs"
    Path("runs").mkdir()
    waits.look()
    Path("runs").rmdir()
    with pytest.raises(RunError, match="removed or renamed"):
        waits.look()


def test_a_condition_that_cannot_be_read_is_an_error_before_the_first_look():
    for selection in (Selection(filters=("val_loss>",)), Selection(since="yesterday")):
        with pytest.raises(UsageError, match=r"--filter|--since"):
            RunsWatch(["nowhere"], selection)


def test_a_value_that_no_run_has_yet_is_waited_for_while_one_trains(begin):
    run = begin("runs/a")
    for selection in (Selection(filters=("val_loss<1",)), Selection(sort="val_loss")):
        with pytest.raises(UsageError, match="no run has 'val_loss'"):
            RunsWatch(["runs"], selection).look()
    with run.owned():
        filtered = RunsWatch(["runs"], Selection(filters=("val_loss<1",)))
        ordered = RunsWatch(["runs"], Selection(sort="-val_loss"))
        seen = filtered.look()
        assert not seen.selected.runs and "no run has 'val_loss'" in seen.notice
        assert len(ordered.look().selected.runs) == 1
        trained(run, [0.5])
        for watch in (filtered, ordered):
            seen = watch.look()
            assert [one.path.name for one in seen.selected.runs] == ["a"] and seen.notice is None
        assert told(seen) == [("epoch", "a", "running", 1)]


def test_the_selection_holds_for_the_changes_too(begin):
    with begin("runs/a", "model=cnn").owned(), begin("runs/b").owned():
        watch = RunsWatch(["runs"], Selection(filters=("model.type=cnn",)))
        assert told(watch.look()) == [("running", "a", "running", None)]
        trained(RunDir(Path("runs/b")), [1.0])
        assert told(watch.look()) == []


def rows(*seconds):
    return [{"seconds": str(value)} for value in seconds]


@pytest.mark.parametrize(
    ("times", "since", "spec", "left"),
    [
        ((50, 2, 4), 1, {"training.epochs": 5}, 2 * 3 - 1),  # the first epoch compiles and does not count
        ((9, 1, 1, 1, 9, 9, 9, 9, 9), 0, {"training.epochs": 10}, 9),  # only the recent ones do
        ((3, 3), 10, {"training.epochs": 3}, 0),
        ((10, 10, 10), 5, {"training.epochs": 100, "training.max_time": 60}, 25),
        ((100,), 0, {"training.epochs": 3}, 200),
        ((10, 10), 0, {"training.epochs": 9, "training.max_steps": 7}, None),
        ((10, 10), 0, {}, None),
        ((10, "nan"), 0, {"training.epochs": 9}, None),
        ((10, "inf"), 0, {"training.epochs": 9}, None),
        ((10, 10), 0, {"training.epochs": 10**400}, None),
    ],
)
def test_the_time_left_follows_from_the_epochs_so_far(monkeypatch, times, since, spec, left):
    monkeypatch.setattr("deepcli.run.time_left.time.time", lambda: 1000.0 + since)
    pace = EpochPace.of(rows(*times), 1000.0)
    assert pace.seconds_left(len(times), spec) == left


def test_a_first_epoch_that_mostly_compiled_tells_nothing():
    assert EpochPace.of(rows(10), 0.0) is None
    assert EpochPace.of([], 0.0) is None
    assert EpochPace.of([{"epoch": "1"}], 0.0) is None


def test_only_a_run_that_trains_has_time_left(begin):
    run = begin("runs/a")
    trained(run, [0.5, 0.4])
    assert read_run(run.path).left is None
    with run.owned():
        assert 0 < read_run(run.path).left <= 3 * 2
    ended(run)
    assert read_run(run.path).left is None


def test_looking_at_a_run_keeps_nobody_from_training_it(begin):
    """`deepcli runs` takes a run's lock for a moment to see whether it is free."""
    run = begin("runs/a")
    looked = threading.Event()

    def look():
        with run.owned():
            looked.set()
            threading.Event().wait(0.05)

    other = threading.Thread(target=look)
    other.start()
    assert looked.wait(30)
    with run.owned(30):
        pass
    other.join()
    assert signature(RunDir.owned).parameters["patience"].default >= 0.1
    with run.owned(), pytest.raises(RunError, match="is being trained by another process"), run.owned():
        pass


def test_the_json_of_a_list_says_what_is_planned_and_left(cli, begin):
    run = begin("runs/a")
    trained(run, [0.5, 0.4])
    with run.owned():
        (row,) = json.loads(cli("runs", "--json").out)["runs"]
        assert (row["planned"], row["status"]) == (5, "running") and 0 < row["seconds_left"] <= 6
        lines = cli("runs", "--columns", "epochs,left").out.splitlines()
        assert lines[1].split()[:4] == ["runs/a", "2", "of", "5"] and lines[1].endswith("s")
        assert cli("runs").out.splitlines()[0].split()[:4] == ["run", "status", "epochs", "left"]
        assert "left" not in cli("runs", "--csv").out.splitlines()[0]
    assert "left" not in cli("runs").out.splitlines()[0]
