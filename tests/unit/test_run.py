"""The run directory: written whole or not at all, never overwritten in silence."""

from pathlib import Path

import pytest

from deepcli.errors import RunError, TrainingError
from deepcli.result import Result
from deepcli.run import RunDir, default_path, existing
from deepcli.writing import replacing, write_text


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
    assert existing(Path("new"), "error") is None
    Path("empty").mkdir()
    assert existing(Path("empty"), "error") is None
    finished("done")
    finished("failed", "failed")
    with pytest.raises(RunError, match="--if-exists skip, resume or overwrite"):
        existing(Path("done"), "error")
    assert existing(Path("done"), "overwrite") is None
    assert existing(Path("done"), "skip").status == "completed"
    assert existing(Path("done"), "resume") is None
    assert existing(Path("failed"), "skip").status == "failed"


def test_default_names_never_meet():
    first = default_path("x")
    first.mkdir(parents=True)
    second = default_path("x")
    second.mkdir(parents=True)
    assert len({first, second, default_path("x")}) == 3


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
