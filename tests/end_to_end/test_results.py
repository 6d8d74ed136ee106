"""Looking at runs: predictions that are kept, figures that can be recomputed, comparisons, pictures."""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from deepcli.evaluation.paired import paired
from deepcli.evaluation.predictions import Predictions

from .conftest import trained

SPEC = (
    "data: {type: digits, limit: 200, batch_size: 20}\nmodel: {type: mlp, hidden_units: [16]}\ntraining: {epochs: 3}\n"
)


RATES = {"run one": "1e-3", "run two": "2e-2"}


@pytest.fixture(scope="module")
def trained_runs(tmp_path_factory):
    """Train two runs that differ in one field; gives their directory."""
    folder = tmp_path_factory.mktemp("two runs")
    (folder / "spec.yaml").write_text(SPEC)
    for name, rate in RATES.items():
        trained(folder / name, folder / "spec.yaml", f"optimizer.learning_rate={rate}")
    return folder


@pytest.fixture
def runs(trained_runs, tmp_path):
    """Give copies of the two runs."""
    return [shutil.copytree(trained_runs / name, tmp_path / name) for name in RATES]


def test_what_evaluate_says_can_be_recomputed_from_the_predictions_it_keeps(cli, runs):
    for split in ("test", "validation", "train"):
        done = cli("evaluate", runs[1], "--split", split, "--json", "--batch-size", "7")
        metrics = json.loads(done.out)["metrics"][split]
        kept = np.load(runs[1] / f"predictions-{split}.npz")
        chosen = kept["probabilities"][np.arange(len(kept["labels"])), kept["labels"]].astype(np.float64)
        assert metrics["loss"] == pytest.approx(-np.log(np.clip(chosen, 1e-7, 1)).mean(), abs=1e-6)
        right = kept["probabilities"].argmax(axis=1) == kept["labels"]
        assert metrics["accuracy"] == pytest.approx(right.mean(), abs=1e-6)


def test_predictions_go_where_they_are_wanted(cli, runs, tmp_path):
    before = (runs[0] / "predictions-test.npz").read_bytes()
    last = runs[0] / "checkpoints" / "last.keras"
    assert cli("evaluate", last, "--output", tmp_path / "mine.npz", "--quiet").code == 0
    assert (runs[0] / "predictions-test.npz").read_bytes() == before  # those of the best weights
    assert Predictions.load(tmp_path / "mine.npz").misfit is None


def test_a_run_that_cannot_be_written_is_evaluated_all_the_same(cli, runs, monkeypatch):
    from deepcli.errors import TrainingError
    from deepcli.training import evaluation_files

    def full(*_):
        raise TrainingError("no space")

    monkeypatch.setattr(evaluation_files, "keep", full)
    done = cli("evaluate", runs[0])
    assert done.code == 0 and "test accuracy" in done.out and "not saved: no space" in done.err


def test_compare_tells_what_differs_and_whether_it_is_noise(cli, runs, tmp_path):
    done = cli("compare", *runs, "--output", tmp_path / "curves.png")
    assert done.code == 0, done.err
    assert re.search(r"^optimizer\.learning_rate +0\.001 +0\.02$", done.out, re.M)
    assert "model.hidden_units" not in done.out
    assert f"{runs[1]} against {runs[0]}, on 200 test examples: better" in done.out
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    same = cli("compare", runs[0], runs[0], "--json")
    pair = json.loads(same.out)["pairs"][0]
    assert (pair["verdict"], pair["p_value"], pair["accuracy"]) == ("within noise", 1.0, 0.0)
    assert json.loads(same.out)["changed"] == {}
    table = cli("compare", *runs, "--markdown").out
    assert "| optimizer.learning_rate | 0.001 | 0.02 |" in table


def test_runs_on_other_data_are_not_paired(cli, runs, spec, tmp_path):
    other = tmp_path / "other"
    assert cli("train", spec(SPEC), "data.limit=100", "--output", other, "--quiet").code == 0
    done = cli("compare", runs[0], other)
    assert done.code == 0 and "not comparable" in done.out and re.search(r"^data\.limit +200 +100$", done.out, re.M)


