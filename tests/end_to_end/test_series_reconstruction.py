"""Whole runs of autoencoders of series: cut and resumed to the bit, scored, and spikes found with their times."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli import Run
from deepcli.data.files import Sources
from deepcli.errors import Interrupted
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.nn.coding import encoder_of, threshold_of
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

SPEC = """
task: reconstruction
data: {path: load.csv, window: 14, target: all, batch_size: 32}
model: {type: autoencoder, hidden_units: [16], latent: 4}
optimizer: {type: adam, learning_rate: 1e-2}
training: {epochs: 20, steps_per_execution: 8}
"""
VARIATIONAL = """
task: reconstruction
data: {path: "Waves_*.ts", batch_size: 8}
model: {type: autoencoder, filters: [4, 4], hidden_units: [8], latent: 2, variational: true, noise: {masking: 0.1},
        regularization: {normalization: batch}}
training: {epochs: 3, steps_per_execution: 1}
"""


@pytest.fixture(scope="module")
def load_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    own_files.series(folder / "load.csv", 300, ("load", "price"))
    (folder / "a.yaml").write_text(SPEC.replace("load.csv", str(folder / "load.csv")))
    begin(folder / "a.yaml", [], folder / "run")
    return folder / "run"


def test_an_evaluation_scores_windows_that_lie_in_the_test_split(load_run, cli):
    told = json.loads(cli("evaluate", load_run, "--json").out)
    rows = np.loadtxt(load_run.parent / "load.csv", delimiter=",", skiprows=1, usecols=(1, 2))
    means, scales = rows[:210].mean(axis=0), rows[:210].std(axis=0)
    windows = np.stack([rows[first : first + 14] for first in range(240, 287)])
    model = Run(load_run).model()
    outputs = model.predict(windows.astype(np.float32), verbose=0)
    standard = (windows - means) / scales
    metrics = told["metrics"]["test"]
    assert metrics["mean_squared_error"] == pytest.approx(((outputs - standard) ** 2).mean(), rel=1e-4)
    assert metrics["mean_absolute_error"] == pytest.approx(np.abs(outputs - standard).mean(), rel=1e-4)
    assert metrics["loss"] == pytest.approx(metrics["mean_squared_error"])
    mean = np.stack([rows[first : first + 14] for first in range(197)]).mean(axis=0)
    trivial = (((windows - mean) / scales) ** 2).mean()
    assert told["baselines"]["trivial"]["mean_squared_error"] == pytest.approx(trivial, rel=1e-4)
    assert metrics["mean_squared_error"] < trivial
    kept: Any = load_predictions(load_run / "predictions-test.npz")
    assert kept.ids.tolist() == list(range(240, 287)) and kept.codes.shape == (47, 4)
    codes = encoder_of(model).predict(windows.astype(np.float32), verbose=0)
    np.testing.assert_allclose(kept.codes, codes, rtol=1e-4, atol=1e-5)


def test_predict_names_the_times_of_a_spike(load_run, cli, tmp_path):
    lines = (load_run.parent / "load.csv").read_text().splitlines()
    day, load, price = lines[101].split(",")
    lines[101] = f"{day},{float(load) + 400},{price}"
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    rows = list(csv.reader(cli("predict", load_run, tmp_path / "new.csv", "--csv").out.splitlines()))
    assert rows[0] == ["input", "first", "last", "error", "threshold", "unusual"]
    assert len(rows) - 1 == -(-300 // 14)
    (spike,) = [row for row in rows[1:] if row[1] <= day <= row[2]]
    assert spike[5] == "True" and float(spike[3]) == max(float(row[3]) for row in rows[1:])
    first = json.loads(cli("predict", load_run, tmp_path / "new.csv", "--json").out.partition("\n")[0])
    assert (first["first"], first["last"]) == ("2024-01-01", "2024-01-14")
    said = cli("predict", load_run, tmp_path / "new.csv", "--stride", 1).out.splitlines()
    assert len(said) == 300 - 13 and said[1].endswith("new.csv  2024-01-02 to 2024-01-15")
    run = Run(load_run)
    splits: Any = run.spec.data.load(Sources())
    model = run.model()
    windows = np.asarray(splits.validation.x)
    columns = run.spec.signature.columns
    standard = (windows - [one.mean for one in columns]) / [one.scale for one in columns]
    errors = ((model.predict(windows, verbose=0) - standard) ** 2).mean(axis=(1, 2))
    assert threshold_of(model, 0.9) == pytest.approx(np.quantile(errors, 0.9), rel=2e-3)
    (answer, *_) = run.predict(str(tmp_path / "new.csv"), stride=7)
    assert answer.span == ("2024-01-01", "2024-01-14") and "2024-01-01 to 2024-01-14" in repr(answer)
    (code,) = run.predict(windows[0], encode=True)
    assert len(code.values) == 4 and code.span is None
    assert cli("predict", load_run, tmp_path / "new.csv", "--encode", "-o", tmp_path / "codes.npy").code == 0
    assert np.load(tmp_path / "codes.npy").shape == (22, 4)


def test_a_report_draws_windows_before_and_after_with_their_times(load_run, cli):
    assert cli("report", load_run).code == 0
    page = (load_run / "report.html").read_text()
    assert all(f"<h3>{group}</h3>" in page for group in ("best", "typical", "worst"))
    saved = np.load(load_run / "mistakes-test.npz")
    assert " to 2024-" in str(saved["times"][0]) and set(saved["columns"].tolist()) <= {"load", "price"}
    kept: Any = load_predictions(load_run / "predictions-test.npz")
    worst = saved["errors"][saved["groups"] == 2].max()
    assert worst == pytest.approx(kept.of_kind("mean_squared_error").max())
    assert saved["before"].shape == saved["after"].shape == (len(saved["ids"]), 14)


@pytest.mark.long
def test_a_variational_run_on_series_of_any_length_that_was_cut_comes_to_the_same_bits(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files.labelled_series(tmp_path)
    Path("a.yaml").write_text(VARIATIONAL)
    whole = Cut()
    begin(Path("a.yaml"), [], tmp_path / "whole", whole)
    with pytest.raises(Interrupted):
        begin(Path("a.yaml"), [], tmp_path / "cut", Cut(whole.looked // 2))
    go_on(tmp_path / "cut")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")
    told = json.loads(cli("evaluate", tmp_path / "whole", "--json").out)
    assert "adjusted_rand_index" in told["metrics"]["test"]
    run = Run(tmp_path / "whole")
    splits: Any = run.spec.data.load(Sources())
    x, columns = np.asarray(splits.test.x), run.spec.signature.columns
    assert np.isnan(x).any()
    standard = (x - [one.mean for one in columns]) / [one.scale for one in columns]
    apart = (run.model().predict(x, verbose=0) - standard) ** 2
    expected = np.nanmean(apart.reshape(len(x), -1), axis=1).mean()
    assert told["metrics"]["test"]["mean_squared_error"] == pytest.approx(expected, rel=1e-4)
    assert cli("report", tmp_path / "whole").code == 0
    page = (tmp_path / "whole" / "report.html").read_text()
    assert "<h2>Samples</h2>" in page and "adjusted Rand index" in page
    answers = [
        json.loads(line) for line in cli("predict", tmp_path / "whole", "Waves_TEST.ts", "--json").out.splitlines()
    ]
    assert len(answers) == 12 and all("first" not in one for one in answers)
    without = Path("Waves_TEST.ts").read_text().replace("@classLabel true slow fast", "@classLabel false")
    Path("none.ts").write_text("\n".join(line.rpartition(":")[0] or line for line in without.splitlines()) + "\n")
    done = cli("train", "none.ts", "task=reconstruction", "training.epochs=1", "-o", "unlabelled", "-q")
    assert done.code == 0, done.err
    assert "task=reconstruction learns to give them back" in cli("train", "none.ts", "-q").err


@pytest.mark.long
def test_windows_are_exported_and_compared(load_run, spec, tmp_path, cli):
    text = SPEC.replace("load.csv", str(load_run.parent / "load.csv"))
    begin(spec(text), ["model.filters=[4]", "model.latent=2"], tmp_path / "other")
    assert "mean squared error  " in cli("compare", load_run, tmp_path / "other").out
    found = json.loads(cli("baseline", load_run, "--json").out)
    assert set(found["baselines"]) == {"mean input", "pca"} and found["notes"]["pca"][-1] == "4 components"
    for name, run in (("dense.onnx", load_run), ("convolved.onnx", tmp_path / "other")):
        done = cli("export", run, "--format", "onnx", "--output", tmp_path / name)
        assert done.code == 0, done.err
