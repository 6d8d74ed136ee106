"""Trackers: what the real libraries hold of a run after it, in their local files; and that none can hurt a run."""

import importlib.util
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepcli.trackers import TRACKERS

ROOT = Path(__file__).parent.parent.parent
SPEC = (
    "data: {type: digits, limit: 100, batch_size: 20}\nmodel: {type: mlp, hidden_units: [8]}\ntraining: {epochs: 2}\n"
)


def installed(name):
    return pytest.mark.skipif(importlib.util.find_spec(TRACKERS[name].package) is None, reason=f"{name} is missing")


def history(run):
    import csv

    with (run / "history.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture
def train(cli, spec, tmp_path):
    def run(trackers, *words, folder="a run"):
        done = cli("train", spec(SPEC), f"training.trackers={trackers}", *words, "--output", tmp_path / folder)
        return done, tmp_path / folder

    return run


@installed("tensorboard")
def test_tensorboard_has_a_curve_for_every_metric_and_split(train):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done, run = train("[tensorboard]")
    assert done.code == 0, done.err
    rows, metrics = history(run), json.loads((run / "metrics.json").read_text())["metrics"]
    for split, prefix in (("train", ""), ("validation", "val_")):
        events = EventAccumulator(str(run / "tensorboard" / split)).Reload()
        for name in ("loss", "accuracy"):
            found = [(event.step, pytest.approx(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors(name)]
            assert found == [(row["epoch"], row[prefix + name]) for row in rows]
    [spec] = EventAccumulator(str(run / "tensorboard" / "train")).Reload().Tensors("spec")
    assert b"hidden_units" in tf.make_ndarray(spec.tensor_proto).item()
    [test] = EventAccumulator(str(run / "tensorboard" / "test")).Reload().Tensors("accuracy")
    assert tf.make_ndarray(test.tensor_proto) == pytest.approx(metrics["test"]["accuracy"])


ALONE = """
import sys
from pathlib import Path
from deepcli.trackers import TRACKERS
from deepcli.trackers.base import Tracked
log = TRACKERS["tensorboard"]().open(Tracked("a", Path(), {"seed": 1}, {}, None))
log.epoch(1, {"loss": 0.5, "val_loss": 0.25})
log.end("completed", {"loss": 0.125})
assert "tensorflow" not in sys.modules
"""


@pytest.mark.long
@installed("tensorboard")
def test_tensorboard_is_written_without_tensorflow(tmp_path):
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    for split, step, value in (("train", 1, 0.5), ("validation", 1, 0.25), ("test", 0, 0.125)):
        [found] = EventAccumulator(str(tmp_path / "tensorboard" / split)).Reload().Tensors("loss")
        assert (found.step, tf.make_ndarray(found.tensor_proto)) == (step, value)


@installed("mlflow")
@pytest.mark.filterwarnings("ignore")  # of its own libraries among themselves
def test_mlflow_has_the_fields_the_curves_and_the_end(train, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    done, run = train("[{type: mlflow, experiment: mine}]")
    assert done.code == 0 and "ignored from now on" not in done.err, done.err
    client = MlflowClient()
    [kept] = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert kept.info.status == "FINISHED" and kept.data.params["optimizer.learning_rate"] == "0.001"
    assert json.loads((run / "trackers.json").read_text()) == {"mlflow": kept.info.run_id}
    rows, metrics = history(run), json.loads((run / "metrics.json").read_text())["metrics"]
    losses = client.get_metric_history(kept.info.run_id, "val_loss")
    assert [(one.step, one.value) for one in losses] == [(row["epoch"], row["val_loss"]) for row in rows]
    assert kept.data.metrics["test_accuracy"] == metrics["test"]["accuracy"]


@installed("mlflow")
@pytest.mark.filterwarnings("ignore")
def test_a_run_that_goes_on_is_the_same_run_to_its_tracker(train, cli, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    done, run = train("[mlflow]")
    assert done.code == 0
    assert cli("train", "--resume", run, "training.epochs=3", "--quiet").code == 0
    client = MlflowClient()
    [kept] = client.search_runs([client.get_experiment_by_name("deepcli").experiment_id])
    assert [one.step for one in client.get_metric_history(kept.info.run_id, "loss")] == [1, 2, 3]
    assert kept.info.status == "FINISHED"


def records(content):
    """Read the records of a file in LevelDB's log format, after wandb's own seven bytes."""
    place, parts = 7, b""
    while place + 7 <= len(content):
        if 32768 - place % 32768 < 7:  # nothing begins in the last bytes of a block
            place += 32768 - place % 32768
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        if place + 7 + length > len(content):  # not yet written to its end
            return
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def wandb_kept(path):
    """Read the rows, the config and the summary that a run has left."""
    from wandb.proto import wandb_internal_pb2

    rows: list[dict] = []
    config: dict = {}
    summary: dict = {}
    for content in records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.HasField("history"):
            rows.append({(one.key or one.nested_key[0]): json.loads(one.value_json) for one in record.history.item})
        updates = [*record.run.config.update, *record.config.update]
        config |= {one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in updates}
        summary |= {one.key or one.nested_key[0]: json.loads(one.value_json) for one in record.summary.update}
    return rows, config, summary


@installed("wandb")
@pytest.mark.filterwarnings("ignore")
def test_wandb_keeps_a_run_offline(train, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")  # what the spec says goes before it
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(Path.cwd() / name))
    done, run = train("[{type: wandb, mode: offline, project: mine}]")
    assert done.code == 0 and "ignored from now on" not in done.err, done.err
    [kept] = (run / "wandb").glob("offline-run-*")
    assert json.loads((run / "trackers.json").read_text())["wandb"] in kept.name
    end = time.monotonic() + 30  # its own process writes the file, on a busy machine after the run has ended
    while True:
        rows, config, summary = wandb_kept(next(kept.glob("*.wandb")))
        if (config and "test_accuracy" in summary) or time.monotonic() > end:
            break
        time.sleep(0.2)
    assert config.get("optimizer", {}).get("learning_rate") == 0.001, config
    assert [row["val_loss"] for row in rows] == [row["val_loss"] for row in history(run)]
    test = json.loads((run / "metrics.json").read_text())["metrics"]["test"]
    assert summary["test_accuracy"] == test["accuracy"]


def test_a_tracker_that_is_not_installed_stops_a_run_before_it_begins(train, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in TRACKERS:
        done, run = train(f"[{name}]")
        assert done.code == 2 and f"pip install 'deepcli[{TRACKERS[name].extra}]'" in done.err
        assert not run.exists()


class Broken:
    """A tracker's log that fails when it is wanted."""

    def __init__(self, when):
        self.id, self.when = "broken", when

    def _fail(self, now):
        if self.when == now:
            raise ConnectionError("the server is gone")

    def epoch(self, epoch, row):
        self._fail("epoch")

    def end(self, status, test):
        self._fail("end")


@pytest.mark.parametrize("when", ["open", "epoch", "end"])
def test_a_tracker_that_fails_does_not_hurt_the_run(train, monkeypatch, when):
    def open_(self, run):
        log = Broken(when)
        log._fail("open")
        return log

    monkeypatch.setattr(TRACKERS["tensorboard"], "open", open_)
    done, run = train("[tensorboard]")
    assert done.code == 0 and json.loads((run / "metrics.json").read_text())["status"] == "completed"
    assert done.err.count("tensorboard failed and is ignored from now on: ConnectionError: the server is gone") == 1


def test_a_run_that_fails_is_a_failed_one_to_its_tracker(train, monkeypatch):
    told = []

    class Listening(Broken):
        def end(self, status, test):
            told.append((status, dict(test)))

    monkeypatch.setattr(TRACKERS["tensorboard"], "open", lambda self, run: Listening("never"))
    done, _ = train("[tensorboard]", "optimizer={type: sgd, learning_rate: 1e30}")
    assert done.code == 1 and told == [("failed", {})]
    done, _ = train("[tensorboard]", folder="another")
    assert done.code == 0 and told[1][0] == "completed" and set(told[1][1]) == {"loss", "accuracy"}


def test_a_spec_names_each_tracker(cli, spec):
    for name in TRACKERS:
        assert cli("validate", spec(SPEC), f"training.trackers=[{name}]").code == 0
    done = cli("validate", spec(SPEC), "training.trackers=[wanb]")
    assert done.code == 2 and "did you mean 'wandb'" in done.err
