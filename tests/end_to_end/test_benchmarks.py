"""The benchmarks run, compare like with like, and measure what they say."""

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepcli.data.files import Sources
from deepcli.experiment.load import load

ROOT = Path(__file__).parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """Let the programs import each other, as they do when one of them is run."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in set(sys.modules) - before:
        if name in {path.stem for path in BENCHMARKS.glob("*.py")}:
            del sys.modules[name]


@pytest.fixture
def imdb_lstm():
    spec = importlib.util.spec_from_file_location("imdb_lstm", BENCHMARKS / "plain" / "imdb_lstm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def long_reviews(tmp_path):
    """A file in IMDB's layout with reviews longer than 200 words and words rarer than the 10,000 that are kept."""
    rng = np.random.RandomState(0)
    arrays: dict[str, Any] = {}
    for name, count in (("train", 40), ("test", 20)):
        texts = np.empty(count, dtype=object)
        for index in range(count):
            texts[index] = rng.randint(1, 20_000, rng.randint(1, 400)).tolist()
        arrays |= {f"x_{name}": texts, f"y_{name}": np.arange(count) % 2}
    path = tmp_path / "imdb.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.long
def test_the_plain_cnn_learns_and_says_what_it_reached(tiny_mnist):
    from measure import measure

    used = measure([sys.executable, str(BENCHMARKS / "plain" / "mnist_cnn.py"), str(tiny_mnist), "--epochs", "12"])
    result = json.loads(used.out.splitlines()[-1])
    assert set(result) == {"test_loss", "test_accuracy", "epoch_seconds"}
    assert result["test_accuracy"] > 0.5
    assert 0 < 12 * result["epoch_seconds"] < used.wall
    assert used.wall > 0
    assert used.cpu > 0


def test_the_plain_lstm_reads_reviews_as_keras_does(imdb_lstm, long_reviews, monkeypatch):
    import keras

    monkeypatch.setattr("keras.src.datasets.imdb.get_file", lambda **_: str(long_reviews))
    theirs = keras.datasets.imdb.load_data(num_words=10_000)
    ours = imdb_lstm.load_data(long_reviews)
    for (x, y), (their_x, their_y) in zip(ours, theirs, strict=True):
        assert x.tolist() == their_x.tolist()
        assert y.tolist() == their_y.tolist()


def test_the_plain_lstm_trains_on_the_examples_that_deepcli_trains_on(imdb_lstm, long_reviews):
    import keras

    experiment = load([ROOT / "configs" / "imdb" / "lstm.yaml"], [f"data.path={long_reviews}"]).experiment
    splits = experiment.data.load(Sources(offline=True))
    (x, y), _ = imdb_lstm.load_data(long_reviews, seed=None)
    padded = keras.utils.pad_sequences(x, maxlen=imdb_lstm.MAXLEN)
    for split in (splits.train, splits.validation):
        assert y[split.ids].tolist() == split.y.tolist()
        for row, start, end in zip(padded[split.ids], split.x.offsets, split.x.offsets[1:], strict=False):
            assert row[row != 0].tolist() == split.x.values[start:end].tolist()


def test_the_split_that_is_handed_on_is_the_spec_s(tmp_path, long_reviews):
    from measure import measure

    config, out = ROOT / "configs" / "imdb" / "lstm.yaml", tmp_path / "split.npz"
    measure([sys.executable, str(BENCHMARKS / "split.py"), str(config), str(out), f"data.path={long_reviews}"])
    with np.load(out) as split:
        assert (len(split["train"]), len(split["validation"])) == (32, 8)
        assert sorted([*split["train"], *split["validation"]]) == list(range(40))


def test_a_process_is_not_charged_for_the_memory_of_whoever_measures_it():
    from measure import measure

    ballast = np.ones(200 << 20, np.uint8)
    assert measure([sys.executable, "-S", "-c", "pass"]).memory < ballast.nbytes / 2**20