def test_what_tells_data_apart_decides_whether_runs_are_paired(cli, runs):
    path = runs[1] / "environment.json"
    environment = json.loads(path.read_text())
    path.write_text(json.dumps({**environment, "data": {**environment["data"], "content": "0" * 64}}))
    assert "not comparable: different data" in cli("compare", *runs).out
    for unknown in ({}, {"sha256": ""}, None):  # runs that say too little of their data
        path.write_text(json.dumps({**environment, "data": unknown}))
        done = cli("compare", *runs)
        assert done.code == 0 and "on 200 test examples" in done.out
        assert f"notice: {runs[0]} and {runs[1]} do not record whether they used the same data" in done.err
    path.write_text(json.dumps({**environment, "data": {"sha256": environment["data"]["sha256"]}}))  # an older run
    assert cli("compare", *runs).err == ""


@pytest.mark.parametrize(("content", "says"), [(None, "deepcli evaluate"), (b"PK", "is damaged")])
def test_without_predictions_specs_and_metrics_are_compared_all_the_same(cli, runs, content, says):
    if content is None:
        (runs[1] / "predictions-test.npz").unlink()
    else:
        (runs[1] / "predictions-test.npz").write_bytes(content)
    done = cli("compare", *runs)
    assert done.code == 2 and says in done.err
    assert "not comparable" in done.out and re.search(r"^optimizer\.learning_rate +0\.001 +0\.02$", done.out, re.M)
    done = cli("compare", *runs, "--json")
    assert done.code == 2 and says in json.loads(done.out)["pairs"][0]["error"]


def test_plot_draws_a_run(cli, runs, tmp_path):
    done = cli("plot", runs[1], "--output", tmp_path / "some pictures", "--format", "svg")
    assert done.code == 0, done.err
    names = ["curves.svg", "confusion.svg", "calibration.svg"]
    assert [line.rpartition("/")[2] for line in done.out.splitlines()] == names
    for name in names:
        ElementTree.parse(tmp_path / "some pictures" / name)
    assert cli("plot", runs[1]).code == 0
    assert (runs[1] / "curves.png").read_bytes().startswith(b"\x89PNG")
    chart = cli("plot", runs[1], "--terminal")
    assert chart.code == 0
    assert re.search(r"^loss in 3 epochs: \* training \d\S* to \d\S*, o validation \d\S* to \d\S*$", chart.out, re.M)
    curve = chart.out.partition("\n")[2].partition("\n\n")[0].splitlines()
    assert len(curve) == 12 and all(mark in "".join(curve) for mark in "*o")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plot", "nothing"), "is not a run"),
        (("compare", "RUN", "nothing"), "is not a run"),
        (("compare", "RUN"), "at least two"),
        (("compare", "RUN", "RUN", "--output", "x.gif"), ".png or .svg"),
        (("compare", "RUN", "RUN", "--metric", "val_los", "--output", "x.png"), "did you mean 'val_loss'"),
        (("plot", "RUN", "--split", "train"), "deepcli evaluate"),
    ],
)
def test_bad_words(cli, runs, words, says):
    done = cli(*(str(runs[0]) if word == "RUN" else word for word in words))
    assert done.code == 2 and says in done.err


@pytest.mark.parametrize("name", ["history.csv", "environment.json", "predictions-test.npz"])
def test_damaged_files_are_named(cli, runs, name):
    (runs[0] / name).write_text("epoch,loss\n1,x\n")
    done = cli("plot", runs[0])
    assert done.code == 2 and name in done.err


