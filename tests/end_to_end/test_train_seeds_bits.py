"""`deepcli train --seeds`: the runs of several seeds are those of `deepcli train`, to the bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import psutil
import pytest

import deepcli
from deepcli.result import Result

SPEC = "data: {type: digits, limit: 200}\nmodel: {type: mlp, hidden_units: [16]}\ntraining: {epochs: 2}\n"
LONG = "data: {type: digits, batch_size: 8}\nmodel: {type: cnn, filters: [32, 32]}\ntraining: {epochs: 1000}\n"
DEEPCLI = [sys.executable, "-m", "deepcli"]


def figures(run):
    rows = (run / "history.csv").read_text().splitlines()
    with np.load(run / "predictions-test.npz") as saved:
        return [row.rpartition(",")[0] for row in rows], {name: saved[name].tobytes() for name in saved.files}


def test_each_seed_has_the_bits_of_a_run_that_is_trained_alone(cli, spec, monkeypatch):
    monkeypatch.setattr("deepcli.system.process_count.fitting_processes", lambda: 2)
    done = cli("train", spec(SPEC), "--seeds", "4,1", "-o", "r", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    jsonschema.validate(told, Result.model_json_schema(by_alias=True))
    first, second = (json.loads(Path(f"r/seed-{seed}/metrics.json").read_text()) for seed in (4, 1))
    assert [one["metrics"] for one in told["seeds"]] == [first["metrics"], second["metrics"]]
    assert first["metrics"] != second["metrics"]
    threads = json.loads(Path("r/seed-1/environment.json").read_text())["threads"]
    alone = [*DEEPCLI, "train", spec(SPEC), "seed=1", f"training.threads={threads}", "-o", "alone", "-q"]
    subprocess.run(alone, check=True, capture_output=True)
    assert figures(Path("r/seed-1")) == figures(Path("alone"))
    assert Path("r/seed-1/config.yaml").read_text() == Path("alone/config.yaml").read_text().replace(
        f"threads: {threads}", "threads: auto"
    )
    again = deepcli.train_seeds(spec(SPEC), seeds=[1, 4], output="r", if_exists="skip", progress=False)
    assert again.result.metrics == told["metrics"] and list(again.runs) == [1, 4]


def started(folder):
    process = subprocess.Popen(
        [*DEEPCLI, "train", "spec.yaml", "--seeds", "2", "-o", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    while not Path(folder, "seed-0/checkpoints/last.keras").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    return process


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_ctrl_c_stops_all_with_checkpoints_and_says_how_to_continue():
    Path("spec.yaml").write_text(LONG)
    process = started("r")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    again = "deepcli train spec.yaml --seeds 2 --offline --output r --if-exists resume"
    assert f"error: interrupted after 0 of 2 seeds; continue with: {again}\n" in err
    for run in Path("r").iterdir():
        assert (run / "checkpoints/last.keras").exists() and not deepcli.Run(run)._run.is_owned()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_no_process_outlives_a_command_that_is_killed():
    Path("spec.yaml").write_text(LONG)
    process = started("r")
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