def test_a_command_that_fails_is_told_with_what_it_said():
    from measure import Failed, measure

    with pytest.raises(Failed, match=r"(?s)exited with 3.*too bad"):
        measure([sys.executable, "-S", "-c", "import sys; print('too bad', file=sys.stderr); sys.exit(3)"])


@pytest.mark.parametrize(
    ("accuracies", "agrees", "shown"),
    [
        ([(0.980, 0.984), (0.990, 0.985)], True, r"98\.50 / 98\.45 %  \+0\.05 ± 0\.50 +the same"),
        ([(0.980, 0.984), (0.980, 0.985)], False, r"98\.00 / 98\.45 %  -0\.45 ± 0\.05 +NOT THE SAME"),
        ([(0.980, 0.984), (0.998, 0.985)], True, r"98\.90 / 98\.45 %  \+0\.45 ± 0\.90 +within noise"),
        ([(0.990, 0.980)], False, r"99\.00 / 98\.00 %  \+1\.00 +NOT THE SAME"),
    ],
)
def test_a_row_holds_ratios_and_says_whether_accuracies_agree(accuracies, agrees, shown):
    from figures import Row, Run, table
    from sides import COMPARISONS

    ours = [Run(seed, 2.0, 3.0, 100.0, ours) for seed, (ours, _) in enumerate(accuracies)]
    theirs = [Run(seed, 4.0, 4.0, 400.0, theirs) for seed, (_, theirs) in enumerate(accuracies)]
    row = Row(COMPARISONS[0], ours, theirs)
    assert row.agrees is agrees
    assert row.plain(check=True)["ratios"] == {
        "wall": [0.5] * len(ours), "cpu": [0.75] * len(ours), "memory": [0.25] * len(ours)
    }  # fmt: skip
    text = table([row], check=True)
    assert "0.500 [0.500, 0.500]" in text
    assert re.search(shown, text)
    assert "not checked" in table([row], check=False)


