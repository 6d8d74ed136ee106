"""`deepcli doctor`: what it tells, and that it tells of what is broken."""

import importlib
import importlib.util
import json
import subprocess
import sys

import pytest

from deepcli.data import DATASETS


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch):
    """Keep other backends from being tried, which takes a process each."""
    tried = []
    monkeypatch.setattr(
        "deepcli.doctor.other_backend.check_elsewhere",
        lambda name: tried.append(name) or {"ok": False, "error": "no memory"},
    )
    return tried


def test_it_tells_what_there_is_and_that_it_trains(cli, tiny_mnist):
    done = cli("doctor", "--json", "--data-dir", tiny_mnist.parent)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["versions"]["python"] == ".".join(map(str, sys.version_info[:3])) and told["versions"]["tensorflow"]
    assert told["check"]["ok"] and told["check"]["accuracy"] > 0.8 and told["check"]["device"] == told["device"]["used"]
    assert set(told["data"]) == set(DATASETS)
    assert told["data"]["mnist"] == {"found": True, "where": str(tiny_mnist), "from": None}
    assert told["data"]["digits"]["found"] and not told["data"]["imdb"]["found"]
    assert told["data"]["imdb"]["from"].startswith("https://")
    assert told["backend"]["value"] == "tensorflow" and told["tensorflow"] == told["backends"]["tensorflow"] == {
        "ok": True
    }
    assert told["machine"]["cores"] >= 1 and told["machine"]["disk_free_gib"]["here"] > 0


def test_it_says_it_for_a_bug_report(cli):
    done = cli("doctor", "--no-check")
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) >= 15 and all(len(line) > 20 and line[19] == " " for line in lines)
    assert "training check" not in done.out and any(line.startswith("device ") for line in lines)


def test_a_tensorflow_that_cannot_be_imported_is_told_of(cli, monkeypatch):

    import deepcli.doctor

    monkeypatch.delattr(deepcli.doctor, "training", raising=False)
    monkeypatch.setitem(sys.modules, "deepcli.doctor.training", None)
    done = cli("doctor")
    assert done.code == 1 and "BROKEN: " in done.out and "versions" in done.out


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_a_backend_that_is_installed_and_not_used_is_checked_and_does_not_decide(cli, elsewhere, monkeypatch):
    monkeypatch.setattr(
        "deepcli.doctor.training.training_check", lambda: {"ok": False, "error": "slow", "seconds": 1.0}
    )
    assert "jax                 installed, and not checked" in cli("doctor", "--no-check").out and not elsewhere
    done = cli("doctor")
    assert "jax check           BROKEN: no memory" in done.out and elsewhere == ["jax"]
    assert done.code == 1 and "training check      FAILED after 1.0 s: slow" in done.out
    monkeypatch.setattr(
        "deepcli.doctor.training.training_check",
        lambda: {"ok": True, "accuracy": 0.9, "device": "cpu", "precision": "float32", "seconds": 1.0},
    )
    done = cli("doctor", "--json")
    assert done.code == 0 and json.loads(done.out)["backends"]["jax"] == {"ok": False, "error": "no memory"}


def test_a_keras_backend_that_is_none_of_ours_is_told_of(cli, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    done = cli("doctor", "--no-check")
    assert done.code == 1 and "backend             BROKEN: KERAS_BACKEND is torch; deepcli trains" in done.out


def test_a_process_that_checks_and_dies_is_told_of(monkeypatch):
    from deepcli.doctor import other_backend

    importlib.reload(other_backend)  # without the fixture's stand-in
    ended = subprocess.CompletedProcess([], -11, "noise\n", "")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: ended)
    assert other_backend.check_elsewhere("jax") == {"ok": False, "error": "its process ended with exit code -11"}


def test_a_machine_that_does_not_train_is_told_of(cli, monkeypatch):
    from deepcli.doctor import training
    from deepcli.errors import TrainingError

    def fail(*_):
        raise TrainingError("out of memory")

    monkeypatch.setattr(training, "train", fail)
    done = cli("doctor")
    assert done.code == 1 and "FAILED" in done.out and "out of memory" in done.out


@pytest.mark.parametrize(
    ("hidden", "driver", "cuda", "says"),
    [
        ("-1", True, True, "CUDA_VISIBLE_DEVICES hides"),
        (None, False, True, "no NVIDIA driver"),
        (None, True, False, "no CUDA support"),
        (None, True, True, "libraries are missing"),
    ],
)
def test_why_there_is_no_gpu(monkeypatch, hidden, driver, cuda, says):
    from deepcli.doctor import training

    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    monkeypatch.setattr("tensorflow.test.is_built_with_cuda", lambda: cuda)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi" if driver else None)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("pathlib.Path.exists", lambda self: driver)
    if hidden is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert says in training.devices()["why"]
