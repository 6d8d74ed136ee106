"""Whole runs on time series: cut and resumed to the bit, forecasts that go on from a file, reports, pairs, exports, classes."""

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from deepcli import Run
from deepcli.cli.json_objects import Prediction
from deepcli.errors import Interrupted
from deepcli.evaluation.forecast_examples import ForecastExamples
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

SPEC = """
task: {type: forecasting, quantiles: QUANTILES}
data: {type: series, path: LOAD, target: all, window: 14, horizon: 3, batch_size: 32}
model: MODEL
schedule: {type: cosine, warmup: 0.2}
training: {epochs: 3, steps_per_execution: 1}
"""
MODELS = {
    "linear": "{type: linear, revin: true}",
    "gru": "{type: gru, units: [4], revin: true, regularization: {dropout: 0.2, recurrent_dropout: 0.2}}",
}


@pytest.fixture
def written(tmp_path, spec):
    load = own_files.series(tmp_path / "load.csv", 120, ("load", "price"))

    def write(model, quantiles="[]"):
        text = SPEC.replace("LOAD", str(load)).replace("MODEL", MODELS[model]).replace("QUANTILES", quantiles)
        return spec(text)

    return write


@pytest.mark.parametrize("model", ["linear", pytest.param("gru", marks=pytest.mark.long)])
def test_a_run_that_was_cut_comes_to_the_same_bits(written, tmp_path, model):
    path = written(model)
    whole = Cut()
    begin(path, [], tmp_path / "whole", whole)
    with pytest.raises(Interrupted):
        begin(path, [], tmp_path / "cut", Cut(whole.looked // 2))
    go_on(tmp_path / "cut")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")


def test_every_command_takes_a_run_of_forecasts(written, tmp_path, cli, monkeypatch):
    path = written("linear", "[0.1, 0.5, 0.9]")
    for seed in (0, 1):
        begin(path, [f"seed={seed}"], tmp_path / "runs" / str(seed))
    run = tmp_path / "runs/0"
    told = json.loads(cli("evaluate", run, "--json").out)
    assert set(told["metrics"]["test"]) >= {"loss", "mae", "rmse", "mase", "smape", "standardized_mse"}
    assert [one["step"] for one in told["steps"]["test"]] == [1, 2, 3]
    assert [one["level"] for one in told["quantiles"]["test"]] == [0.1, 0.5, 0.9]
    found: Any = Run(run).predictions("test")
    assert found.values.shape[2:] == (2, 3) and (np.diff(found.values, axis=-1) >= 0).all()
    assert told["metrics"]["test"]["standardized_mae"] == pytest.approx(
        (np.abs(found.values[..., 1] - found.targets) / found.scales).mean(), rel=1e-5
    )
    assert "seasonal_naive" in cli("baseline", run).out
    assert "too few origins to decide" in cli("compare", tmp_path / "runs/0", tmp_path / "runs/1").out
    cli("report", run)
    page = (run / "report.html").read_text()
    assert "Errors by step of the horizon" in page and "Forecasts and truth: load" in page and "<svg" in page
    path = run / "mistakes-test.npz"
    saved = ForecastExamples.load(path)
    fewer = {name: getattr(saved, name)[:, :, :1] for name in ("past", "targets", "values")}
    dataclasses.replace(saved, **fewer).save(path)
    assert "has examples of another model" in cli("report", run).err


def test_predict_goes_on_from_the_end_of_a_file(written, tmp_path, cli, monkeypatch):
    run = tmp_path / "run"
    begin(written("linear"), [], run)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    rows = list(csv.DictReader(cli("predict", run, tmp_path / "load.csv", "--csv").out.splitlines()))
    assert [row["time"] for row in rows] == ["2024-04-30", "2024-05-01", "2024-05-02"]
    told = json.loads(cli("predict", run, tmp_path / "load.csv", "--json", "--horizon", 2).out)
    Prediction.model_validate(told)
    assert [step["time"] for step in told["forecast"]] == ["2024-04-30", "2024-05-01"]
    assert told["forecast"][1]["values"]["price"] == pytest.approx(float(rows[1]["price"]))
    lines = (tmp_path / "load.csv").read_text().splitlines()
    window = np.array([line.split(",")[1:] for line in lines[-14:]], np.float32)
    (same,) = Run(run).predict(window)
    assert same.values["load"] == pytest.approx(float(rows[0]["load"]))
    wrong = cli("predict", run, tmp_path / "load.csv", "--horizon", 9)
    assert wrong.code == 2 and "the model forecasts 3 steps, not 9" in wrong.err
    (tmp_path / "short.csv").write_text("\n".join(lines[:10]))
    assert "has 9 steps, and the model sees 14" in cli("predict", run, tmp_path / "short.csv").err


@pytest.mark.long
@pytest.mark.parametrize("format", ["keras", "savedmodel", "litert", "onnx"])
def test_an_exported_model_forecasts_the_same(written, tmp_path, cli, format):
    run = tmp_path / "run"
    begin(written("linear", "[0.1, 0.9]"), [], run)
    cli("export", run, "--format", format, "--verify")


def test_classes_of_series_are_learned_and_predicted(tmp_path, spec, cli, monkeypatch):
    path = own_files.labelled_series(tmp_path)
    text = f"data: {{path: '{path}', batch_size: 8}}\nmodel: {{type: gru, units: [8]}}\noptimizer: {{type: adam, learning_rate: 0.03}}\n"
    run = tmp_path / "run"
    begin(spec(text + "training: {epochs: 8}\n"), [], run)
    assert json.loads(cli("evaluate", run, "--json").out)["metrics"]["test"]["accuracy"] == 1.0
    monkeypatch.setattr("sys.stdin", io.StringIO())
    alone = tmp_path / "alone.ts"
    lines = (tmp_path / "Waves_TEST.ts").read_text().split("@data\n")[1].splitlines()
    alone.write_text("@classLabel false\n@data\n" + "\n".join(line.rpartition(":")[0] for line in lines[:3]) + "\n")
    together = cli("predict", run, tmp_path / "Waves_TEST.ts", "--json").out.splitlines()
    for one, other in zip(cli("predict", run, alone, "--json").out.splitlines(), together, strict=False):
        assert json.loads(one)["name"] == json.loads(other)["name"]
        assert json.loads(one)["probability"] == pytest.approx(json.loads(other)["probability"], abs=1e-5)
