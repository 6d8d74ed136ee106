"""`deepcli runs`: what it finds, in which order, and what it says of runs that are not whole."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.run.latest import run_path
from deepcli.run.varied import varied
from deepcli.system.atomic import write_text


@pytest.fixture
def make(spec):
    """Make a run without training it."""

    def one(path, *overrides, status="completed", accuracy=None, **facts):
        run = RunDir.create(Path(path), dump(load([spec()], overrides).experiment), {})
        if status:
            metrics = {"validation": {"accuracy": accuracy}, "test": {"loss": 0.5}}
            result = {"schema": 1, "command": "train", "status": status, "metrics": metrics, **facts}
            write_text(run.metrics, Result.model_validate(result).to_json())
        return run

    return one


@pytest.fixture
def three(make):
    make("runs/b", "optimizer.learning_rate=1e-2", accuracy=0.9, epochs=3, best_epoch=2, seconds=1.5)
    make("runs/deep/er/a b", "optimizer.learning_rate=1e-3", accuracy=0.95, epochs=3)
    make("runs/c", "optimizer.learning_rate=1e-3", "model=cnn", status="failed")


def listed(done):
    assert done.code == 0, done.err
    return json.loads(done.out)["runs"]


def test_runs_are_found_below_a_folder_with_what_differs(cli, three):
    Path("runs/notes").mkdir()
    Path("runs/link").symlink_to(Path("runs/b").absolute())
    rows = listed(cli("runs", "--json"))
    assert [row["run"] for row in rows] == ["runs/b", "runs/c", "runs/deep/er/a b"]
    assert [row["status"] for row in rows] == ["completed", "failed", "completed"]
    assert rows[0]["metrics"] == {"val_accuracy": 0.9, "test_loss": 0.5}
    assert (rows[0]["epochs"], rows[0]["best_epoch"], rows[0]["seconds"]) == (3, 2, 1.5)
    assert rows[0]["changed"]["optimizer.learning_rate"] == 0.01
    assert rows[1]["changed"]["model.type"] == "cnn"
    assert "name" not in rows[0]["changed"]
    assert "data.type" not in rows[0]["changed"]
    assert len(listed(cli("runs", "runs/b", "runs/c", "runs/b", "--json"))) == 2


def test_a_table_is_one_line_a_run_and_the_others_hold_the_same(cli, three):
    lines = cli("runs").out.splitlines()
    assert lines[0].split()[:4] == ["run", "status", "epochs", "best_epoch"]
    assert len(lines) == 4
    rows = list(csv.DictReader(io.StringIO(cli("runs", "--csv").out)))
    assert rows[2]["run"] == "runs/deep/er/a b"
    assert float(rows[0]["val_accuracy"]) == 0.9
    assert rows[1]["val_accuracy"] == ""
    markdown = cli("runs", "--markdown").out.splitlines()
    assert markdown[1].startswith("| --- |")
    assert "runs/deep/er/a b" in markdown[4]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sort", "val_accuracy"], ["b", "a b", "c"]),
        (["--sort", "-val_accuracy"], ["a b", "b", "c"]),
        (["--sort", "-val_accuracy", "--limit", "1"], ["a b"]),
        (["--sort", "model.type"], ["c", "b", "a b"]),
        (["--filter", "val_accuracy>0.9"], ["a b"]),
        (["--filter", "val_accuracy>=0.9", "--filter", "optimizer.learning_rate<=1e-3"], ["a b"]),
        (["--filter", "model.type=cnn"], ["c"]),
        (["--filter", "status!=failed"], ["b", "a b"]),
        (["--filter", "status>3"], []),
    ],
)
def test_runs_are_sorted_and_filtered(cli, three, words, expected):
    assert [Path(row["run"]).name for row in listed(cli("runs", *words, "--json"))] == expected


def test_what_cannot_be_listed(cli, three):
    for words, message in (
        (["nowhere"], "nowhere is not a directory"),
        (["--sort", "val_acuracy"], "did you mean 'val_accuracy'?"),
        (["--filter", "optimizer.lerning_rate>1"], "did you mean 'optimizer.learning_rate'?"),
        (["--filter", "__import__('os')"], "should look like val_accuracy>0.98"),
        (["--filter", "val_accuracy>"], "should look like val_accuracy>0.98"),
        (["--csv", "--json"], "choose one"),
    ):
        done = cli("runs", *words)
        assert done.code == 2
        assert message in done.err
    Path("empty").mkdir()
    assert listed(cli("runs", "empty", "--json")) == []


def test_runs_that_are_under_way_or_broken_are_told_apart(cli, make):
    unfinished = make("runs/a", status=None)
    unfinished.history.write_text("epoch,loss,val_loss,seconds\n1,1.0,0.9,1\n2,0.8,0.7,1\n")
    make("runs/b", status=None)
    for name, content in {"c": b"\xff\xfe", "d": b"- 1", "e": b"a: [", "f": b"x" * 70_000}.items():
        make(f"runs/{name}").config.write_bytes(content)
    make("runs/g").metrics.write_text("{}")
    make("runs/h", status=None).history.write_bytes(b"\0\xff")
    with RunDir(Path("runs/b")).owned():
        rows = {Path(row["run"]).name: row for row in listed(cli("runs", "--json"))}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {
        "a": "unfinished", "b": "running", "c": "damaged", "d": "damaged", "e": "damaged", "f": "damaged", "g": "damaged",
        "h": "unfinished",
    }  # fmt: skip
    assert (rows["a"]["epochs"], rows["a"]["metrics"]) == (2, {"val_loss": 0.7})
    assert rows["h"]["epochs"] is None


def test_a_real_run_is_listed_as_it_was_trained(cli, spec):
    text = "data: {type: digits, limit: 60}\nmodel: mlp\noptimizer: {type: adam, learning_rate: 1e-5}\ntraining: {epochs: 2}\n"
    assert cli("train", spec(text), "-o", "runs/a").code == 0
    assert cli("train", spec(text), "seed=1", "-o", "runs/b").code == 0
    (first, second) = listed(cli("runs", "--json"))
    result = json.loads(Path("runs/a/metrics.json").read_text())
    assert first["metrics"]["val_accuracy"] == result["metrics"]["validation"]["accuracy"]
    assert first["metrics"]["test_loss"] == result["metrics"]["test"]["loss"]
    assert (first["changed"], second["changed"]) == ({"seed": 0}, {"seed": 1})
    assert listed(cli("runs", "--filter", "optimizer.learning_rate=1e-5", "--json")) == [first, second]


def begun(run, seconds_ago, origins=None):
    """Write when a run began, and which fields its spec sets."""
    when = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    about = {"started": when.isoformat(timespec="seconds"), **({} if origins is None else {"origins": origins})}
    write_text(run.environment, json.dumps(about))
    return run


def test_runs_are_in_natural_order(cli, make):
    for name in ("r10", "r2", "R3", "r1"):
        make(f"runs/{name}")
    assert [Path(row["run"]).name for row in listed(cli("runs", "--json"))] == ["r1", "r2", "R3", "r10"]


@pytest.mark.parametrize(
    ("since", "expected"), [("90s", ["new"]), ("1h", ["new", "old"]), ("2d", ["new", "old", "older"])]
)
def test_since_leaves_out_what_began_earlier(cli, make, since, expected):
    for name, ago in {"new": 5, "old": 600, "older": 90_000}.items():
        begun(make(f"runs/{name}"), ago)
    make("runs/unknown")
    assert [Path(row["run"]).name for row in listed(cli("runs", "--since", since, "--json"))] == expected
    assert cli("runs", "--since", "yesterday").code == 2


def test_the_age_is_shown_as_people_say_it(cli, make):
    for name, ago in {"a": 61, "b": 7300, "c": 3 * 86400 + 5}.items():
        begun(make(f"runs/{name}"), ago)
    lines = cli("runs", "--columns", "age").out.splitlines()
    assert [line.split() for line in lines] == [["run", "age"], ["runs/a", "1m"], ["runs/b", "2h"], ["runs/c", "3d"]]
    assert "started" in cli("runs", "--csv").out and "age" not in cli("runs", "--csv").out.splitlines()[0]


def test_a_run_that_has_not_ended_says_how_far_it_is_and_what_evaluate_measured(cli, make):
    run = make("runs/a", "training.epochs=30", status=None)
    run.history.write_text("epoch,loss,val_loss,seconds\n1,1.0,0.9,1\n2,0.8,0.7,1\n")
    found = {"schema": 1, "command": "evaluate", "status": "completed", "metrics": {"test": {"accuracy": 0.75}}}
    write_text(run.evaluation("test"), Result.model_validate(found).to_json())
    assert cli("runs").out.splitlines()[1].split()[:5] == ["runs/a", "unfinished", "2", "of", "30"]
    assert listed(cli("runs", "--json"))[0]["metrics"] == {"val_loss": 0.7, "test_accuracy": 0.75}


def test_a_field_differs_only_where_somebody_set_it(cli, make):
    """A default that depends on the family, and a field that only one has, say nothing more than `model.type`."""
    begun(make("runs/a", "model=cnn", "optimizer=sgd"), 1, {"model.type": "x", "optimizer.type": "x"})
    begun(make("runs/b", "model=mlp", "optimizer=adam"), 1, {"model.type": "x", "optimizer.type": "x"})
    assert set(listed(cli("runs", "--json"))[0]["changed"]) == {"model.type", "optimizer.type"}
    begun(make("runs/c", "optimizer=adam", "optimizer.learning_rate=0.5"), 1, {"optimizer.learning_rate": "x"})
    assert "optimizer.learning_rate" in listed(cli("runs", "--json"))[0]["changed"]


def test_another_default_of_the_same_component_is_told():
    """It is of another version of deepcli, and changes what is trained."""
    specs = [{"optimizer.type": "adam", "optimizer.epsilon": value} for value in (1e-7, 1e-8)]
    assert varied(specs, [{}, {}]) == ["optimizer.epsilon"]
    specs[1]["optimizer.type"] = "adamw"
    assert varied(specs, [{}, {}]) == ["optimizer.type"]
    assert varied(specs, [None, {}]) == ["optimizer.type", "optimizer.epsilon"]


def test_columns_that_are_asked_for_are_shown_and_no_others(cli, three):
    lines = cli("runs", "--columns", "model.type, val_accuracy").out.splitlines()
    assert [line.split() for line in lines[:2]] == [["run", "model.type", "val_accuracy"], ["runs/b", "mlp", "0.9"]]
    done = cli("runs", "--columns", "val_acuracy")
    assert done.code == 2 and "did you mean 'val_accuracy'?" in done.err


def test_columns_that_are_sorted_or_filtered_by_stay_longest(cli, three, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    done = cli("runs", "--sort", "optimizer.beta_1")
    assert "optimizer.beta_1" in done.out.splitlines()[0] and max(map(len, done.out.splitlines())) <= 60
    assert "columns: --wide shows all" in done.err
    assert "optimizer.beta_1" not in cli("runs").out.splitlines()[0]
    assert "columns:" not in cli("runs", "--wide").err


def test_an_empty_result_says_why(cli, three):
    assert "none of the 3 runs meets the conditions" in cli("runs", "--filter", "val_accuracy>2").err
    Path("empty").mkdir()
    done = cli("runs", "empty")
    assert done.code == 0 and done.err == "notice: no runs in empty\n" and not done.out


def test_latest_is_the_run_that_began_last(cli, make):
    for name, ago in {"a": 50, "deep/b": 5, "c": 500}.items():
        begun(make(f"runs/{name}"), ago)
    assert run_path(Path("latest")) == Path("runs/deep/b")
    done = cli("plot", "latest")
    assert "runs/deep/b" in done.err
    Path("latest").mkdir()  # something of that name goes before
    assert run_path(Path("latest")) == Path("latest")


def test_latest_of_nothing(cli):
    for command in (["evaluate"], ["predict"], ["compare", "latest"], ["report"], ["train", "--resume"]):
        done = cli(*command, "latest")
        assert done.code == 2 and "latest: there are no runs in runs" in done.err, command
