"""Where a checkpoint is looked for, what a full disk does, and what a damaged run is worth."""

import errno
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli.data import lexicon
from deepcli.errors import CheckpointError, TrainingError
from deepcli.run import directory as run
from deepcli.run.checkpoint import file as checkpoints
from deepcli.run.checkpoint import state as state_file
from deepcli.run.checkpoint.file import find, open_checkpoint
from deepcli.run.directory import RunDir

GOLDEN = Path(__file__).parent.parent / "golden" / "mlp.keras"


@pytest.fixture
def directory(tmp_path):
    """A run directory with a checkpoint."""
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text("data: digits\nmodel: mlp\n")
    shutil.copy(GOLDEN, tmp_path / "run" / "checkpoints" / "best.keras")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["config.yaml", "checkpoints/best.keras"])
def test_a_link_inside_a_run_is_refused(name, directory, tmp_path):
    (directory / name).rename(tmp_path / "elsewhere")
    (directory / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=f"{name} is a symbolic link, unlike a run's own files; name the file"):
        find(directory)


def test_a_dangling_link_inside_a_run_is_refused(directory, tmp_path):
    (directory / "checkpoints" / "best.keras").unlink()
    (directory / "checkpoints" / "best.keras").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="is a symbolic link"):
        find(directory)


def test_a_link_that_a_user_names_is_followed(directory, tmp_path):
    (tmp_path / "latest").symlink_to(directory)
    assert find(tmp_path / "latest")[0] == tmp_path / "latest" / "checkpoints" / "best.keras"
    (tmp_path / "mine.keras").symlink_to(directory / "checkpoints" / "best.keras")
    assert open_checkpoint(find(tmp_path / "mine.keras")[0]).experiment.name == "experiment"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_no_damaged_checkpoint(monkeypatch):
    checkpoint = open_checkpoint(GOLDEN)
    with pytest.raises(
        TrainingError, match=r"cannot unpack .*mlp\.keras into /dev: No space left on device; set TMPDIR"
    ):
        checkpoint.unpack(checkpoints.WEIGHTS, Path("/dev/full"))


def test_a_folder_for_temporary_files_that_is_full_is_said_so(monkeypatch):
    from deepcli.training.saving import load_weights

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    checkpoint = open_checkpoint(GOLDEN)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(TrainingError, match=r"cannot unpack .*mlp\.keras: No space left on device"):
        load_weights(None, checkpoint)


def test_a_checkpoint_that_changes_after_it_was_opened_is_looked_through_again(tmp_path):
    """Between the first look and the loading lies the import of TensorFlow: seconds."""
    from deepcli.training.saving import load_weights
    from tests.torture import hostile

    path = tmp_path / "a.keras"
    shutil.copy(GOLDEN, path)
    checkpoint = open_checkpoint(path)
    hostile.CORPUS["weights: a soft link"].write(path)
    with pytest.raises(CheckpointError, match=r"is a link$"):
        load_weights(None, checkpoint)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate/scale", np.zeros((2, 2), np.float32)),
        ("learning_rate/scale", np.zeros((), np.int64)),
        ("metric/0", np.zeros(3, np.float32)),
    ],
)
def test_a_state_of_another_shape_or_type_is_never_written_to_a_model(name, value):
    import tensorflow as tf

    from deepcli.training.build import build_model, compile_model
    from deepcli.training.state import State, write_variables
    from deepcli.training.tensorflow_backend import TensorFlowBackend

    checkpoint = open_checkpoint(GOLDEN)
    model = build_model(checkpoint.experiment, "float32")
    compile_model(model, checkpoint.experiment, 10, jit=False, steps_per_execution=1)
    model(np.zeros((1, 8, 8, 1)))
    model.compute_loss(None, np.zeros(1), np.ones((1, 10)) / 10)
    backend = TensorFlowBackend(tf.distribute.get_strategy())
    variables = {name: np.asarray(variable) for name, variable in _variables(model).items()}
    write_variables(model, backend, variables)
    assert set(State.from_bytes(checkpoint.read(checkpoints.STATE)).variables) >= {"learning_rate/scale"}
    with pytest.raises(CheckpointError, match=f"{name} differs in shape or type"):
        write_variables(model, backend, {**variables, name: value})


def _variables(model):
    from deepcli.training.state import state_variables

    return state_variables(model)


def test_a_result_that_is_huge_or_no_file_is_none(directory, monkeypatch):
    result = {"schema": 1, "command": "train", "status": "completed"}
    metrics = RunDir(directory).metrics
    metrics.write_text(json.dumps(result))
    assert RunDir(directory).result().status == "completed"
    monkeypatch.setattr(run, "MAX_RESULT_BYTES", 100)
    metrics.write_text(json.dumps({**result, "name": "x" * 200}))
    assert RunDir(directory).result() is None
    metrics.unlink()
    metrics.mkdir()
    assert RunDir(directory).result() is None


def test_a_state_comes_back_as_it_was_written():
    from deepcli.training.state import Position, State

    rows = [{"epoch": 1, "loss": 0.5, "val_loss": None, "seconds": 1}]
    memories: dict[str, dict[str, Any]] = {
        "history": {"rows": rows},
        "best": {"epoch": 1, "value": 0.5, "monitor": "val_loss", "row": {"loss": 0.5}},
        "early_stopping": {"wait": 2, "best": 0.5},
        "plateau": {"best": float("-inf"), "wait": 0, "cooldown": 1},
    }
    arrays: dict[str, np.ndarray] = {"random/0": np.array([1, 2], np.uint32), "metric/0": np.array(3, np.float32), "x": np.zeros((2, 0, 3), ">f8"),
              "y": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)), "z": np.array([True])}  # fmt: skip
    state = State(Position(1, 2, 3), "mixed_bfloat16", 4, ("a b.py", "é"), memories["best"], memories, variables=arrays)
    again = State.from_bytes(state.to_bytes())
    assert (again.position, again.precision, again.threads, again.plugins) == (
        Position(1, 2, 3), "mixed_bfloat16", 4, ("a b.py", "é"))  # fmt: skip
    assert again.best == memories["best"]
    assert again.callbacks == {**memories, "plateau": {"best": None, "wait": 0, "cooldown": 1}}
    assert set(again.variables) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again.variables[name], array)
        assert again.variables[name].dtype == array.dtype


def test_brackets_are_counted_before_they_become_objects():
    from tests.torture import hostile

    with pytest.raises(ValueError, match="more than 100000 brackets"):
        state_file.read(hostile.state(b"[" + b"[]," * 100_000 + b"[]]"))


def test_a_state_longer_than_any_is_not_even_opened(monkeypatch):
    monkeypatch.setattr(state_file, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="larger than"):
        state_file.read(bytes(11))


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"great\xff", "lexicon is damaged"), (bytes(lexicon.MAX_BYTES + 1), "lexicon.txt")],
    ids=["not UTF-8", "too long"],
)
def test_a_lexicon_that_is_none_is_refused(tmp_path, content, why):
    path = tmp_path / "a.keras"
    shutil.copy(GOLDEN, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(checkpoints.LEXICON, content)
    with pytest.raises(CheckpointError, match=why):
        open_checkpoint(path).lexicon()


def test_a_checkpoint_without_words_has_no_lexicon():
    assert open_checkpoint(GOLDEN).lexicon() is None