def test_overhead_is_shown_in_percent():
    from figures import percents

    assert percents([1.02, 1.005, 1.01]) == "+1.0 % [+0.5, +2.0]"


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """Compare programs that never run; gives the module and what each of them reaches, None for a failure."""
    import compare
    from figures import Run
    from measure import Failed

    accuracy = {"deepcli cnn": 0.98, "deepcli cnn float32": 0.99, "plain cnn": 0.99}

    def run(side, setting, seed):
        if accuracy[side.name] is None:
            raise Failed(f"{side.name} fell over")
        return Run(seed, 1.0, 1.0, 1.0, accuracy[side.name])

    (tmp_path / "mnist.npz").touch()
    monkeypatch.setenv("DEEPCLI_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(compare, "run", run)
    monkeypatch.setattr(compare, "WARM_UP", [sys.executable, "-c", "pass"])
    return compare, accuracy


def test_a_difference_in_accuracy_is_a_failure(pretended, capsys):
    compare, accuracy = pretended
    assert compare.main(["cnn"]) == 1
    assert "NOT THE SAME" in capsys.readouterr().out
    assert compare.main(["cnn", "--quick"]) == 0
    accuracy["deepcli cnn"] = 0.99
    assert compare.main(["cnn"]) == 0


def test_a_side_that_fails_leaves_the_others_standing(pretended, capsys):
    compare, accuracy = pretended
    accuracy["deepcli cnn"] = None
    assert compare.main(["cnn", "cnn-float32"]) == 1
    out, err = capsys.readouterr()
    assert err.count("deepcli cnn fell over") == 1
    assert "failed: cnn\n" in out
    assert "deepcli cnn float32 / plain cnn" in out


def test_every_run_and_the_machine_are_kept(pretended):
    compare, _ = pretended
    assert compare.main(["cnn", "--json", "results/here.json"]) == 1
    kept = json.loads(Path("results/here.json").read_text())
    assert kept["comparisons"][0]["same_accuracy"] is False
    assert [run["seed"] for run in kept["comparisons"][0]["theirs"]["runs"]] == [0, 1, 2]
    assert {"cpu", "flags", "cores", "memory_gib", "platform"} == set(kept["machine"])
    assert {"deepcli", "commit", "python", "tensorflow", "keras"} <= set(kept["versions"])


def test_a_recipe_is_held_to_what_is_asked_of_it_and_timed_by_the_other_sides_epochs():
    from figures import Row, Run
    from sides import COMPARISONS

    fast = next(comparison for comparison in COMPARISONS if comparison.at_least == 0.994)
    ours = [Run(0, 40.0, 60.0, 100.0, 0.9945)]
    row = Row(fast, ours, [Run(0, 99.0, 99.0, 400.0, 0.98, None, 10.0)])
    assert row.ratios("wall") == [40.0 / (8 * 10.0)]
    assert row.agrees
    assert row.cells(check=True)[1] == "mnist/fast / 8 epochs of plain cnn"
    assert row.cells(check=True)[-1] == "at least 99.4%"
    assert not Row(fast, [Run(0, 40.0, 60.0, 100.0, 0.9935)], row.theirs).agrees


def test_without_data_or_peers_it_says_what_is_missing(monkeypatch, tmp_path, capsys):
    import compare

    assert compare.main([]) == 0
    monkeypatch.setenv("DEEPCLI_DATA_DIR", str(tmp_path))
    (tmp_path / "imdb.npz").touch()
    assert compare.main(["cnn"]) == 2
    out = capsys.readouterr().out
    assert "skipped: cnn, cnn-float32, fast, overhead, memory: there is no mnist.npz in" in out
    assert "skipped: lstm, fast: there is no imdb.npz in" in out
    assert f"skipped: cnn: there is no mnist.npz in {tmp_path}; set DEEPCLI_DATA_DIR" in out
    for package in ("lightning", "ludwig"):
        if importlib.util.find_spec(package) is None:
            assert f"skipped: {package}: {package} is not installed" in out


@pytest.mark.long
def test_a_run_can_be_ended_after_its_first_step(spec):
    from measure import DEEPCLI, measure

    plugin = BENCHMARKS / "stop_after_first_step.py"
    path = spec("data: {type: digits, limit: 32, batch_size: 4}\nmodel: mlp\nloss: stop_after_first_step\n")
    for steps in (1, 8):
        words = [f"training.steps_per_execution={steps}", "--plugin", str(plugin), "-o", f"run{steps}"]
        measure([DEEPCLI, "train", str(path), *words])
        assert Path(f"run{steps}/config.yaml").is_file()
        assert not Path(f"run{steps}/history.csv").exists()


@pytest.mark.real_data
@pytest.mark.long
def test_every_comparison_runs(tmp_path, capfd):
    import compare

    assert compare.main(["--quick", "--json", str(tmp_path / "quick.json")]) == 0
    assert "about" in capfd.readouterr().out
    kept = json.loads((tmp_path / "quick.json").read_text())
    assert {"cnn", "cnn-float32", "lstm", "overhead", "memory"} <= {row["name"] for row in kept["comparisons"]}
    for row in kept["comparisons"]:
        assert all(ratio > 0 for ratios in row["ratios"].values() for ratio in ratios)
        if row["name"] == "overhead":
            ours, theirs = (row[side]["runs"][0]["accuracy"] for side in ("ours", "theirs"))
            assert ours == pytest.approx(theirs, abs=0.01), "the loop and fit did not do the same work"


@pytest.mark.real_data
@pytest.mark.long
def test_every_way_of_looking_is_timed(tmp_path):
    import looking

    found = looking.look(tmp_path, Path(os.environ["DEEPCLI_DATA_DIR"]), times=1)
    assert {"report", "plot", "compare"} < set(found)
    assert all(len(values) == 1 for values in found.values())
