"""`deepcli compare RUN... --with RUN...`: two specs, each trained with several seeds."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import deepcli
from deepcli.evaluation.predictions import Predictions
from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.system.atomic import write_text

COUNT = 200
FIRST = {0: 160, 1: 164, 2: 158, 3: 162}
SECOND = {0: 170, 1: 176, 2: 165, 3: 173}
"""Right answers of 200, by seed."""


def make(path, seed, right, *overrides, count=COUNT, content="a", status="completed"):
    """Make a run without training it, with a number of right answers."""
    about = {"data": {"content": content}, "origins": dict.fromkeys(word.partition("=")[0] for word in overrides)}
    loaded = load([Path("spec.yaml")], [*overrides, f"seed={seed}"])
    run = RunDir.create(Path(path), dump(loaded.experiment), about)
    metrics = {"validation": {"loss": 0.1, "accuracy": right / count + 0.01}, "test": {"accuracy": right / count}}
    result = {"schema": 1, "command": "train", "status": status, "metrics": metrics}
    write_text(run.metrics, Result.model_validate(result).to_json())
    labels = np.arange(count) % 10
    said = np.where(np.random.default_rng(seed).permutation(count) < right, labels, (labels + 1) % 10)
    outputs = (np.eye(10, dtype=np.float32)[said] * 0.9 + 0.01).astype(np.float32)
    Predictions(np.arange(count), labels, outputs).save(run.predictions("test"))
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("groups")
    with contextlib.chdir(path):
        Path("spec.yaml").write_text("data: digits\nmodel: mlp\n")
        for seed, right in FIRST.items():
            make(f"runs/a/{seed}", seed, right)
        for seed, right in SECOND.items():
            make(f"runs/b/{seed}", seed, right, "optimizer.learning_rate=0.01")
            make(f"runs/c/{seed}", seed + 20, right, "optimizer.learning_rate=0.01")
        Path("runs/b/notes.txt").write_text("x")
        Path("runs/b/empty").mkdir()
        for name, content in (("twice", "a"), ("mixed", "b")):
            make(f"runs/{name}/0", 0, 150)
            make(f"runs/{name}/1", int(name == "mixed"), 150, content=content)
        make("runs/other/0", 0, 150, content="b")
        make("runs/short/0", 0, 80, "data.limit=100", count=100)
        make("runs/begun/0", 0, 150, "training.epochs=3", status="failed")
        make("runs/untold/0", 0, 150, "training.epochs=4").predictions("test").unlink()
    return path


@pytest.fixture(autouse=True)
def groups(folder, monkeypatch):
    monkeypatch.chdir(folder)


def told(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_difference_is_that_of_a_paired_t_test(cli):
    found = told(cli("compare", "runs/a/*", "--with", "runs/b/*", "--json"))
    one = found["groups"]
    shares = [np.array(list(group.values())) / COUNT for group in (FIRST, SECOND)]
    test = stats.ttest_rel(shares[1], shares[0])
    assert one["difference"] == pytest.approx((shares[1] - shares[0]).mean())
    assert one["p_value"] == pytest.approx(test.pvalue)
    assert one["interval"] == pytest.approx(list(test.confidence_interval()))
    assert (one["verdict"], one["pairing"], one["seeds"], one["examples"]) == ("better", "paired", [0, 1, 2, 3], COUNT)
    assert one["first"]["test"]["mean"] == pytest.approx(shares[0].mean())
    assert one["second"]["test"]["standard_deviation"] == pytest.approx(shares[1].std(ddof=1))
    assert one["second"]["validation"]["by_seed"]["1"] == pytest.approx(0.89)
    assert one["examples_interval"][0] < one["difference"] < one["examples_interval"][1]
    assert one["seeds_needed"] == 3 and one["few"]
    assert found["changed"] == {"optimizer.learning_rate": [0.001] * 4 + [0.01] * 4}
    assert found["runs"] == [f"runs/{group}/{seed}" for group in "ab" for seed in range(4)]


def test_what_is_printed_fits_a_terminal(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = cli("compare", "runs/a/*", "--with", "runs/b/*")
    assert max(map(len, done.out.splitlines())) <= 80
    for line in (
        "group     seeds  test accuracy    validation accuracy",
        "runs/a/*      4  0.8050 ± 0.0129  0.8150 ± 0.0129",
        "runs/b/*      4  0.8550 ± 0.0235  0.8650 ± 0.0235",
        "optimizer.learning_rate: 0.001 in runs/a/*, 0.01 in runs/b/*",
        "runs/b/* against runs/a/*, on test accuracy: better",
    ):
        assert line in done.out.splitlines()
    assert "a rough estimate, from fewer than 5 seeds" in " ".join(done.out.split())


@pytest.mark.parametrize(
    "words",
    [
        ["runs/a", "--with", "runs/b"],
        ["runs/a/0", "runs/a/1", "runs/a/2", "runs/a/3", "--with", *(f"runs/b/{seed}" for seed in range(4))],
        ["--with", *(f"runs/b/{seed}" for seed in range(4)), "--json", "runs/a/*"],
        ["runs/a/?", "--with=runs/b/0", "runs/b/[123]"],
        ["runs/a", "--with", "runs/b/0", "--with", "runs/b/1", "runs/b/2", "runs/b/3", "--", "runs/a/0"],
    ],
    ids=" ".join,
)
def test_a_group_is_a_folder_a_pattern_or_what_a_shell_made_of_one(cli, words):
    words = [*words] if "--json" in words else [words[0], "--json", *words[1:]]
    one = told(cli("compare", *words))["groups"]
    assert [one[side]["runs"] for side in ("first", "second")] == [
        [f"runs/{name}/{seed}" for seed in range(4)] for name in "ab"
    ]


def test_other_files_beside_the_runs_of_a_pattern_do_not_matter(cli):
    for pattern in ("runs/b/*", "runs/b"):
        assert told(cli("compare", "runs/a", "--with", pattern, "--json"))["groups"]["verdict"] == "better"


def test_without_equal_seeds_it_is_welchs_test(cli):
    one = told(cli("compare", "runs/a", "--with", "runs/c", "--json"))["groups"]
    test = stats.ttest_ind(list(SECOND.values()), list(FIRST.values()), equal_var=False)
    assert one["p_value"] == pytest.approx(test.pvalue)
    assert "Welch's t test" in cli("compare", "runs/a", "--with", "runs/c").out


def test_one_seed_says_nothing_about_seeds(cli):
    done = cli("compare", "runs/a", "--with", "runs/b/0")
    assert done.code == 0 and "one seed cannot decide" in done.out
    assert "Nothing can be said about seeds: runs/b/0 has one." in done.out and "seeds needed" not in done.out


def test_seeds_without_a_partner_are_left_out_and_named(cli):
    done = cli("compare", "runs/a", "--with", "runs/b/0", "runs/b/1", "runs/b/2")
    assert "left out of the difference: seeds that only one group has (3)" in done.out
    one = told(cli("compare", "runs/a", "--json", "--with", "runs/b/0", "runs/b/1", "runs/b/2"))["groups"]
    assert one["difference"] == pytest.approx((170 + 176 + 165 - 160 - 164 - 158) / 3 / COUNT)


def test_the_same_from_python():
    found = deepcli.compare_groups("runs/a", [deepcli.Run(f"runs/b/{seed}") for seed in range(4)])
    assert found.verdict == "better" and found.difference == pytest.approx(0.05) and found.interval[0] > 0
    assert found.table["seeds"] == [4, 4] and found.table["test_accuracy"] == pytest.approx([0.805, 0.855])
    assert "runs/b/0 … against runs/a, on test accuracy: better" in repr(found)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs/a", "runs/b/0", "--with", "runs/b/1"], "optimizer.learning_rate: 0.001 in runs/a/0, 0.01 in runs/b/0"),
        (["runs/a", "--with", "runs/x*"], "runs/x*: nothing matches"),
        (["runs/a", "--with", "runs/a/0/conf*"], "no run matches; it matches runs/a/0/config.yaml"),
        (["runs/a", "--with", "runs/nowhere"], "runs/nowhere is not a run"),
        (["runs/a", "--with", "runs"], "runs is neither a run nor a folder of runs"),
        (["runs/a", "--with", "runs/a/0"], "runs/a/0 is in both groups"),
        (["runs/a", "--with"], "--with: name at least one run"),
        (["runs/a", "--with", "--quiet", "x"], "--with: name at least one run"),
        (["--with", "runs/a", "runs/b"], "Missing argument"),
        (["runs/a", "--with", "runs/b", "--wide"], "--wide: has no effect with --with"),
        (["runs/a", "--with", "runs/twice"], "runs/twice/0 and runs/twice/1 have the same seed, 0"),
        (["runs/a", "--with", "runs/other"], "runs/a/0 and runs/other/0 have different data"),
        (["runs/a", "--with", "runs/short"], "runs/a and runs/short were tested on different examples"),
        (["runs/a", "--with", "runs/begun"], "runs/begun/0 has not finished"),
        (["runs/a", "--with", "runs/untold"], "deepcli evaluate runs/untold/0 --split test"),
        (["runs/mixed", "--with", "runs/b"], "runs/mixed/0 and runs/mixed/1 have different data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_compared_is_an_error(cli, words, message):
    done = cli("compare", *words)
    assert done.code == 2 and message in done.err and not done.out
