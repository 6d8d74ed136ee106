"""The processes that train a sweep's trials: begun in either way, and ended so that nothing of a plugin's is lost."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepcli.data.files import Sources
from deepcli.experiment.load import load
from deepcli.spec.plugins import import_plugins
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.start import open_study, start_sweep
from deepcli.sweeps.workers.pool import WorkerConfig, WorkerPool
from deepcli.system.signals import Signals
from tests.conftest import ROOT

SPIRALS = str(ROOT / "tests" / "plugins" / "spirals.py")
SPEC = """
data: {type: spirals, limit: 40, batch_size: 20}
model: {type: mlp, hidden_units: [4]}
training: {epochs: 1}
"""
RATES = "optimizer.learning_rate=[1e-3, 1e-2]"


@pytest.mark.parametrize("plugins", [(), (SPIRALS,)], ids=["own", "plugin"])
def test_a_worker_that_shares_no_memory_trains_trials(plugins, spec, tmp_path):
    """As on macOS and Windows: all that a worker needs goes through a pickle, which it opens before its plugins."""
    text = SPEC if plugins else SPEC.replace("spirals", "digits")
    plan = load_sweep([str(spec(text)), RATES], (), plugins, {})
    folder, _ = start_sweep(tmp_path / "a sweep", plan, None)
    experiment, sources = plan.experiment({}), Sources(progress=lambda name, done, total: None)
    config = WorkerConfig(folder.path, None, plugins, sources, (experiment, experiment.data.load(sources)), 1, None)
    WorkerPool(1, config, start="spawn").work(Signals(), attached=False)
    study = open_study(folder, None, plugins)
    try:
        assert study.done and len(study.winners) == 1
        results = [json.loads(path.read_text()) for path in folder.path.glob("trials/*/metrics.json")]
    finally:
        study.close()
    assert [result["status"] for result in results] == ["completed", "completed"]
    assert sum("test" in result["metrics"] for result in results) == 1


def test_what_a_data_set_returns_can_be_sent_to_another_process(spec, tiny_imdb):
    """Its words too, and whoever sees a download's progress stays here."""
    folder = tiny_imdb.parent / "with words"
    folder.mkdir()
    (folder / "imdb.npz").write_bytes(tiny_imdb.read_bytes())
    (folder / "imdb_word_index.json").write_text(json.dumps({f"word{rank}": rank for rank in range(1, 201)}))
    data = load([spec(f"data: {{type: imdb, path: '{folder}'}}\nmodel: ngram\n")], []).experiment.data
    splits = data.load(Sources(progress=lambda name, done, total: None))
    words = splits.lexicon()
    assert words.spell([13]) == "word10"
    assert splits.lexicon() is words
    again = pickle.loads(pickle.dumps(splits))
    assert again.lexicon() == words
    assert again.train.x.values.tolist() == splits.train.x.values.tolist()
    import_plugins([SPIRALS])
    mine = load([spec(SPEC)], []).experiment.data.load(Sources())
    assert pickle.loads(pickle.dumps(mine)).lexicon() is None


LEAVES = '''
import atexit
from typing import Literal
from deepcli.models import MODELS
from deepcli.models.mlp import Mlp


def say(name, text):
    with open(name, "a") as file:
        file.write(text + "\\n")


class Log:
    """Part of a reference cycle, and begun before TensorFlow is imported."""

    def __init__(self, name):
        self.file = open(name, "a")
        self.write = self.line

    def line(self, text):
        self.file.write(text + "\\n")


log = Log("log.txt")
log.write("imported")
plain = open("plain.txt", "a")
atexit.register(log.write, "ended")
atexit.register(say, "ends.txt", "the process that imported")


@MODELS.register
class Leaves(Mlp):
    """Leaves files open, and things to be done at the end."""

    type: Literal["leaves"] = "leaves"

    def build(self, signature, head):
        log.write("built")
        plain.write("built\\n")
        atexit.register(say, "ends.txt", "the process that built")
        return super().build(signature, head)
'''


def run(*words):
    return subprocess.run([sys.executable, "-m", "deepcli", *map(str, words)], capture_output=True, text=True)


def test_what_a_plugin_leaves_to_the_end_of_the_process_is_done(spec):
    Path("leaves.py").write_text(LEAVES)
    text = "data: {type: digits, limit: 40}\nmodel: {type: leaves, hidden_units: [4]}\ntraining: {epochs: 1}\n"
    done = run("train", spec(text), "--plugin", "leaves.py", "-o", "a")
    assert done.returncode == 0, done.stderr
    assert Path("log.txt").read_text().split() == ["imported", "built", "ended"]
    assert Path("plain.txt").read_text().split() == ["built"]
    assert Path("ends.txt").read_text().splitlines() == ["the process that built", "the process that imported"]


def test_what_a_plugin_leaves_in_a_sweeps_worker_is_done(spec):
    """A fork's end does neither by itself, and what was buffered before the fork must not be written twice."""
    Path("leaves.py").write_text(LEAVES)
    text = "data: {type: digits, limit: 40}\nmodel: {type: leaves, hidden_units: [4]}\ntraining: {epochs: 1}\n"
    done = run("sweep", "run", spec(text), RATES, "--plugin", "leaves.py", "-o", "s", "--workers", 1)
    assert done.returncode == 0, done.stderr
    lines = Path("log.txt").read_text().split()
    # The command and the process that has the workers import it and end; the worker builds two trials, and the winner.
    assert sorted(lines) == sorted(["imported", "ended"] * 2 + ["built"] * 3)
    assert Path("plain.txt").read_text().split() == ["built"] * 3
    ends = Path("ends.txt").read_text().splitlines()
    assert sorted(ends) == sorted(["the process that imported"] * 2 + ["the process that built"] * 3)


@pytest.mark.parametrize(
    ("gpus", "cores", "available", "limit", "count"),
    [
        ([], 8, 100, 100, 8),
        ([], 8, 9, 100, 4),
        ([], 8, 100, 7, 3),  # in a container, which sees the memory of the whole machine
        ([], 8, 1, 1, 1),
        (["0", "1"], 8, 100, 2, 2),
    ],
)
def test_as_many_workers_as_cores_and_memory_allow(gpus, cores, available, limit, count, monkeypatch):
    from deepcli.system import process_count

    monkeypatch.setattr(process_count, "visible_gpus", lambda: gpus)
    monkeypatch.setattr(process_count, "cores", lambda: cores)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=available << 30))
    monkeypatch.setattr(process_count, "memory_limit", lambda: limit << 30)
    assert process_count.default_workers() == count
