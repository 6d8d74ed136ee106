"""`runs --watch` and `sweep status --watch`: lines where there is no terminal, and tables that fit where there is one."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest

from deepcli.cli import following
from deepcli.cli.schemas import file_of, schemas, with_json
from deepcli.experiment.load import dump, load
from deepcli.result import Result
from deepcli.run.directory import RunDir
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.start import open_study, start_sweep
from deepcli.system.atomic import write_text


@pytest.fixture
def between(monkeypatch):
    """Do something between two looks each; after the last one, Ctrl-C is pressed."""

    def plan(*steps):
        left = list(steps)

        def sleep(redraw):
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(following, "_sleep", sleep)

    return plan


@pytest.fixture
def begin(spec):
    def one(path, *overrides):
        about = {"started": "2026-01-31T08:15:00+00:00"}
        text = dump(load([spec()], ["training.epochs=5", *overrides]).experiment)
        return RunDir.create(Path(path), text, about)

    return one


def trained(run, *losses):
    run.write_history([{"epoch": n, "val_loss": loss, "seconds": 2.0} for n, loss in enumerate(losses, 1)])


def ended(run, **facts):
    result = {"schema": 1, "command": "train", "status": "completed", "epochs": 2, **facts}
    write_text(run.metrics, Result.model_validate(result).to_json())


def without_times(lines):
    assert all(line[2] == line[5] == ":" and line[8] == " " for line in lines)
    return [line[9:] for line in lines]


def test_without_a_terminal_there_is_a_line_for_each_change(cli, begin, between):
    runs = {}

    def starts():
        runs["a"] = begin("runs/a")
        runs["lock"] = runs["a"].owned()
        runs["lock"].__enter__()

    def ends():
        ended(runs["a"], metrics={"validation": {"loss": 0.25}, "test": {"accuracy": 0.9}})
        runs["lock"].__exit__(None, None, None)

    between(
        starts, lambda: trained(runs["a"], 0.5), lambda: trained(runs["a"], 0.5, 0.25), lambda: None, ends,
        lambda: shutil.rmtree("runs/a"),
    )  # fmt: skip
    done = cli("runs", "--watch")
    assert (done.code, done.err) == (0, "notice: waiting for runs in runs\n")
    lines = without_times(done.out.splitlines())
    assert lines == [
        "runs/a  began  5 epochs",
        "runs/a  epoch 1 of 5  val_loss 0.5",
        lines[2],
        "runs/a  completed  2 epochs  val_loss 0.25  test_accuracy 0.9",
        "runs/a  removed",
    ]
    assert lines[2].startswith("runs/a  epoch 2 of 5  ") and lines[2].endswith("s left  val_loss 0.25")


def test_with_json_a_change_is_an_object_and_so_is_an_error(cli, begin, between):
    run = begin("runs/a")
    begin("runs/b", "model=cnn")
    with run.owned():
        between(lambda: trained(run, 0.5), lambda: shutil.rmtree("runs"))
        done = cli("runs", "runs", "--watch", "--json")
    assert done.code == 2 and "error: runs was removed or renamed while it was watched" in done.err
    told = [json.loads(line) for line in done.out.splitlines()]
    for one in told:
        jsonschema.validate(one, schemas()[file_of(with_json()["runs"])])
    assert [(one["status"], one["event"]) for one in told] == [
        ("running", "running"), ("running", "epoch"), ("failed", None),
    ]  # fmt: skip
    (row,) = told[1]["runs"]
    assert (row["run"], row["epochs"], row["planned"], row["changed"]["model.type"]) == ("runs/a", 1, 5, "mlp")
    assert "removed or renamed" in told[2]["error"]


def test_columns_and_conditions_hold_for_the_lines(cli, begin, between):
    runs = [begin("runs/a", "seed=1"), begin("runs/b", "seed=2")]
    with runs[0].owned(), runs[1].owned():
        between(lambda: [trained(run, 0.5) for run in runs])
        done = cli("runs", "--watch", "--filter", "seed=2", "--columns", "seed,model.type,val_loss")
    assert without_times(done.out.splitlines()) == [
        "runs/b  running  epoch 0 of 5  seed 2  model.type mlp",
        "runs/b  epoch 1 of 5  seed 2  model.type mlp  val_loss 0.5",
    ]
    assert done.err == "notice: --columns: no run has 'val_loss'\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere is not a directory"),
        (["--sort", "val_los"], "--sort: no run has 'val_los'; did you mean 'val_loss'?"),
        (["--columns", "val_los"], "--columns: no run has 'val_los'; did you mean 'val_loss'?"),
        (["--filter", "val_loss>"], "--filter: should look like"),
        (["--since", "yesterday"], "--since: should be seconds above 0"),
        (["--csv"], "--watch: leave out --csv"),
        (["--markdown"], "--watch: leave out --csv"),
        (["--wide"], "--watch: leave out --csv"),
    ],
)
def test_what_cannot_be_watched(cli, begin, between, words, says):
    ended(begin("runs/a"), metrics={"validation": {"loss": 0.25}})
    between()
    done = cli("runs", *words, "--watch")
    assert done.code == 2 and says in done.err and not done.out


@pytest.fixture
def on_terminal(monkeypatch):
    """Take stdout for a terminal of some size, and keep what is drawn on it."""
    drawn = []

    class Block:
        def __init__(self, stream):
            pass

        def show(self, lines, size=None):
            if lines != [following.READING]:
                drawn.append(lines)

        def leave(self, lines):
            drawn.append(["left", *lines])

    def size(columns, lines):
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(following, "can_redraw", lambda stream: True)
        monkeypatch.setattr(following, "LiveBlock", Block)
        monkeypatch.setattr("shutil.get_terminal_size", lambda fallback=None: os.terminal_size((columns, lines)))
        return drawn

    return size


def test_a_table_fits_the_window_and_keeps_what_trains_and_what_has_just_ended(cli, begin, between, on_terminal):
    for number in range(30):
        ended(begin(f"runs/r{number}", f"seed={number}"), metrics={"test": {"accuracy": 0.5, "loss": 1.0}})
    late = begin("runs/z")
    drawn = on_terminal(60, 12)
    with late.owned():
        between(
            lambda: trained(late, 0.5, 0.4), lambda: ended(late, metrics={"test": {"accuracy": 0.75}}), lambda: None
        )
        done = cli("runs", "--watch")
    assert done.code == 0
    assert drawn.pop() == ["left", *drawn[-1]]  # the last table stays
    for lines in drawn:
        assert len(lines) == 11 and max(map(len, lines)) <= 60, lines
        assert lines[-1].startswith("and ") and lines[-1].endswith(" more")
        shown = [line.split()[0] for line in lines if line.startswith("runs/")]
        assert shown == [*(f"runs/r{k}" for k in range(len(shown) - 1)), "runs/z"]
        assert int(lines[-1].split()[1]) == 31 - len(shown)
    rows = [next(line for line in lines if line.startswith("runs/z")).split() for lines in drawn]
    assert rows[0][1:5] == ["running", "0", "of", "5"]
    assert rows[1][1:5] == ["running", "2", "of", "5"] and rows[1][5].endswith("s")
    assert rows[2][1] == "completed" and "0.75" in rows[2]


def test_nothing_to_show_yet_says_what_is_waited_for(cli, begin, between, on_terminal):
    drawn = on_terminal(60, 12)
    run = begin("elsewhere/a")
    between(lambda: shutil.copytree(run.path, "runs/a"))
    assert cli("runs", "--watch").code == 0
    assert drawn[0] == ["waiting for runs in runs; Ctrl-C ends the watch"]
    assert [line.split()[:2] for line in drawn[1] if "runs/a" in line] == [["runs/a", "unfinished"]]


def test_what_trains_stays_even_where_much_has_just_ended(cli, begin, between, on_terminal):
    runs = [begin(f"runs/r{number}") for number in range(9)]
    drawn = on_terminal(60, 7)
    with begin("runs/z").owned(), contextlib.ExitStack() as locks:
        for run in runs:
            locks.enter_context(run.owned())
        between(lambda: [ended(run) for run in runs])
        assert cli("runs", "--watch").code == 0
    assert [line.split()[0] for line in drawn[-2] if line.startswith("runs/")][-1] == "runs/z"


def test_a_terminal_of_one_line_is_no_error(cli, begin, between, on_terminal):
    begin("runs/a")
    for lines in (1, 2):
        drawn = on_terminal(30, lines)
        between()
        assert cli("runs", "--watch").code == 0
        assert len(drawn[-1]) <= 2  # with the word that says that it is the last


# Sweeps


@pytest.fixture
def swept(spec):
    plan = load_sweep([str(spec()), "seed=[1, 2, 3]", "training.epochs=2"], (), (), {})
    folder, _ = start_sweep(Path("s"), plan, None)
    study = open_study(folder)
    yield study
    study.close()


def complete(study, claim, value):
    """Record a trial, with the result that its run would have."""
    study.complete(claim, [value])
    run = RunDir(study.runs(claim.number)[0])
    run.path.mkdir(parents=True, exist_ok=True)
    ended(run, metrics={"test": {"loss": value + 1}})


def test_a_sweep_is_watched_until_it_has_ended(cli, swept, between):
    claims = []

    def claim():
        claims.append(swept.claim())

    def both():
        complete(swept, claims[1], 0.25)
        claim()

    between(
        claim,
        lambda: swept.optuna.get_trials() and claims[0].trial.report(0.75, 1),
        lambda: (complete(swept, claims[0], 0.5), claim()),
        both,
        lambda: swept.fail(claims[2], "diverged"),
    )
    done = cli("sweep", "status", "s", "--watch")
    assert (done.code, done.err) == (0, "")
    lines = [line.split("  ") for line in without_times(done.out.splitlines())]
    short = [[part for part in line if part and not part[0].isdigit()] for line in lines]
    assert [" ".join(" ".join(line).split()) for line in short] == [
        "trial 0 running seed=1",
        "trial 0 running val_loss 0.7500 seed=1 epoch 1",
        "trial 0 completed val_loss 0.5000 seed=1 best",
        "trial 1 running seed=2",
        "trial 1 completed val_loss 0.2500 seed=2 best",
        "trial 2 running seed=3",
        "trial 2 failed seed=3 diverged",
    ]


def test_a_watched_sweep_ends_when_the_best_trial_is_evaluated(cli, spec, between):
    plan = load_sweep([str(spec()), "seed=[1, 2]"], (), (), {})
    folder, _ = start_sweep(Path("s"), plan, None)
    with contextlib.closing(open_study(folder)) as study:
        for value in (0.5, 0.25):
            study.complete(study.claim(), [value])
        run = RunDir(study.winners[0])
        run.path.mkdir(parents=True)
        between(lambda: None, lambda: ended(run, metrics={"test": {"loss": 0.75}}))
        done = cli("sweep", "status", "s", "--watch", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["best"]["test"] for one in told] == [{}, {"loss": 0.75}] and done.code == 0


def test_the_objects_of_a_watched_sweep_are_its_outcome_whenever_it_changes(cli, swept, between):
    claim = swept.claim()
    between(lambda: None, lambda: complete(swept, claim, 0.5), lambda: None, lambda: shutil.rmtree("s"))
    done = cli("sweep", "status", "s", "--watch", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    for one in told:
        jsonschema.validate(one, schemas()[file_of(with_json()["sweep status"])])
    assert [(one["status"], one["running"], one["completed"]) for one in told] == [
        ("unfinished", 1, 0), ("unfinished", 0, 1), ("failed", 0, 0),
    ]  # fmt: skip
    assert done.code == 2 and "s was removed or renamed while it was watched" in told[-1]["error"]
    assert told[1]["best"]["test"] == {"loss": 1.5}


def test_the_table_of_a_sweep_fits_the_window_and_keeps_what_trains(cli, spec, between, on_terminal):
    plan = load_sweep([str(spec()), f"seed={list(range(30))}"], (), (), {})
    folder, _ = start_sweep(Path("s"), plan, None)
    study = open_study(folder)
    for number in range(20):
        complete(study, study.claim(), 1 / (1 + number))
    held = study.claim()
    drawn = on_terminal(60, 12)
    between(lambda: None)
    assert cli("sweep", "status", "s", "--watch").code == 0
    study.give_back(held)
    study.close()
    for lines in drawn[:-1]:
        assert len(lines) <= 11
        numbers = [int(line.split()[0]) for line in lines if line.split()[:1] and line.split()[0].isdigit()]
        assert numbers[0] == 19 and numbers[-1] == 20 and len(numbers) > 2
        assert lines[-1] == f"and {21 - len(numbers)} more"


def test_a_sweep_that_has_not_started_says_so(cli, swept):
    assert "unfinished: none started of 3 trials" in cli("sweep", "status", "s").out


def test_a_storage_that_cannot_be_read_any_more_is_an_error_in_words(cli, swept, between):
    between(lambda: swept.folder.journal.write_text("not a journal\nnor this\n" * 99))
    done = cli("sweep", "status", "s", "--watch")
    assert done.code == 2 and done.err.startswith("error: s: the sweep cannot be read any more: ")
