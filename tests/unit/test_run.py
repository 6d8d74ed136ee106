"""The run run: written whole or not at all, never overwritten in silence."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deepcli.errors import RunError, TrainingError, UsageError
from deepcli.result import Result
from deepcli.run.directory import RunDir, default_path, demand_free, existing
from deepcli.system.atomic import replacing, temporary_prefix, write_text


def names(folder="."):
    return [path.name for path in Path(folder).iterdir()]


def finished(path, status="completed"):
    run = RunDir.create(Path(path), "data: digits\n", {})
    write_text(run.metrics, Result(schema=1, command="train", status=status).to_json())
    return run


def test_a_run_is_created_whole_and_nothing_else_is_left():
    run = RunDir.create(Path("runs/a b"), "name: x\n", {"k": "é"})
    assert run.config.read_text() == "name: x\n"
    assert "é" in run.environment.read_text(encoding="utf-8")
    assert names("runs") == ["a b"]
    assert RunDir.open(Path("runs/a b")).path == run.path


def test_a_run_is_replaced_only_if_asked():
    finished("a")
    with pytest.raises(RunError, match="exists"):
        RunDir.create(Path("a"), "new", {})
    RunDir.create(Path("a"), "new", {}, replace=True)
    assert Path("a/config.yaml").read_text() == "new"
    assert not Path("a/metrics.json").exists()
    assert names() == ["a"]


def test_what_an_existing_directory_means():
    assert not existing(Path("new"), "error")
    Path("empty").mkdir()
    assert not existing(Path("empty"), "error")
    finished("done")
    with pytest.raises(RunError, match="--if-exists skip, resume or overwrite"):
        existing(Path("done"), "error")
    assert not existing(Path("done"), "overwrite")
    assert existing(Path("done"), "skip")
    assert existing(Path("done"), "resume")
    Path("notes").mkdir()
    Path("notes/a.txt").touch()
    for choice in ("skip", "resume", "overwrite"):
        with pytest.raises(RunError, match="nothing was changed"):
            existing(Path("notes"), choice)


@pytest.mark.parametrize("name", ["exp", "my_exp", "my_exp_7"])
def test_runs_begun_at_the_same_time_each_get_a_name(name):
    """Twelve processes that want one name: each makes its own run, and none is taken for another's."""
    wanted = Path("runs") / f"{name}-20260101-120000"
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda number: RunDir.create(wanted, str(number), {}, numbered=True), range(12)))
    assert [run.config.read_text() for run in made] == [str(number) for number in range(12)]
    numbers = ["", *(f"_{number}" for number in range(2, 13))]
    assert sorted(names("runs")) == sorted(wanted.name + number for number in numbers)


def test_a_run_of_a_name_that_was_given_is_never_numbered():
    finished("a")
    with pytest.raises(RunError, match="another process has started the run a in the meantime"):
        RunDir.create(Path("a"), "new", {})
    assert names() == ["a"]


def test_a_name_is_given_back_where_nothing_could_be_written(monkeypatch):
    from deepcli.run import directory

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directory, "write_text", full)
    with pytest.raises(RunError, match="No space left"):
        RunDir.create(Path("runs/x"), "", {}, numbered=True)
    assert names("runs") == []


def test_the_default_name_is_that_of_the_experiment_and_the_time():
    assert re.fullmatch(r"my_exp-\d{8}-\d{6}", default_path("my_exp").name)


def test_an_output_is_none_of_the_files_of_a_run():
    finished("a")
    for own in ("a", "a/predictions-test.npz", "a/metrics.json", "a/checkpoints"):
        with pytest.raises(UsageError, match="belongs to the run a;"):
            demand_free(Path(own))
    for other in ("b", "a/mine.npz", "a/other data", "b.npz"):
        demand_free(Path(other))


def test_a_file_is_on_disk_before_it_has_its_name_and_its_name_after_that(monkeypatch):
    """Or a power cut leaves an empty file in the old one's place."""
    Path("a.txt").write_text("old")
    flushed, fsync = [], os.fsync

    def look(handle):
        fsync(handle)
        where = Path("folder") if stat.S_ISDIR(os.fstat(handle).st_mode) else Path("file")
        inside = os.pread(handle, 100, 0).decode() if where == Path("file") else None
        flushed.append((str(where), inside, Path("a.txt").read_text()))

    monkeypatch.setattr(os, "fsync", look)
    write_text(Path("a.txt"), "new")
    assert flushed == [("file", "new", "old"), ("folder", None, "new")]


def test_a_write_that_fails_leaves_the_old_file_and_no_other():
    Path("a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(Path("a.txt")) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert Path("a.txt").read_text() == "old"
    assert names() == ["a.txt"]
    with pytest.raises(TrainingError, match=r"cannot write nowhere/a\.txt"), replacing(Path("nowhere/a.txt")):
        pass


def test_history_is_a_row_an_epoch():
    run = RunDir.create(Path("a"), "", {})
    run.write_history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    assert run.history.read_text() == "epoch,loss\n1,0.5\n2,0.25\n"


def test_two_exports_at_once_leave_one_whole(tmp_path):
    from deepcli.errors import RunError
    from deepcli.export import exporting

    folder = tmp_path / "export" / "keras"
    folder.mkdir(parents=True)

    def export(number):
        made = tmp_path / f"made {number}" / "export"
        made.mkdir(parents=True)
        for name in (exporting.FACTS, "model"):
            (made / name).write_text(str(number))
        exporting._replace(folder, made)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(export, range(8)))
    assert {path.read_text() for path in folder.iterdir()} <= {str(number) for number in range(8)}
    assert len({path.read_text() for path in folder.iterdir()}) == 1 and len(names(folder)) == 2
    (folder / exporting.FACTS).unlink()
    with pytest.raises(RunError, match="contains something other than an export"):
        export(9)
    assert names(folder) == ["model"]


def test_what_another_process_renames_at_this_moment_is_no_trouble(monkeypatch):
    """It stages a run of the same name, and is done between two looks at it."""
    staging, is_dir = Path(f"{temporary_prefix(Path('a'))}abcdefgh"), Path.is_dir
    staging.mkdir()

    def look(path):
        found = is_dir(path)
        if path.name == staging.name and found:
            path.rename("theirs")
        return found

    monkeypatch.setattr(Path, "is_dir", look)
    RunDir.create(Path("a"), "", {})
    assert set(names()) == {"a", "theirs"}
