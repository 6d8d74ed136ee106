"""Where a run stands: how far it is, why it stopped, the best so far, and how to continue it."""

import shlex

import pytest

from deepcli.errors import RunError
from deepcli.reports.html import fragment
from deepcli.run.run_state import state_of
from deepcli.system.atomic import write_text
from tests.made_runs import epochs, made_run

ROWS = epochs(loss=[3.0, 2.0, 1.0], val_loss=[3.0, 1.25, 2.0])
INTERRUPTED = (
    "interrupted in epoch 4 of 30; best so far: epoch 2, val_loss 1.2500; continue with: deepcli train --resume a"
)


def test_an_interrupted_run_says_where_and_how_to_continue():
    state = state_of(made_run("a b", rows=ROWS, log=["epoch=3", INTERRUPTED]))
    assert (state.status, state.far) == ("interrupted", "epoch 3 of 30")
    assert state.why == "stopped in epoch 4 by Ctrl-C or another signal"
    assert state.best == "epoch 2, val_loss 1.2500"
    assert shlex.split(state.resume) == ["deepcli", "train", "--resume", "a b"]


def test_before_the_first_step():
    state = state_of(made_run("a", log=["interrupted before the first step; continue with: deepcli train --resume a"]))
    assert (state.far, state.best) == ("before the end of epoch 1 of 30", "")
    assert state.why == "stopped before the first step by Ctrl-C or another signal"


@pytest.mark.parametrize("log", [[], ["epoch=3"], [INTERRUPTED, "resuming at step 40"]])
def test_a_run_whose_process_was_killed(log):
    state = state_of(made_run("a", rows=ROWS, log=log, environment={"plugins": ["my plugin.py"]}))
    assert state.status == "unfinished" and "was killed" in state.why
    assert shlex.split(state.resume) == ["deepcli", "train", "--resume", "a", "--plugin=my plugin.py"]


def test_a_run_that_a_process_trains_is_not_to_be_resumed():
    run = made_run("a", rows=ROWS, log=[INTERRUPTED])
    with run.run.owned():
        state = state_of(run)
    assert (state.status, state.resume, state.best) == ("running", "", "epoch 2, val_loss 1.2500")


@pytest.mark.parametrize(
    ("ended", "log", "why"),
    [
        (
            "early_stopping",
            ["stopped after epoch 3 of 30: val_loss has not improved for 5 epochs", "best epoch: 2"],
            None,
        ),
        ("early_stopping", [], "3 epochs: early stopping"),
        ("completed", ["all 3 epochs done"], None),
        (
            "completed",
            ["stopped in epoch 2 of 3: the time is over", "all 3 epochs done", "best epoch: 2"],
            "all 3 epochs done",
        ),
        (None, [], "3 epochs done"),
    ],
)
def test_a_completed_run_says_why_it_ended(ended, log, why):
    result = {"status": "completed", "ended": ended, "epochs": 3, "best_epoch": 2}
    run = made_run("a", rows=ROWS, result=result, log=[INTERRUPTED, *log])
    state = state_of(run)
    assert (state.status, state.resume, state.best) == ("completed", "", "")
    assert state.why == (why or log[0]) and state.is_over


def test_a_failed_run_is_resumed_unless_it_would_diverge_again():
    result = {"status": "failed", "error": "cannot write a/history.csv: No space left on device", "epochs": 3}
    run = made_run("full", rows=ROWS, result=result)
    assert state_of(run).resume == ""  # there is nothing to resume from
    run.run.last.touch()
    state = state_of(run)
    assert (state.status, state.why) == ("failed", result["error"])
    assert shlex.split(state.resume) == ["deepcli", "train", "--resume", "full"]
    diverged = made_run("b", rows=ROWS, result={**result, "error": "the run diverged: loss became nan in epoch 3"})
    diverged.run.last.touch()
    assert state_of(diverged).resume == ""


def test_a_trial_is_continued_by_a_worker_of_its_sweep():
    run = made_run("s/trials/0001", rows=ROWS, environment={"command": ["sweep", "worker", "s"]})
    assert state_of(run).resume == "deepcli sweep worker s"


def test_a_damaged_result_is_named():
    run = made_run("a", rows=ROWS)
    write_text(run.run.metrics, "{")
    assert "metrics.json is damaged" in state_of(run).why


def test_a_page_of_an_unfinished_run_shows_all_of_it():
    page = fragment(made_run("a", rows=ROWS, log=[INTERRUPTED]))
    for text in (
        "interrupted, epoch 3 of 30",
        "Best so far: epoch 2, val_loss 1.2500",
        "deepcli train --resume a",
        "1.2500",
    ):
        assert text in page


@pytest.mark.parametrize("epoch", ["nan", "inf", "0", "1.5", "1e300", "-3"])
def test_a_history_without_whole_epochs_is_damaged(epoch):
    run = made_run("a", rows=[{"epoch": epoch, "loss": 1.0}])
    with pytest.raises(RunError, match="is damaged"):
        state_of(run)
