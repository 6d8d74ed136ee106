"""Sweeps from the command line: what they print, what they leave, how they go on, and what they refuse."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import psutil
import pytest

from deepcli.experiment.load import load
from deepcli.run.directory import RunDir
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.outcome import Outcome
from deepcli.sweeps.start import open_study, start_sweep
from deepcli.sweeps.workers.worker import Worker
from tests.conftest import ROOT

SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: 2}
"""
RATES = "optimizer.learning_rate=[1e-3, 1e-2, 3e-2]"
SCHEMA = json.loads((ROOT / "deepcli" / "sweeps" / "outcome.schema.json").read_text())
BROKEN = '''
from typing import Literal
from deepcli.optim import LOSSES, Loss


@LOSSES.register
class Exploding(Loss):
    """Raises what no one expects while a step is traced."""

    type: Literal["exploding"] = "exploding"

    def build(self, signature):
        import keras

        class Wrapped(keras.losses.Loss):
            def call(self, y_true, y_pred):
                raise ZeroDivisionError("bang")

        return Wrapped(name="exploding")
'''


def deepcli(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deepcli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, **options)


def table(folder):
    with (Path(folder) / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def worked(spec, tmp_path):
    """Run a sweep's trials in this process; gives its study."""
    from deepcli.data.files import Sources
    from deepcli.system.signals import Signals

    studies = []

    def work(*words, text=SPEC, plugins=(), folder="a sweep", until=None, **options):
        plan = load_sweep([str(spec(text)), *words], (), plugins, options)
        path, _ = start_sweep(tmp_path / folder, plan, None)
        studies.append(open_study(path))
        worker = Worker(studies[-1], Sources(), Signals(), until, lambda line: None)
        for _ in range(20):
            if worker.work():
                return studies[-1]
            worker = Worker(studies[-1], Sources(), Signals(), until, lambda line: None)
        raise AssertionError("a worker renews itself for ever")

    yield work
    for study in studies:
        study.close()


def test_the_packaged_schema_is_that_of_the_class():
    assert Outcome.model_json_schema(by_alias=True) == SCHEMA


def test_a_sweep_from_the_command_line(spec, tmp_path):
    folder = tmp_path / "a sweep"
    done = deepcli("sweep", "run", spec(SPEC), RATES, "--workers", 2, "-o", folder, "--json")
    assert done.returncode == 0, done.stderr
    jsonschema.validate(json.loads(done.stdout), SCHEMA)
    outcome = Outcome.model_validate_json(done.stdout)
    assert (outcome.status, outcome.planned, outcome.completed) == ("completed", 3, 3)
    assert outcome.best.point["optimizer.learning_rate"] in (1e-3, 1e-2, 3e-2)
    assert len(re.findall(r"^trial \d +completed .*optimizer\.learning_rate=", done.stderr, re.M)) == 3
    rows = table(folder)
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values) and values[0] == outcome.best.value
    for name in ("history", "parallel-coordinates", "slices"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "outcome.json").read_text())["best"]["trial"] == outcome.best.trial
    # Only the winner has checkpoints, and only the winner saw the test split.
    runs = sorted(folder.glob("trials/*"))
    assert [run for run in runs if (run / "checkpoints").exists()] == [Path(outcome.best.runs[0])]
    tested = [run for run in runs if "test" in json.loads((run / "metrics.json").read_text())["metrics"]]
    assert tested == [Path(outcome.best.runs[0])]
    assert outcome.best.test == json.loads((tested[0] / "metrics.json").read_text())["metrics"]["test"]
    # The same command again has nothing to do, and says the same.
    again = deepcli("sweep", "run", spec(SPEC), RATES, "--workers", 2, "-o", folder, "--json")
    assert again.returncode == 0 and f"continuing {folder}" in again.stderr
    assert json.loads(again.stdout) == {**json.loads(done.stdout), "seconds": json.loads(again.stdout)["seconds"]}
    status = deepcli("sweep", "status", folder)
    assert status.returncode == 0 and "completed: 3 completed of 3 trials" in status.stdout
    listed = deepcli("runs", folder, "--sort", "val_loss", "--json")
    assert len(json.loads(listed.stdout)["runs"]) == 3


