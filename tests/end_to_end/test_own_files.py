"""A user's own files, from a path to predictions: every kind of data and every task, through every command."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import deepcli
from deepcli.data.sources import remote
from deepcli.errors import DataError
from tests import own_files

pytestmark = pytest.mark.xdist_group("own files")  # one process trains what all of them look at

ADDRESS = "https://example.org/rows.csv"
QUICK = ["training.epochs=3", "data.batch_size=16", "-q"]
SMALL = {"image": ["model={type: cnn, filters: [4], global_pooling: average}"], "tokens": ["model={type: mlp}"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every kind of data, in a folder whose name has a space."""
    folder = tmp_path_factory.mktemp("own data")
    own_files.pictures(folder / "photos")
    own_files.texts(folder / "letters")
    own_files.labelled(folder / "topics.tsv")
    own_files.arrays(folder / "points.npz")
    for target in ("price", "kind", "grade", "visitors"):
        own_files.table(folder / f"{target}.csv", target)
    return folder


# By name: the path, more words, the task, a metric of test, an input of predict, and a key of its answer.
CASES = {
    "pictures": ("photos", SMALL["image"], "classification", "accuracy", "photos/dark/dark 3.png", "class"),
    "texts": ("letters", SMALL["tokens"], "classification", "accuracy", "win a free prize", "class"),
    "labels": (
        "topics.tsv",
        [*SMALL["tokens"], "data.target=topics"],
        "multilabel",
        "f1_micro",
        "some musicword1",
        "labels",
    ),
    "numbers": (
        "price.csv",
        ["data.target=price"],
        "regression",
        "rmse",
        '{"size": 3, "colour": "red", "age": null}',
        "values",
    ),
    "classes": ("kind.csv", ["data.target=kind"], "classification", "accuracy", "kind.csv", "class"),
    "levels": ("grade.csv", ["data.target=grade", "task=ordinal"], "ordinal", "mae_steps", "grade.csv", "class"),
    "arrays": ("points.npz", [], "classification", "accuracy", '{"x0": 1, "x1": 2, "x2": 0, "x3": 0}', "class"),
}
each = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def trained(made, tmp_path_factory):
    """Train a run of each kind once, in a process that forgets nothing."""
    import sys

    from deepcli.cli import main

    runs: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("runs")
    argv, sys.argv = sys.argv, []
    try:
        for name, (path, words, *_) in CASES.items():
            sys.argv = ["deepcli", "train", str(made / path), *words, *QUICK, "-o", str(folder / name)]
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
            runs[name] = folder / name
    finally:
        sys.argv = argv
    return runs


def question(made, name):
    asked = CASES[name][4]
    return str(made / asked) if (made / asked).exists() else asked


@each
def test_a_path_is_enough_to_train_and_the_run_says_what_the_data_hold(trained, name):
    run = trained[name]
    schema = json.loads((run / "schema.json").read_text(encoding="utf-8"))
    assert schema["counts"]["train"] > schema["counts"]["test"] > 0
    assert schema["fingerprint"] and schema["target"]["names"]
    assert f"task:\n  type: {'ordinal' if name == 'levels' else 'auto'}\n" in (run / "config.yaml").read_text(
        encoding="utf-8"
    )


@each
def test_it_is_evaluated_with_scores_of_its_task(trained, cli, name):
    *_, task, metric, _, _ = CASES[name]
    done = cli("evaluate", trained[name], "--json", "-q")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert np.isfinite(found["metrics"]["test"][metric])
    kept = json.loads((trained[name] / "metrics.json").read_text(encoding="utf-8"))["metrics"]["test"]
    assert kept.items() <= found["metrics"]["test"].items()
    table = {"regression": "numbers", "multilabel": "labels"}.get(task, "classes")
    assert found[table]["test"] and (table == "classes") == ("confusion_matrix" in found)
    assert metric in cli("evaluate", trained[name], "-q").out


@each
def test_it_predicts_and_reports_from_the_checkpoint_alone(trained, made, cli, tmp_path, name, monkeypatch):
    elsewhere = tmp_path / "gone"
    asked = question(made, name)
    if Path(asked).is_file():
        asked = shutil.copy(asked, tmp_path / Path(asked).name)
    checkpoint = shutil.copy(trained[name] / "checkpoints" / "best.keras", tmp_path / "best.keras")
    shutil.move(made, elsewhere)
    try:
        done = cli("predict", checkpoint, asked, "--json", "-q")
        assert done.code == 0, done.err
        answer = json.loads(done.out.splitlines()[0])
        assert CASES[name][5] in answer
        table = cli("predict", checkpoint, asked, "--csv", "-q").out.splitlines()
        assert table[0].startswith("input,") and len(table) == len(done.out.splitlines()) + 1
        assert cli("report", trained[name], "-o", tmp_path / "page.html").code == 0
        lost = cli("evaluate", trained[name], "-q")
        assert lost.code == 2 and "data.path=NEW" in lost.err
        assert "Traceback" not in lost.err
    finally:
        shutil.move(elsewhere, made)


