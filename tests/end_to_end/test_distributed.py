"""Several processes train one run: as one process does, and together in everything that happens to one of them."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from tests.torture.launched import SECONDS, SPEC, finished, launched, process_of, steps_in, until, words_of

pytest.importorskip("jax")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
SHORT = SPEC.replace("EPOCHS", "3")
ENDLESS = SPEC.replace("EPOCHS", "5000")


def deepcli(*words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "deepcli", *map(str, words)],
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == code, done.stderr
    return done


def kernels_of(run):
    """Read the kernels of a run's last checkpoint.

    Batch normalization cancels the biases before it. Their gradients are rounding errors, which Adam makes as large as any.
    """
    found = []
    with zipfile.ZipFile(run / "checkpoints/last.keras") as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file["layers"].visititems(lambda _, one: found.append(one[()]) if getattr(one, "ndim", 0) == 2 else None)
    return found


def processes(*words, folders=(None, None)):
    """Start processes without a launcher, each with words of its own; return what they wrote and their exit codes."""
    address = "127.0.0.1:28471"
    started = [
        subprocess.Popen(
            [
                *[sys.executable, "-m", "deepcli", "train", *map(str, own), "--coordinator", address],
                *["--processes", str(len(words)), "--process", str(index)],
            ],
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folders[index],
        )
        for index, own in enumerate(words)
    ]
    return [(one.communicate(timeout=SECONDS)[1], one.returncode) for one in started]


def test_three_processes_train_what_one_trains_and_one_of_them_writes_it(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path, three, one = spec(SHORT), tmp_path / "a b" / "three", tmp_path / "one"
    out, errors = finished(3, *words_of(path, three), "--json")
    result = json.loads(out)
    assert result["status"] == "completed" and result["run"] == str(three)
    # 16 examples a step can be divided by one: 3 and 16 have no common divisor.
    assert (
        "notice: 3 processes, 3 devices, and 16 examples of a step can be divided by 1, so 2 devices repeat" in errors
    )
    deepcli("train", path, "training.backend=jax", "-o", one)
    assert sorted(file.name for file in three.iterdir()) == sorted(file.name for file in one.iterdir())
    ours, theirs = kernels_of(three), kernels_of(one)
    assert len(ours) == 3
    assert max(float(np.abs(mine - other).max()) for mine, other in zip(ours, theirs, strict=True)) < 1e-6
    with np.load(three / "predictions-test.npz") as mine, np.load(one / "predictions-test.npz") as other:
        np.testing.assert_allclose(mine["probabilities"], other["probabilities"], atol=1e-3)
    environment = json.loads((three / "environment.json").read_text())
    assert environment["processes"] == 3 and "processes" not in json.loads((one / "environment.json").read_text())
    assert not list(tmp_path.glob("deepcli-process-*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_any_process_is_one_checkpoint_and_any_number_of_processes_continues(spec, tmp_path, number, code):
    path, run = spec(ENDLESS), tmp_path / "run"
    launcher = launched(2, *words_of(path, run))
    until(lambda: steps_in(run) > 0, launcher)
    process_of(launcher, 1).send_signal(number)
    _, errors = launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == code, errors
    steps = steps_in(run)
    assert errors.count("error: ") == 1, errors
    assert (
        "error: interrupted in epoch" in errors and "continue with: the same command with --if-exists resume" in errors
    )
    done = deepcli("train", "--resume", run, f"training.max_steps={steps + 4}", "training.epochs=5000", code=2)
    assert "training.max_steps" in done.stderr
    alone = subprocess.Popen(
        [sys.executable, "-m", "deepcli", "train", "--resume", str(run), "training.backend=jax"],
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: steps_in(run) > steps, alone)
    alone.send_signal(signal.SIGTERM)
    errors = alone.communicate(timeout=SECONDS)[1]
    assert "the run started with 2 processes and resumes with 1 process: the order of sums changes" in errors
    assert alone.returncode == 143


def test_sigusr1_to_any_process_writes_a_checkpoint_and_training_continues(spec, tmp_path):
    path, run = spec(ENDLESS.replace("every_steps: 6", "every_epochs: null, every_steps: 1000000")), tmp_path / "run"
    launcher = launched(2, *words_of(path, run))
    until(lambda: (run / "history.csv").is_file(), launcher)
    assert not (run / "checkpoints/last.keras").exists()
    process_of(launcher, 1).send_signal(signal.SIGUSR1)
    until(lambda: (run / "checkpoints/last.keras").is_file(), launcher)
    assert launcher.poll() is None
    launcher.send_signal(signal.SIGTERM)  # a scheduler sends it to the command
    launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == 143


def test_processes_with_other_specs_or_data_end_before_training_and_name_them(spec, tmp_path):
    path, run = spec(SHORT), tmp_path / "run"
    for errors, code in processes([path, "-o", run], [path, "optimizer.learning_rate=0.5", "-o", run]):
        assert code == 2
        assert "process 1 of 2 has another spec: optimizer.learning_rate: 0.5 there, 0.001 in process 0" in errors
    table = "data: {path: rows.csv, target: w}\nmodel: mlp\ntraining: {epochs: 1}\n"
    for folder, extra in (("a", ""), ("b", "900,9,x\n")):
        (tmp_path / folder).mkdir()
        rows = "".join(f"{number * 0.37:.2f},{number % 7},{'xy'[number % 2]}\n" for number in range(60))
        (tmp_path / folder / "rows.csv").write_text(f"u,v,w\n{rows}{extra}")
        (tmp_path / folder / "table.yaml").write_text(table)
    words = ["table.yaml", "-o", tmp_path / "t"]
    for errors, code in processes(words, words, folders=[tmp_path / "a", tmp_path / "b"]):
        assert code == 2 and "process 1 of 2 has" in errors and "in process 0" in errors, errors
    assert not run.exists() and not (tmp_path / "t").exists()


def test_what_several_processes_cannot_do_is_refused_by_all_with_its_name(spec, tmp_path):
    path, run = spec(SHORT), tmp_path / "run"
    for words, text in (
        (["data.batch_size=1"], "data.batch_size: 1 examples a step are too few for 2 devices; set at least 2"),
        (["training.backend=tensorflow"], "training.backend: is tensorflow; several processes train on JAX"),
        (["--budget", "10s"], "--budget: cannot be used by several processes"),
    ):
        _, errors = finished(2, str(path), "-o", str(run), *words, code=2)
        assert text in errors
    assert not run.exists()


def test_a_finished_run_is_skipped_by_all_and_an_existing_one_is_an_error_for_all(spec, tmp_path):
    path, run = spec(SHORT), tmp_path / "run"
    finished(2, *words_of(path, run))
    out, errors = finished(2, *words_of(path, run), "--json")
    assert json.loads(out)["status"] == "completed" and "has finished; nothing was trained" in errors
    _, errors = finished(2, str(path), "-o", str(run), code=2)
    assert "exists; choose another --output" in errors