def test_the_best_spec_trains_as_it_is_to_the_same_bits(worked, cli, tmp_path):
    """The last trial of three is trained on a model that was traced for the first."""
    study = worked("optimizer.learning_rate=[1e-3, 1e-1, 3e-2]", "schedule=cosine")
    best = study.best
    from deepcli.sweeps.ranking import write

    write(study)
    done = cli("train", study.folder.best, "--output", tmp_path / "again", "--json")
    assert done.code == 0, done.err
    ours, theirs = RunDir(study.winners[0]), RunDir(tmp_path / "again")
    assert ours.result().metrics == theirs.result().metrics
    assert best.value == theirs.result().metrics["validation"]["loss"]
    without_seconds = [
        [row.rpartition(",")[0] for row in run.history.read_text().splitlines()] for run in (ours, theirs)
    ]
    assert without_seconds[0] == without_seconds[1]


def test_a_worker_that_has_grown_makes_way_for_another(worked, monkeypatch):
    from deepcli.sweeps.workers import worker as trials

    ends, work = [], Worker.work
    monkeypatch.setattr(trials, "GROWTH", -1)
    monkeypatch.setattr(Worker, "work", lambda self: ends.append(work(self)) or ends[-1])
    study = worked(RATES)
    assert ends == [False, False, False, True]
    assert [trial.state.name for trial in study.trials()] == ["COMPLETE"] * 3


def test_several_seeds_are_compared_by_their_mean(worked):
    study = worked(RATES, seeds=2, metric="val_accuracy")
    for trial in study.trials():
        runs = [RunDir(path).result() for path in study.runs(trial.number)]
        values = [run.metrics["validation"]["accuracy"] for run in runs]
        assert len(values) == 2 and trial.value == pytest.approx(sum(values) / 2)
        seeds = [load([RunDir(path).config]).experiment.seed for path in study.runs(trial.number)]
        assert seeds == [0, 1]
    assert len(study.winners) == 2
    assert all("test" in RunDir(path).result().metrics for path in study.winners)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_points_do_not_depend_on_who_draws_them(worked, method):
    options = {"method": method, "max_trials": 4}
    words = ("optimizer.learning_rate=log:1e-4:1e-1", "model.activation=[relu, tanh]")
    first = worked(*words, folder="first", **options)
    second = worked(*words, folder="second", **options)
    assert [trial.params for trial in first.trials()] == [trial.params for trial in second.trials()]
    assert [trial.value for trial in first.trials()] == [trial.value for trial in second.trials()]


def test_random_points_are_those_of_the_plan(worked, cli, spec):
    words = ("optimizer.learning_rate=log:1e-4:1e-1",)
    study = worked(*words, method="random", max_trials=3)
    done = cli("sweep", "plan", spec(SPEC), *words, "--method", "random", "--max-trials", "3")
    planned = [json.loads(line)["point"] for line in done.out.splitlines()]
    assert [json.loads(trial.user_attrs["point"]) for trial in study.trials()] == planned


def test_a_point_that_was_trained_is_not_trained_again(worked):
    study = worked("model.activation=[relu, tanh]", method="bayes", max_trials=6)
    twins = [trial for trial in study.trials() if "same_as" in trial.user_attrs]
    assert len(twins) == 4
    for twin in twins:
        assert twin.value == study.trials()[twin.user_attrs["same_as"]].value
        assert not study.runs(twin.number)[0].exists()


def test_trials_without_prospect_end_early(worked):
    text = SPEC.replace("epochs: 2", "epochs: 6")
    early = "sweep.early_terminate={type: median, n_startup_trials: 2, n_warmup_steps: 1}"
    study = worked("optimizer.learning_rate=[3e-2, 1e-2, 1e-6, 1e-7]", early, text=text)
    states = [trial.state.name for trial in study.trials()]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    for number in (2, 3):
        result = RunDir(study.runs(number)[0]).result()
        assert result.status == "completed" and result.epochs == len(study.trials()[number].intermediate_values) == 2


def test_a_pruned_trial_whose_worker_died_ends_at_the_same_epoch(worked):
    """The worker dies after it has told the study, before the run has ended."""
    from unittest import mock

    from deepcli.sweeps.study.study import Study

    text = SPEC.replace("epochs: 2", "epochs: 6")
    words = (
        "optimizer.learning_rate=[3e-2, 1e-2, 1e-6]",
        "sweep.early_terminate={type: median, n_startup_trials: 2, n_warmup_steps: 1}",
    )
    died: list[int] = []

    def die(self, claim):
        if not died:
            died.append(claim.number)
            claim.lease.release()
            raise SystemExit
        return prune(self, claim)

    prune = Study.prune
    with mock.patch.object(Study, "prune", die), pytest.raises(SystemExit):
        worked(*words, text=text)
    study = worked(*words, text=text)
    assert died == [2] and [trial.state.name for trial in study.trials()] == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert RunDir(study.runs(2)[0]).result().epochs == 2