@each
def test_a_run_compares_with_itself_as_noise(trained, cli, name):
    done = cli("compare", trained[name], trained[name], "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    (pair,) = said["pairs"]
    result = json.loads((trained[name] / "metrics.json").read_text(encoding="utf-8"))
    (learned,) = set(result["baselines"]) - {"trivial"}
    column = f"{learned}_{result['headline']}".replace(" ", "_")
    assert said["metrics"][column] == [result["baselines"][learned][result["headline"]]] * 2
    (listed,) = json.loads(cli("runs", trained[name], "--sort", column, "--json").out)["runs"]
    assert listed["metrics"][column] == said["metrics"][column][0]
    assert pair["verdict"] in ("within noise", "too few examples to decide"), pair
    assert cli("compare", trained[name], trained[name]).code == 0


@pytest.mark.parametrize("name", ["pictures", "labels", "numbers", pytest.param("levels", marks=pytest.mark.long)])
def test_the_same_path_trains_to_the_same_bits_and_resumes_after_a_cut(trained, made, cli, tmp_path, name):
    """The run is cut between two epochs, when its last checkpoint is that of the first."""
    path, words, *_ = CASES[name]
    cut = tmp_path / "cut"
    done = cli("train", made / path, *words, *QUICK, "training.checkpoint.keep=3", "-o", cut)
    assert done.code == 0, done.err
    (cut / "metrics.json").unlink()
    first, *_ = sorted((cut / "checkpoints").glob("step-*.keras"))
    first.replace(cut / "checkpoints" / "last.keras")
    again = cli("train", "--resume", cut, "-q", "--json")
    assert again.code == 0, again.err
    kept = json.loads((trained[name] / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(again.out)["metrics"] == kept["metrics"]
    arrays = [np.load(run / "predictions-test.npz") for run in (trained[name], cut)]
    assert all(np.array_equal(arrays[0][key], arrays[1][key]) for key in arrays[0].files)


def test_other_files_are_evaluated_with_the_classes_of_the_model(trained, made, cli, tmp_path):
    other = own_files.pictures(tmp_path / "other", per_class=4, classes=("half", "dark"))
    done = cli("evaluate", trained["pictures"], f"data.path={other}", "--json", "-q")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [row["support"] for row in found["classes"]["test"]] == [0, 4, 4]
    own_files.pictures(tmp_path / "strange", per_class=2, classes=("dark", "purple"))
    done = cli("evaluate", trained["pictures"], f"data.path={tmp_path / 'strange'}")
    assert done.code == 2 and "no class 'purple' (2)" in done.err


def test_a_table_that_lacks_a_column_is_refused_and_another_order_of_columns_is_not(trained, made, cli, tmp_path):
    rows = [line.split(",") for line in (made / "price.csv").read_text().splitlines()]
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join(",".join(reversed(row)) for row in rows))
    same = cli("evaluate", trained["numbers"], "--split", "test", "--json", "-q")
    whole = cli("evaluate", trained["numbers"], f"data.path={turned}", "--json", "-q")
    assert whole.code == 0, whole.err
    assert json.loads(whole.out)["metrics"]["test"]["rmse"] > 0 and same.code == 0
    lacking = tmp_path / "lacking.csv"
    lacking.write_text("\n".join(",".join(row[1:]) for row in rows))
    done = cli("evaluate", trained["numbers"], f"data.path={lacking}")
    assert done.code == 2 and "no column 'size'" in done.err


def test_several_candidates_for_the_target_are_listed(made, cli):
    done = cli("train", made / "price.csv")
    assert done.code == 2
    assert "several columns may be the target; name one with data.target=NAME" in done.err
    assert "price:" in done.err and "size:" in done.err


def test_init_writes_a_spec_that_trains(made, cli):
    done = cli("init", made / "kind.csv", "data.target=kind")
    assert done.code == 0 and done.out == "wrote kind.yaml; next: deepcli train kind.yaml\n"
    text = Path("kind.yaml").read_text(encoding="utf-8")
    assert "# splits: " in text and "target: kind" in text and "colour" in text
    assert cli("validate", "kind.yaml").code == 0
    assert cli("train", "kind.yaml", *QUICK, "-o", "run").code == 0


def test_a_sweep_over_own_data(made, cli):
    spec = Path("price.yaml")
    assert cli("init", made / "price.csv", "data.target=price", spec).code == 0
    done = cli("sweep", "run", spec, "optimizer.learning_rate=[1e-3, 1e-2]", *QUICK[:2], "-o", "sweep", "--json", "-q")
    assert done.code == 0, done.err


def test_a_task_of_a_plugin_goes_through_every_command(made, cli, tmp_path):
    plugin = ["--plugin", Path(__file__).parent.parent / "plugins" / "counts.py"]
    done = cli(
        "train", made / "visitors.csv", "data.target=visitors", "task=counts", *QUICK, "-o", "a", "--json", *plugin
    )
    assert done.code == 0, done.err
    assert {"loss", "mean_absolute_error"} == set(json.loads(done.out)["metrics"]["test"])
    assert json.loads(cli("evaluate", "a", "--json", "-q", *plugin).out)["metrics"]["test"]["rmse"] > 0
    row = '{"size": 3, "colour": "red", "age": 4}'
    assert json.loads(cli("predict", "a", row, "--json", *plugin).out)["values"]["visitors"] > 0
    assert cli("report", "a", *plugin).code == cli("compare", "a", "a", *plugin).code == 0
    refused = cli("train", made / "visitors.csv", "data.target=visitors", "task=counts", "loss=huber", *plugin)
    assert refused.code == 2 and "huber is not a loss for counts" in refused.err


def test_examples_that_were_trained_on_are_told_when_other_data_are_evaluated(trained, made, cli, tmp_path):
    lines = (made / "kind.csv").read_text().splitlines()
    grown = tmp_path / "grown.csv"
    grown.write_text("\n".join([*lines, "5.5,red,77,dear", "1.5,blue,78,cheap"]))
    done = cli("evaluate", trained["classes"], f"data.path={grown}")
    assert done.code == 0, done.err
    trained_on = json.loads((trained["classes"] / "schema.json").read_text())["counts"]["train"]
    assert f"{trained_on} of 122 examples were in the training split of this model" in done.err
    fresh = tmp_path / "fresh.csv"
    fresh.write_text("\n".join([lines[0], "5.5,red,77,dear", "1.5,blue,78,cheap"]))
    assert "were in the training split" not in cli("evaluate", trained["classes"], f"data.path={fresh}").err


def test_what_is_left_out_is_said_before_training(made, cli, tmp_path):
    rows = (made / "kind.csv").read_text().splitlines()
    path = tmp_path / "more.csv"
    path.write_text("\n".join([f"id,{rows[0]}", *(f"{1000 + k},{row}" for k, row in enumerate(rows[1:])), "broken"]))
    done = cli("train", path, "data.target=kind", "training.epochs=1", "-o", "run")
    assert done.code == 0, done.err
    assert "column 'id': is not an input: it only names its row" in done.err
    assert "more.csv:122" in done.err


def test_rows_of_token_ids_are_trained_on_and_predicted(cli, tmp_path):
    r = np.random.default_rng(0)
    y = r.integers(0, 2, 200)
    x = r.integers(3, 30, (200, 8))
    x[:, 1], x[:, 6:] = np.where(y, 7, 8), 0
    np.savez(tmp_path / "ids.npz", x=x, y=y)
    run, words = (
        tmp_path / "run",
        ["data.kind=tokens", "data.batch_size=16", "model={type: mlp}", "optimizer.learning_rate=0.02"],
    )
    assert cli("train", tmp_path / "ids.npz", *words, "training.epochs=10", "-q", "-o", run).code == 0
    np.save(tmp_path / "padded.npy", x[:100])
    np.save(tmp_path / "short.npy", x[:100, :6])
    said = []
    for name in ("padded.npy", "short.npy"):
        done = cli("predict", run, tmp_path / name, "--json")
        assert done.code == 0, done.err
        said.append([int(json.loads(line)["class"]) for line in done.out.splitlines()])
    assert said[0] == said[1] and np.mean(said[0] == y[:100]) > 0.9
    done = cli("predict", run, "some text")
    assert done.code == 2 and "cannot turn raw text into token ids; give ids as an array" in done.err


@pytest.mark.parametrize("use", ["evaluate", "export"])
def test_calls_of_a_run_take_offline_for_own_data(trained, tmp_path, monkeypatch, use):
    """It goes before the environment: a call that allows downloads is not refused, and the other way round."""
    asked = []
    monkeypatch.setattr(remote, "_version", lambda url: asked.append(url) or fail(url))
    calls = {
        "evaluate": lambda run, **more: run.evaluate(path=ADDRESS, **more),
        "export": lambda run, **more: run.export("keras", tmp_path / "x", verify=True, path=ADDRESS, **more),
    }
    run = deepcli.Run(trained["numbers"])
    monkeypatch.setenv("DEEPCLI_OFFLINE", "0")
    with pytest.raises(DataError, match="has not been copied"):
        calls[use](run, offline=True)
    assert not asked
    monkeypatch.setenv("DEEPCLI_OFFLINE", "1")
    with pytest.raises(DataError, match="opened"):
        calls[use](run, offline=False)
    assert asked == [ADDRESS]


def fail(url):
    raise DataError(f"{url}: opened")
