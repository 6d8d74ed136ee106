"""Whole runs of autoencoders: on pictures and tables with labels and without, cut and resumed to the bit, and their answers."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepcli import Run
from deepcli.cli.predict_output import Npy
from deepcli.data.arrays.splits import Split
from deepcli.data.files import Sources
from deepcli.errors import Interrupted
from deepcli.evaluation.predictions_file import load_predictions
from deepcli.inputs.example import Example, Unreadable
from deepcli.nn.coding import threshold_of
from deepcli.tasks.error_answers import CodeInterpreter
from deepcli.training.pipeline import pair_gatherer
from tests import own_files
from tests.torture.runs import Cut, begin, fingerprint, go_on

DIGITS = """
task: reconstruction
data: {type: digits, batch_size: 64, limit: 256}
model: {type: autoencoder, hidden_units: [16], latent: 4}
optimizer: {type: adam, learning_rate: 1e-2}
training: {epochs: 25, steps_per_execution: 4}
"""
VARIATIONAL = """
task: reconstruction
data: {type: digits, batch_size: 64, limit: 128}
model: {type: autoencoder, filters: [4], hidden_units: [8], latent: 2, variational: true, noise: {gaussian: 0.1, masking: 0.2}}
metrics: [mean_squared_error, mean_absolute_error, binary_crossentropy]
schedule: {type: cosine, warmup: 0.2}
training: {epochs: 3, steps_per_execution: 1}
"""
TABLE = """
task: reconstruction
data: {path: cars.csv, batch_size: 32, target: TARGET}
model: {type: autoencoder, hidden_units: [8], latent: 2}
training: {epochs: 2}
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    (folder / "a.yaml").write_text(DIGITS)
    begin(folder / "a.yaml", [], folder / "run")
    return folder / "run"