def test_looking_needs_no_tensorflow(runs):
    for command in (["plot", runs[0]], ["compare", *runs]):
        script = (
            "import sys; sys.argv[0] = 'deepcli'\nfrom deepcli.cli import main\n"
            "try: main()\nexcept SystemExit as ended: assert ended.code == 0, ended.code\n"
            "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def predictions_of(answers, labels, order=None):
    probabilities = np.full((len(labels), 3), 0.1, np.float32)
    probabilities[np.arange(len(labels)), answers] = 0.8
    order = np.arange(len(labels)) if order is None else order
    return Predictions(np.arange(len(labels))[order], labels[order], probabilities[order])


def test_pairs_are_counted_as_in_a_textbook():
    """Of 100 examples 10 are right with the second alone and 2 with the first alone: p is 2 * P(X <= 2 | 12, 1/2)."""
    labels = np.arange(100) % 3
    first, second = labels.copy(), labels.copy()
    first[:10] = (labels[:10] + 1) % 3
    second[10:12] = (labels[10:12] + 1) % 3
    shuffled = np.random.RandomState(0).permutation(100)
    pair = paired(predictions_of(first, labels), predictions_of(second, labels, shuffled))
    assert (pair.only_first, pair.only_second, pair.examples) == (2, 10, 100)
    assert pair.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert pair.accuracy == pytest.approx(0.08)
    # The interval of a difference of proportions by the normal approximation lies within the exact one.
    deviation = np.sqrt((0.12 - 0.08**2) / 100)
    low, high = 0.08 - 1.96 * deviation, 0.08 + 1.96 * deviation
    assert 0 < pair.accuracy_interval[0] < low < high < pair.accuracy_interval[1] < 0.18
    assert pair.verdict == "better" and pair.loss < 0
    assert pair.loss_interval == pytest.approx((np.log(8) * -high, np.log(8) * -low), abs=0.03)


def differing(only_first, only_second, count=360):
    """Two models of three classes: so many of the examples one alone gets right, the other alone, the rest both."""
    labels = np.arange(count) % 3
    first, second = labels.copy(), labels.copy()
    second[:only_first] = (labels[:only_first] + 1) % 3
    there = slice(only_first, only_first + only_second)
    first[there] = (labels[there] + 1) % 3
    return predictions_of(first, labels), predictions_of(second, labels)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p", "verdict"),
    [
        (0, 4, 0.125, "within noise"),
        (7, 17, 0.0639, "within noise"),
        (2, 9, 0.0654, "within noise"),
        (0, 5, 0.0625, "within noise"),
        (0, 6, 0.03125, "better"),
        (6, 0, 0.03125, "worse"),
        (4, 0, 0.125, "within noise"),
        (0, 0, 1.0, "within noise"),
    ],
)
def test_one_test_decides_and_words_and_interval_follow_it(only_first, only_second, p, verdict):
    pair = paired(*differing(only_first, only_second))
    assert (pair.p_value, pair.verdict) == (pytest.approx(p, abs=5e-5), verdict)
    low, high = pair.accuracy_interval
    assert (low > 0 or high < 0) == (verdict != "within noise")


def test_p_values_are_corrected_for_their_number_as_holm_does():
    from deepcli.evaluation.paired import holm

    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def of_seeds(accuracies, count=200):
    labels = np.arange(count) % 3
    found = {}
    for seed, accuracy in enumerate(accuracies):
        answers = np.where(np.arange(count) < round(accuracy * count), labels, (labels + 1) % 3)
        found[seed] = (f"run {seed}", predictions_of(answers, labels))
    return found


def test_specs_are_compared_seed_by_seed():
    """Of six seeds that all prefer the second, only 2 of the 64 ways to flip signs are as far from 0."""
    from deepcli.evaluation.seeds import over_seeds

    first, second = [0.90, 0.91, 0.92, 0.90, 0.93, 0.91], [0.91, 0.93, 0.935, 0.905, 0.95, 0.92]
    found = over_seeds(of_seeds(first), of_seeds(second))
    assert found.differences == pytest.approx(np.subtract(second, first)) and found.seeds == list(range(6))
    assert found.p_value == pytest.approx(2 / 64) and found.verdict == "better"
    assert over_seeds(of_seeds(second), of_seeds(first)).verdict == "worse"
    mixed = over_seeds(of_seeds(first), of_seeds([*second[:5], 0.80]))
    assert mixed.p_value > 0.05 and mixed.verdict == "within noise"
    few = over_seeds(of_seeds(first[:5]), of_seeds(second))
    assert (few.p_value, few.verdict) == (pytest.approx(2 / 32), "too few seeds to decide")
    same = over_seeds(of_seeds(first), of_seeds(first))
    assert (same.p_value, same.verdict, same.difference) == (1.0, "within noise", 0.0)