def test_failed_trials_are_recorded_and_ranked_last(worked, tmp_path):
    """One diverges, one raises what no one expects, one is well."""
    (tmp_path / "broken.py").write_text(BROKEN)
    study = worked(
        "loss.type=[exploding, auto]",
        "optimizer.learning_rate=[1e-2, 1e18]",
        "optimizer.type=sgd",
        plugins=[str(tmp_path / "broken.py")],
    )
    from deepcli.sweeps.ranking import ranking

    rows = ranking(study)
    assert [row.state for row in rows] == ["completed", "failed", "failed", "failed"]
    errors = {row.number: row.error for row in rows}
    assert "ZeroDivisionError: bang" in errors[0] and "diverged" in errors[3]
    assert "ZeroDivisionError" in study.folder.log("trial-0000").read_text()
    assert not study.given_up and study.done


def test_too_many_failures_end_a_sweep(spec, tmp_path):
    folder = tmp_path / "s"
    words = ["optimizer.type=sgd", "optimizer.learning_rate=[1e18, 2e18, 3e18, 4e18]", "--max-failures", 1]
    done = deepcli("sweep", "run", spec(SPEC), *words, "--workers", 1, "-o", folder, "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode == 1
    assert (outcome["status"], outcome["failed"], outcome["best"]) == ("failed", 2, None)
    assert [row["state"] for row in table(folder)] == ["failed", "failed"] and "diverged" in table(folder)[0]["error"]


def test_a_sweep_begins_no_trial_after_its_time(worked):
    study = worked(RATES, until=time.monotonic() - 1)
    assert study.trials() == [] and study.winners == []


def test_more_trials_go_on_where_a_sweep_ended(worked):
    rates = "optimizer.learning_rate=log:1e-4:1e-1"
    few = [trial.params for trial in worked(rates, method="random", max_trials=2).trials()]
    more = worked(rates, method="random", max_trials=4)
    assert [trial.params for trial in more.trials()][:2] == few and len(more.trials()) == 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_an_interrupted_sweep_goes_on_by_the_same_command(spec, tmp_path, number):
    folder = tmp_path / "s"
    text = SPEC.replace("epochs: 2", "epochs: 60")
    command = [
        *(sys.executable, "-m", "deepcli", "sweep", "run", str(spec(text)), RATES),
        *("--workers", "2", "-o", str(folder), "--json"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    end = time.monotonic() + 60
    while len(list(folder.glob("trials/*/history.csv"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert json.loads(out)["status"] == "interrupted" and "run the same command again to continue" in err
    left = {run.name for run in folder.glob("trials/*") if not (run / "metrics.json").exists()}
    assert left and all((folder / "trials" / name / "checkpoints" / "last.keras").exists() for name in left)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["completed"] == 3
    assert any("resuming" in (folder / "trials" / name / "train.log").read_text() for name in left)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_no_process_is_left_behind_by_a_command_that_was_killed(spec, tmp_path):
    folder = tmp_path / "s"
    command = [
        sys.executable,
        "-m",
        "deepcli",
        "sweep",
        "run",
        str(spec(SPEC.replace("epochs: 2", "epochs: 5000"))),
        RATES,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--workers", "2", "-o", str(folder)], stderr=subprocess.PIPE, env=environment)
    end = time.monotonic() + 60
    while len(list(folder.glob("trials/*/history.csv"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert all((path.parent / "checkpoints" / "last.keras").exists() for path in folder.glob("trials/*/history.csv"))


class TestRefusals:
    """Nothing is started, and the exit code is 2."""

    def refused(self, cli, *words):
        done = cli("sweep", "run", *words)
        assert done.code == 2 and done.out == "", done
        return done.err

    @pytest.mark.parametrize(
        ("word", "says"),
        [
            ("optimizer.learning_rat=[1, 2]", "did you mean 'learning_rate'"),
            ("optimizer.learning_rate=[]", "is empty"),
            ("optimizer.learning_rate=log:1e-1:1e-4", "is not less than max"),
            ("optimizer.learning_rate=[1e-3, -1]", "greater than"),
            ("sweep.metric=val_acuracy", "did you mean 'val_accuracy'"),
            ("sweep.metric=test_accuracy", "must not be used to choose"),
        ],
    )
    def test_bad_words(self, cli, spec, tmp_path, word, says):
        more = [RATES] if word.startswith("sweep") else []
        assert says in self.refused(cli, spec(SPEC), word, *more, "-o", tmp_path / "s")
        assert not (tmp_path / "s").exists()

    def test_a_place_in_the_file_is_named(self, cli, spec, tmp_path):
        path = spec(SPEC + "sweep:\n  parameters:\n    model.hidden_units: {min: 8, max: 4}\n")
        err = self.refused(cli, path, "-o", tmp_path / "s")
        assert re.search(r"spec\.yaml:\d+:\d+: .*model\.hidden_units", err)

    def test_a_sweep_of_another_spec(self, cli, spec, tmp_path, worked):
        study = worked(RATES)
        err = self.refused(cli, spec(SPEC), RATES, "training.epochs=3", "-o", study.folder.path)
        assert "training.epochs: 3 now, 2 when the sweep was started" in err and "choose another --output" in err
        other = self.refused(cli, spec(SPEC), "optimizer.learning_rate=[1e-3]", "-o", study.folder.path)
        assert "sweep.parameters.optimizer.learning_rate" in other

    def test_data_that_are_missing(self, cli, spec, tmp_path):
        err = self.refused(cli, spec("data: mnist\nmodel: mlp\n"), RATES, "-o", tmp_path / "s")
        assert "mnist.npz was not found" in err and not (tmp_path / "s").exists()

    def test_a_directory_that_is_something_else(self, cli, spec, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("x")
        assert "nothing was changed" in self.refused(cli, spec(SPEC), RATES, "-o", tmp_path / "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    def test_a_storage_that_is_none(self, cli, spec, tmp_path):
        words = [spec(SPEC), RATES, "-o", tmp_path / "s", "--storage"]
        assert "--storage" in self.refused(cli, *words, "nonsense")
        err = self.refused(cli, *words, "postgresql://me:hush@127.0.0.1:9/none")
        assert "hush" not in err and not (tmp_path / "s").exists()

    @pytest.mark.parametrize("command", ["status", "worker"])
    def test_what_is_no_sweep(self, cli, tmp_path, command):
        done = cli("sweep", command, tmp_path)
        assert done.code == 2 and "no sweep.json" in done.err

    def test_a_damaged_plan(self, cli, tmp_path, worked):
        folder = worked(RATES, until=0.0).folder
        folder.plan.write_text(folder.plan.read_text()[:-20])
        done = cli("sweep", "status", folder.path, "--json")
        assert done.code == 2 and "sweep.json is damaged" in done.err
        assert json.loads(done.out)["status"] == "failed"


def test_a_torn_last_line_of_the_journal_is_set_aside(worked):
    study = worked(RATES, until=0.0)
    journal = study.folder.journal
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "tor')
    again = worked(RATES)
    assert len(again.trials()) == 3 and again.done
    assert b"tor\n" in journal.with_suffix(".torn").read_bytes()


def test_a_dry_run_prints_the_plan_and_trains_nothing(cli, spec, tmp_path):
    done = cli("sweep", "run", spec(SPEC), RATES, "--dry-run", "-o", tmp_path / "s")
    assert (
        done.code == 0 and "method grid, 3 trials" in done.out and "trial 2: optimizer.learning_rate=0.03" in done.out
    )
    assert not (tmp_path / "s").exists()


class TestPlans:
    """`sweep plan`, `trial` and `collect`."""

    @pytest.fixture
    def lines(self, cli, spec):
        done = cli("sweep", "plan", spec(SPEC), RATES, "--seeds", "2")
        assert done.code == 0, done.err
        return done.out.splitlines()

    def test_trials_are_trained_once_and_collected(self, cli, lines, tmp_path):
        out = tmp_path / "all of them"
        for line in lines:
            done = cli("sweep", "trial", line, "-o", out, "--json")
            assert done.code == 0, done.err
            result = json.loads(done.out)
            assert "test" not in result["metrics"] and Path(result["run"]).name == json.loads(line)["trial"]
        again = cli("sweep", "trial", lines[0], "-o", out, "--json")
        assert again.code == 0 and "nothing was trained" in again.err
        done = cli("sweep", "collect", out, "--json")
        assert done.code == 0, done.err
        outcome = Outcome.model_validate_json(done.out)
        assert (outcome.completed, len(outcome.best.runs)) == (3, 2) and "accuracy" in outcome.best.test
        assert len(table(out)) == 3 and (out / "slices.png").exists()
        best = load([out / "best.yaml"]).experiment
        assert best.optimizer.learning_rate == outcome.best.point["optimizer.learning_rate"]

    def test_before_all_have_ended_nothing_is_measured_on_the_test_split(self, cli, lines, tmp_path):
        from deepcli.sweeps.planned import PlannedRun

        assert cli("sweep", "trial", lines[0], "-o", tmp_path / "o").code == 0
        PlannedRun.read(lines[1])[0].keep(tmp_path / "o")  # begun elsewhere, and not finished
        done = cli("sweep", "collect", tmp_path / "o", "--json")
        assert done.code == 1 and json.loads(done.out)["status"] == "unfinished"
        assert not list((tmp_path / "o").glob("*/predictions-test.npz"))

    def test_a_line_that_was_changed_is_refused(self, cli, lines, tmp_path):
        changed = lines[0].replace("learning_rate: 0.001", "learning_rate: 0.5")
        assert changed != lines[0]
        done = cli("sweep", "trial", changed, "-o", tmp_path / "o")
        assert done.code == 2 and "was changed" in done.err
        done = cli("sweep", "trial", "nonsense", "-o", tmp_path / "o")
        assert done.code == 2 and "sweep plan" in done.err
        assert not (tmp_path / "o").exists()
        assert "has no trials of a plan" in cli("sweep", "collect", tmp_path / "o").err

    def test_a_plan_is_the_same_every_time_and_every_run_has_its_own_name(self, cli, spec, lines):
        assert cli("sweep", "plan", spec(SPEC), RATES, "--seeds", "2").out.splitlines() == lines
        assert len({json.loads(line)["trial"] for line in lines}) == len(lines) == 6

    def test_bayes_has_no_plan(self, cli, spec):
        done = cli("sweep", "plan", spec(SPEC), "optimizer.learning_rate=log:1e-4:1e-1")
        assert done.code == 2 and "--method random" in done.err


def test_workers_join_from_another_shell(spec, tmp_path):
    """The sweep was begun and left; two commands work on it at once."""
    plan = load_sweep([str(spec(SPEC)), RATES, "optimizer.type=[adam, sgd]"])
    folder, _ = start_sweep(tmp_path / "s", plan, None)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deepcli", "sweep", "worker", str(folder.path), "--workers", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    study = open_study(SweepDir(folder.path))
    assert [trial.state.name for trial in study.trials()] == ["COMPLETE"] * 6
    assert "test" in RunDir(study.winners[0]).result().metrics


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
@pytest.mark.long
class TestScripts:
    """The examples in `configs/sweeps`, on a small spec."""

    @pytest.fixture
    def script(self, spec, tmp_path):
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

        def run(name, *words, **more):
            command = ["sh", ROOT / "configs" / "sweeps" / name, *map(str, words)]
            return subprocess.run(
                command, capture_output=True, text=True, env={**environment, **more}, cwd=tmp_path, timeout=180
            )

        return run

    def test_the_loop_goes_on_where_it_was(self, script, spec, tmp_path):
        text = SPEC.replace("epochs: 2", "epochs: 1")
        done = script("loop.sh", spec(text), "a loop")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 7
        shutil.rmtree(tmp_path / "a loop" / "rate-3e-3-units-32")
        seen = {path: path.stat().st_mtime_ns for path in tmp_path.glob("a loop/*/metrics.json")}
        assert script("loop.sh", spec(text), "a loop").returncode == 0
        assert len(list(tmp_path.glob("a loop/*/metrics.json"))) == len(seen) + 1 == 6
        assert all(path.stat().st_mtime_ns == time for path, time in seen.items())

    def test_the_loop_ends_at_a_wrong_spec(self, script, spec):
        done = script("loop.sh", spec(SPEC + "modle: 3\n"), "a loop")
        assert done.returncode == 1 and done.stderr.count("did you mean 'model'") == 1

    def test_xargs_and_the_job_array(self, script, spec, tmp_path):
        path = spec(SPEC.replace("epochs: 2", "epochs: 1"))
        done = script("xargs.sh", path, "a grid", 2)
        assert done.returncode == 0, done.stderr
        assert "completed: 6 completed" in done.stdout
        plan = tmp_path / "a grid" / "plan.jsonl"
        for task in ("1", "6"):
            again = script("slurm.sh", plan, "a grid", SLURM_ARRAY_TASK_ID=task)
            assert again.returncode == 0 and "nothing was trained" in again.stderr
        first = script("slurm.sh", plan, "an array", SLURM_ARRAY_TASK_ID="2")
        assert first.returncode == 0 and "nothing was trained" not in first.stderr