def test_a_variational_run_with_noise_that_was_cut_comes_to_the_same_bits(spec, tmp_path):
    path = spec(VARIATIONAL)
    whole = Cut()
    begin(path, [], tmp_path / "whole", whole)
    with pytest.raises(Interrupted):
        begin(path, [], tmp_path / "cut", Cut(whole.looked // 2))
    go_on(tmp_path / "cut")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")
    found, other = (np.load(tmp_path / name / "mistakes-test.npz") for name in ("whole", "cut"))
    assert found["samples"].shape == (24, 8, 8, 1)
    assert all(np.array_equal(found[name], other[name]) for name in found.files)


def test_an_evaluation_scores_what_the_model_gives_back(digits, cli):
    told = json.loads(cli("evaluate", digits, "--json").out)
    metrics = told["metrics"]["test"]
    run = Run(digits)
    splits: Any = run.spec.data.load(Sources())
    test = splits.test
    outputs = run.model().predict(test.x, verbose=0).astype(np.float64)
    pixels = test.x / 255
    assert metrics["mean_squared_error"] == pytest.approx(((outputs - pixels) ** 2).mean(), rel=1e-5)
    assert metrics["mean_absolute_error"] == pytest.approx(np.abs(outputs - pixels).mean(), rel=1e-5)
    entropy = -(pixels * np.log(outputs) + (1 - pixels) * np.log(1 - outputs)).mean()
    assert metrics["loss"] == pytest.approx(entropy, rel=1e-5)
    assert metrics["loss"] == pytest.approx(metrics["binary_crossentropy"], rel=1e-6)
    train = splits.train.x / 255
    assert told["baselines"]["trivial"]["mean_squared_error"] == pytest.approx(
        ((train.mean(axis=0) - pixels) ** 2).mean(), rel=1e-5
    )
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    kept: Any = load_predictions(digits / "predictions-test.npz")
    assert np.array_equal(kept.labels, test.labels) and kept.codes.shape == (len(test), 4)
    groups = KMeans(10, n_init=20, random_state=1).fit_predict(kept.codes)
    assert metrics["adjusted_rand_index"] == pytest.approx(adjusted_rand_score(test.labels, groups), abs=0.15)


def test_predict_says_what_is_unusual_by_a_quantile_of_validation(digits, cli, tmp_path):
    run = Run(digits)
    model = run.model()
    splits: Any = run.spec.data.load(Sources())
    errors = ((model.predict(splits.validation.x, verbose=0) - splits.validation.x / 255) ** 2).mean(axis=(1, 2, 3))
    for quantile in (0.5, 0.99):
        assert threshold_of(model, quantile) == pytest.approx(np.quantile(errors, quantile), rel=2e-3)
    noise = np.random.RandomState(0).randint(0, 256, (8, 8)).astype(np.uint8)
    Image.fromarray(splits.test.x[0, ..., 0]).save(tmp_path / "digit.png")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    words = ("predict", digits, tmp_path / "digit.png", tmp_path / "noise.png", "--fit", "none", "--no-invert")
    first, second = map(json.loads, cli(*words, "--json").out.splitlines())
    assert second["unusual"] and second["error"] > first["error"]
    assert second["error"] == pytest.approx(
        float(((model.predict(noise[None, ..., None], verbose=0) - noise[None, ..., None] / 255) ** 2).mean()), rel=1e-4
    )
    assert first["threshold"] == second["threshold"] == pytest.approx(np.quantile(errors, 0.99), rel=2e-3)
    low = json.loads(cli(*words, "--json", "--quantile", "0.000001").out.splitlines()[0])
    assert low["unusual"] and low["threshold"] < first["threshold"]
    said = cli(*words).out.splitlines()
    assert "  usual, up to " in said[0] or "  unusual, above " in said[0]
    assert "(0.99 of validation)" in said[1]
    rows = list(csv.reader(cli(*words, "--csv").out.splitlines()))
    assert rows[0] == ["input", "error", "threshold", "unusual"] and rows[2][3] == "True"


def test_codes_are_written_as_csv_and_as_an_array(digits, cli, tmp_path):
    run = Run(digits)
    x = np.asarray(run.spec.data.load(Sources()).test.x)[:3]
    np.save(tmp_path / "x.npy", x)
    from deepcli.nn.coding import encoder_of

    expected = encoder_of(run.model()).predict(x, verbose=0)
    words = ("predict", digits, tmp_path / "x.npy", "--encode")
    assert cli(*words, "-o", tmp_path / "codes.npy").code == 0
    found = np.load(tmp_path / "codes.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = cli(*words[:2], tmp_path / "broken.png", *words[2:], "-o", tmp_path / "some.npy")
    assert done.code == 1
    np.testing.assert_allclose(np.load(tmp_path / "some.npy"), expected, rtol=1e-5, atol=1e-6)
    assert cli(*words, "-o", tmp_path / "codes.csv").code == 0
    rows = list(csv.reader((tmp_path / "codes.csv").read_text().splitlines()))
    assert rows[0] == ["input", "code_0", "code_1", "code_2", "code_3"]
    np.testing.assert_allclose(np.array([row[1:] for row in rows[1:]], float), expected, rtol=1e-5)
    (answer, *_), line = run.predict(x, encode=True), cli(*words, "--json").out.splitlines()[0]
    assert list(answer.values.values()) == pytest.approx(expected[0].tolist(), rel=1e-5)
    assert json.loads(line)["code"] == pytest.approx(expected[0].tolist(), rel=1e-5)


def test_options_without_a_meaning_are_refused(digits, cli, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 8, 8, 1), np.uint8))
    x = tmp_path / "x.npy"
    assert (
        "--top-k: has no effect; reconstruction has no classes to rank" in cli("predict", digits, x, "--top-k", 2).err
    )
    assert "--probabilities: has no effect" in cli("predict", digits, x, "--probabilities").err
    assert "--quantile: should be above 0 and at most 1" in cli("predict", digits, x, "--quantile", 99).err
    assert "choose one; a code has no threshold" in cli("predict", digits, x, "--encode", "--quantile", 0.5).err
    assert (
        "--output: codes.txt: should end in .jsonl, .csv or .npy"
        in cli("predict", digits, x, "--encode", "-o", "codes.txt").err
    )
    assert "should end in .jsonl or .csv" in cli("predict", digits, x, "-o", "codes.npy").err
    assert "--threshold: " in cli("evaluate", digits, "--threshold", 0.5).err


def test_a_report_shows_inputs_before_and_after_and_codes_by_class(digits, cli):
    assert cli("report", digits).code == 0
    page = (digits / "report.html").read_text()
    assert all(f"<h3>{group}</h3>" in page for group in ("best", "typical", "worst"))
    assert page.count('alt="before, ') == page.count('alt="after, ') == 24
    assert "codes of 4 numbers, drawn by their first two principal components" in page
    assert "adjusted Rand index" in page and "<h2>Samples</h2>" not in page


@pytest.mark.long
def test_compare_and_baseline_count_errors_on_the_same_inputs(digits, spec, tmp_path, cli):
    begin(spec(DIGITS), ["model.latent=1", "model.hidden_units=[2]"], tmp_path / "other")
    told = cli("compare", digits, tmp_path / "other").out
    assert "mean squared error  +" in told and "worse" in told
    found = json.loads(cli("baseline", digits, "--json").out)
    assert set(found["baselines"]) == {"mean input", "pca"} and found["notes"]["pca"][-1] == "4 components"
    assert found["verdicts"]["mean input"] == "better"


@pytest.mark.long
def test_a_table_needs_no_target_and_with_one_its_classes_are_no_input(spec, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files.table(tmp_path / "cars.csv", "kind")
    path = spec(TABLE)
    begin(path, ["data.target=null"], tmp_path / "all")
    begin(path, ["data.target=kind"], tmp_path / "labelled")
    whole, some = (Run(tmp_path / name) for name in ("all", "labelled"))
    assert [column.name for column in whole.spec.signature.columns] == ["size", "colour", "age", "kind"]
    assert [column.name for column in some.spec.signature.columns] == ["size", "colour", "age"]
    assert "adjusted_rand_index" not in cli("evaluate", tmp_path / "all").out
    assert "adjusted_rand_index" in cli("evaluate", tmp_path / "labelled").out
    assert "pca" in (tmp_path / "labelled" / "train.log").read_text()
    row = '{"size": 5, "colour": "red", "age": 400}'
    (answer,) = [json.loads(line) for line in cli("predict", tmp_path / "labelled", row, "--json").out.splitlines()]
    assert answer["unusual"]
    assert cli("report", tmp_path / "labelled").code == 0
    page = (tmp_path / "labelled" / "report.html").read_text()
    assert "colour " in page and " → " in page


@pytest.mark.long
def test_a_model_evaluates_data_whose_classes_it_does_not_know(spec, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files.table(tmp_path / "cars.csv", "kind")
    begin(spec(TABLE), ["data.target=kind"], tmp_path / "run")
    other = (tmp_path / "cars.csv").read_text().replace("dear", "broken")
    (tmp_path / "other.csv").write_text(other)
    done = cli("evaluate", tmp_path / "run", "data.path=other.csv", "--output", tmp_path / "found.npz")
    assert done.code == 0, done.err
    found: Any = load_predictions(tmp_path / "found.npz")
    assert set(found.labels.tolist()) == {-1, 0}


@pytest.mark.long
def test_pictures_need_no_classes(tmp_path, cli):
    folder = own_files.pictures(tmp_path / "photos", 12, ("bright", "dark"))
    for number, file in enumerate(sorted(folder.glob("*/*"))):
        file.rename(folder / f"{number}{file.suffix}")
    for empty in ("bright", "dark"):
        (folder / empty).rmdir()
    words = ("task=reconstruction", "training.epochs=1", "data.size=12", "-o", tmp_path / "run", "-q")
    done = cli("train", folder, *words)
    assert done.code == 0, done.err
    run = Run(tmp_path / "run")
    assert run.spec.signature.shape == (12, 12, 3) and run.spec.target_names == []
    assert not math.isnan(run.metrics["test"]["mean_squared_error"])
    assert "its pictures are not in class folders" in cli("train", folder, "-q").err


@pytest.mark.parametrize("name", ["x.npz", "x.npy"])
def test_arrays_need_no_targets(tmp_path, cli, name):
    x = np.random.RandomState(0).normal(0, 1, (90, 6)).astype(np.float32)
    (np.savez(tmp_path / name, x=x) if name.endswith("z") else np.save(tmp_path / name, x))
    done = cli("init", tmp_path / name, "task=reconstruction")
    assert done.code == 0, done.err
    assert "task: reconstruction" in (text := Path("x.yaml").read_text()) and "type: autoencoder" in text
    from deepcli.data import DATASETS

    splits = DATASETS.select({"type": "arrays", "path": str(tmp_path / name)}).bound("inputs").load(Sources())
    assert splits.train.labels is None and splits.train.predicts_inputs
    assert sum(len(one) for one in (splits.train, splits.validation, splits.test)) == 90


def test_a_row_that_cannot_be_read_keeps_its_place_in_an_array(tmp_path):
    writer = Npy(CodeInterpreter(2))
    batches: list[list[Example | Unreadable]] = [
        [Unreadable("a", "why")],
        [Example("b", np.zeros(1)), Unreadable("c", "why")],
        [Example("d", np.ones(1))],
    ]
    with (tmp_path / "codes.npy").open("wb") as file:
        writer.begin(file)
        for batch, outputs in zip(batches, (np.empty((0, 0)), [[1, 2]], [[3, 4]]), strict=True):
            writer.write(batch, np.asarray(outputs, np.float32))
        writer.end()
    found = np.load(tmp_path / "codes.npy")
    assert found[[1, 3]].tolist() == [[1, 2], [3, 4]] and np.isnan(found[[0, 2]]).all() and found.shape == (4, 2)


def test_targets_take_no_memory_of_their_own():
    x = np.random.RandomState(0).randint(0, 256, (10, 4, 4, 1)).astype(np.uint8)
    split = Split(x, np.arange(10), np.arange(10)).of_inputs(True)
    assert split.y is split.x and np.array_equal(split.labels, np.arange(10))
    inputs, targets = pair_gatherer(split)(np.array([3, 1]))
    assert targets is inputs and np.array_equal(inputs, x[[3, 1]])


@pytest.mark.long
def test_data_are_looked_at_without_a_target(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files.table(tmp_path / "cars.csv", "kind")
    assert cli("train", "cars.csv", "task=reconstruction", "training.epochs=1", "-o", "run", "-q").code == 0
    done = cli("data", "run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["target_kind"], told["classes"]) == ("inputs", [])
