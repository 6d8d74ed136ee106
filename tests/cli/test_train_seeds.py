"""`deepcli train --seeds`: what is refused before anything is trained, and what is not trained again."""

import json
from pathlib import Path

import pytest

from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.system.atomic import write_text


@pytest.fixture
def finished(spec):
    """Make runs that have finished, without training them."""

    def make(folder, *seeds, overrides=(), status="completed"):
        for seed in seeds:
            run = RunDir.create(
                Path(folder) / f"seed-{seed}", dump(load([spec()], [*overrides, f"seed={seed}"]).experiment), {}
            )
            metrics = {"validation": {"accuracy": 0.9}, "test": {"loss": 0.5, "accuracy": 0.8 + 0.01 * seed}}
            result = {
                "schema": 1,
                "command": "train",
                "status": status,
                "epochs": 3,
                "best_epoch": 2,
                "metrics": metrics,
            }
            write_text(run.metrics, Result.model_validate(result).to_json())

    return make


def test_runs_that_have_finished_are_not_trained_again(cli, spec, finished, monkeypatch):
    finished("r", 0, 1, 3)
    monkeypatch.setattr("deepcli.api.seed_processes.SeedProcess", None)
    done = cli("train", spec(), "--seeds", "0,1,3", "-o", "r", "--if-exists", "skip", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["status"], told["run"], told["command"]) == ("completed", "r", "train")
    assert told["metrics"]["test"]["accuracy"] == pytest.approx((0.8 + 0.81 + 0.83) / 3)
    assert told["spread"]["test"]["accuracy"] == pytest.approx(0.0152752523)
    assert [(one["seed"], one["run"], one["best_epoch"]) for one in told["seeds"]] == [
        (seed, f"r/seed-{seed}", 2) for seed in (0, 1, 3)
    ]
    printed = cli("train", spec(), "--seeds", "0,1,3", "-o", "r", "--if-exists", "resume").out
    assert "mean ± standard deviation over 3 seeds" in printed
    assert "test accuracy          0.8133 ± 0.0153" in printed and "validation accuracy    0.9 ± 0" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "x", "-o", "new"], "--seeds: should be a number of seeds such as 5"),
        (["--seeds", "2", "--if-exists", "skip"], "--if-exists: has no effect without --output"),
        (["--seeds", "2", "--resume", "r/seed-0"], "--resume continues one run; with --seeds, use --output"),
        (["--seeds", "2", "-o", "r"], "the run r/seed-0 exists"),
        (["--seeds", "2", "-o", "r/seed-0"], "r/seed-0 is a run; with --seeds, --output is a folder for the runs"),
        (["--seeds", "2", "-o", "spec"], "spec exists and is not a folder"),
        (["--seeds", "2", "-o", "r", "--if-exists", "skip", "training.epochs=9"], "r/seed-0 cannot be skipped"),
        (["--seeds", "2", "-o", "r", "--if-exists", "resume", "model=cnn"], "r/seed-0 cannot be resumed"),
        (["--seeds", "0,5", "-o", "r", "--if-exists", "skip"], "r/seed-5 exists and failed"),
        (["--seeds", "0,6", "-o", "r", "--if-exists", "resume"], "r/seed-6 exists and is not a run"),
        (["--seeds", "2", "-o", "new", "model.filter=3"], "model.filter"),
        (["--seeds", "2", "-o", "new", "data=mnist"], "mnist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_wrong_is_an_error_before_anything_is_trained(cli, spec, finished, monkeypatch, words, message):
    finished("r", 0, 1)
    finished("r", 5, status="failed")
    Path("r/seed-6").mkdir()
    Path("r/seed-6/notes").write_text("x")
    Path("spec").write_text("x")
    monkeypatch.setattr("deepcli.api.seed_processes.SeedProcess", None)
    before = sorted(Path().rglob("*"))
    done = cli("train", spec(), *words)
    assert done.code == 2 and message in done.err, done.err
    assert [one for one in sorted(Path().rglob("*")) if one.name != ".lock"] == before