def test_compare_finds_the_runs_that_differ_in_the_seed_alone(cli, runs, tmp_path):
    paths = [*runs]
    for run, path in zip(runs, (tmp_path / "one more", tmp_path / "two more"), strict=True):
        assert cli("train", run / "config.yaml", "seed=5", "--output", path, "--quiet").code == 0
        paths.append(path)
    done = cli("compare", *paths)
    assert f"{paths[1]} … against {paths[0]} …, over 2 seeds: too few seeds to decide" in done.out
    assert "p < 0.05 for accuracy in McNemar's exact test, corrected for 3 comparisons (Holm)" in done.out
    told = json.loads(cli("compare", *paths, "--json").out)
    [one] = told["over_seeds"]
    assert one["seeds"] == [0, 5] and one["runs"] == [str(paths[1]), str(paths[3])]
    assert one["against"] == [str(paths[0]), str(paths[2])] and one["verdict"] == "too few seeds to decide"
    ps = sorted(pair["p_value"] for pair in told["pairs"])
    assert min(pair["p_adjusted"] for pair in told["pairs"]) == pytest.approx(min(1, 3 * ps[0]))
    assert told["alpha"] == 0.05 and "over_seeds" in told


def test_pairs_are_of_the_same_example_in_whatever_order_either_comes():
    """Both wrong on 10 of 100, each alone on 20 more: pairs of other examples would agree on fewer mistakes."""
    labels = np.arange(100) % 3
    first, second = labels.copy(), labels.copy()
    first[:30] = (labels[:30] + 1) % 3
    second[20:50] = (labels[20:50] + 1) % 3
    orders = [np.random.RandomState(seed).permutation(100) for seed in (0, 1)]
    pair = paired(predictions_of(first, labels, orders[0]), predictions_of(second, labels, orders[1]))
    assert (pair.only_first, pair.only_second) == (20, 20)
    # Each is as sure as the other of what it answers, so that the losses differ on those 40 alone, by log 8.
    deviation = np.log(8) * np.sqrt(40) / 100
    assert pair.loss == pytest.approx(0, abs=1e-6)
    assert pair.loss_interval == pytest.approx((-1.96 * deviation, 1.96 * deviation), abs=0.03)


def test_a_model_against_itself_differs_nowhere():
    labels = np.arange(100) % 3
    answers = np.where(np.arange(100) < 30, (labels + 1) % 3, labels)
    orders = [np.random.RandomState(seed).permutation(100) for seed in (0, 1)]
    pair = paired(*(predictions_of(answers, labels, order) for order in orders))
    assert (pair.only_first, pair.only_second, pair.loss, pair.loss_interval) == (0, 0, 0.0, None)


def test_runs_are_compared_in_the_order_they_are_named(cli, runs):
    """The second against the first: swapped, every sign and every count changes its side."""
    one, two = (json.loads(cli("compare", *order, "--json").out)["pairs"][0] for order in (runs, runs[::-1]))
    own = [json.loads((run / "metrics.json").read_text())["metrics"]["test"]["accuracy"] for run in runs]
    assert one["accuracy"] == pytest.approx(own[1] - own[0], abs=1e-6)
    assert two["accuracy"] == pytest.approx(own[0] - own[1], abs=1e-6)
    assert (one["only_first"], one["only_second"]) == (two["only_second"], two["only_first"])
    assert one["only_first"] < one["only_second"]


def test_other_examples_cannot_be_paired():
    from deepcli.errors import DataError

    labels = np.arange(9) % 3
    with pytest.raises(DataError, match="different examples"):
        paired(predictions_of(labels, labels), predictions_of(labels[:8], labels[:8]))


def test_a_chart_has_its_lines_where_they_belong():
    from deepcli.cli.charts import chart

    lines = chart({"*": [0.0, 1.0], "o": [0.5, float("nan")]})
    assert len(lines) == 12 and lines[0] == "         1 |       *" and lines[-1] == "         0 | *"
    assert sum("| o" in line for line in lines[5:7]) == 1
    assert chart({"*": [2.0], "o": []})[-1].endswith("2 | *")
