"""Standard output on a full disk, closed, or into a pipe that nobody reads any more."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepcli.cli import main, stdout
from deepcli.experiment.load import dump, load
from deepcli.run.directory import RunDir

DEEPCLI = [sys.executable, "-m", "deepcli"]
FULL = Path("/dev/full")
NO_ROOM = "error: cannot write to standard output: No space left on device\n"
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.fixture
def into(monkeypatch, capfd):
    """Run a command with standard output going somewhere; returns its exit code and what it says on stderr."""

    def run(stream, *words):
        monkeypatch.setattr(sys, "argv", ["deepcli", *map(str, words)])
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended:
            main()
        assert sys.stdout is stream
        if stream is not None:
            stream.close()  # as the end of a process does
        return ended.value.code, capfd.readouterr().err

    return run


@needs_full
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize(
    "words",
    [["list"], ["list", "--json"], ["list", "models"], ["runs", "."], ["runs", ".", "--json"], ["runs", ".", "--csv"],
     ["show", "SPEC"], ["validate", "SPEC"], ["validate", "SPEC", "--json"], ["schema"], ["--help"], ["--version"],
     ["train", "--help"], ["init", "digits", "mlp"], ["sweep", "plan", "SPEC", "seed=[1]"], ["doctor", "--no-check"],
     ["sweep", "run", "SPEC", "seed=[1]", "--dry-run", "--json"], ["doctor", "--no-check", "--json"]],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_is_one_short_error(into, spec, words, unbuffered):
    path = str(spec())
    RunDir.create(Path("a run"), dump(load([Path(path)]).experiment), {})
    stream = FULL.open("w", encoding="utf-8")
    stream.reconfigure(write_through=unbuffered)
    code, err = into(stream, *(path if word == "SPEC" else word for word in words))
    assert (code, err) == (1, NO_ROOM)


@needs_full
def test_an_error_is_said_before_it_is_found_that_the_disk_is_full(into):
    code, err = into(FULL.open("w", encoding="utf-8"), "runs", "nowhere", "--json")
    assert code == 1 and err.splitlines()[0] == "error: nowhere is not a directory" and err.endswith(NO_ROOM)
    assert err.count("\n") == 2


@needs_full
def test_an_error_that_cannot_be_said_still_has_its_object_and_its_code():
    with FULL.open("w") as full:
        words = [*DEEPCLI, "runs", "nowhere", "--json"]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.returncode == 2 and '"error": "nowhere is not a directory"' in done.stdout


def pipe_without_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["schema"], ["--help"]], ids=" ".join)
@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_that_has_gone_is_no_error(into, words, unbuffered):
    stream = pipe_without_reader()
    stream.reconfigure(write_through=unbuffered)
    assert into(stream, *words) == (141, "")


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["--help"]], ids=" ".join)
def test_a_standard_output_that_is_closed_is_an_error_if_there_is_something_to_print(into, spec, words):
    assert into(None, *words) == (1, f"error: cannot write to standard output: {os.strerror(errno.EBADF)}\n")
    assert into(None, "validate", "-q", spec()) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_process_ends_as_quietly(unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    for target, code, err in (
        (pipe_without_reader(), 141, ""),
        (FULL.open("w") if FULL.exists() else None, 1, NO_ROOM),
    ):
        if target is not None:
            with target:
                words = [*DEEPCLI, "list", "--json"]
                done = subprocess.run(
                    words, stdout=target, stderr=subprocess.PIPE, text=True, env=environment, check=False
                )
            assert (done.returncode, done.stderr) == (code, err)


def test_a_file_that_cannot_be_written_is_not_taken_for_standard_output(tmp_path):
    with stdout.guarded(), pytest.raises(FileNotFoundError):
        (tmp_path / "no" / "such").write_text("x")
