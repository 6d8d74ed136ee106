"""The processes of `train --seeds`, with a short script in the place of the one that trains."""

import json
import signal
import threading
import time
from pathlib import Path

import pytest

from deepcli.api.seed_processes import SeedTask, run_seeds
from deepcli.api.seed_results import TrainedSeeds, result_of
from deepcli.system.signals import Signals

WORKER = """
import json, os, signal, sys, time
from pathlib import Path
request = json.loads(sys.stdin.readline())
def say(**message):
    print(json.dumps(message), flush=True)
def stop(*_):
    say(error="interrupted", code=143)
    os._exit(143)
signal.signal(signal.SIGTERM, stop)
Path(f"{request['seed']}.began").touch()
say(epochs=2, steps=3)
exec(request["act"])
say(result={"status": "completed", "seed": request["seed"], "slot": os.environ["SLOT"]})
"""
SLOTS = [{"SLOT": "a"}, {"SLOT": "b"}]
OTHER_IS_THERE = """
while len(list(Path().glob("*.began"))) < 2:
    time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    monkeypatch.setattr("deepcli.api.seed_processes.WORKER", ("-c", WORKER))


def trained(*acts, signals=None):
    heard = []
    tasks = [SeedTask(seed, {"seed": seed, "act": act}) for seed, act in enumerate(acts)]
    done = run_seeds(tasks, SLOTS, signals or Signals(), lambda seed, message: heard.append((seed, message)))
    return done, heard


def test_as_many_run_at_a_time_as_there_is_room_for():
    done, heard = trained(OTHER_IS_THERE, OTHER_IS_THERE, "")
    assert sorted(done) == [0, 1, 2]
    assert {done[0]["result"]["slot"], done[1]["result"]["slot"]} == {"a", "b"}
    assert [message for seed, message in heard if seed == 2] == [{"epochs": 2, "steps": 3}, done[2]]


@pytest.mark.parametrize(
    ("act", "error", "code"),
    [
        ("say(error='diverged', code=1); sys.exit(1)", "diverged", 1),
        ("say(error='no data', code=2); sys.exit(2)", "no data", 2),
        ("print('no message'); sys.stderr.write('one\\ntwo\\n'); os._exit(3)", "exit code 3\n  one\n  two", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", "exit code -9", 137),
    ],
)
def test_the_others_are_trained_where_one_fails(act, error, code):
    done, _ = trained(act, "", "")
    assert error in done[0]["error"] and done[0]["code"] == code
    assert [done[seed]["result"]["status"] for seed in (1, 2)] == ["completed"] * 2


def test_a_signal_stops_those_that_run_and_begins_no_more():
    signals = Signals()

    def ask():
        end = time.monotonic() + 60
        while len(list(Path().glob("*.began"))) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        signals.stop = signal.SIGINT

    threading.Thread(target=ask).start()
    done, _ = trained("time.sleep(100)", "time.sleep(100)", "", signals=signals)
    assert {seed: one["error"] for seed, one in done.items()} == {0: "interrupted", 1: "interrupted"}
    assert not Path("2.began").exists()


def test_what_interrupts_this_process_stops_them_too():
    def broken(seed, message):
        if "note" in message:
            raise KeyboardInterrupt

    act = "signal.signal(signal.SIGTERM, lambda *_: (Path('stopped').touch(), os._exit(0))); say(note='ready'); time.sleep(100)"
    with pytest.raises(KeyboardInterrupt):
        run_seeds([SeedTask(0, {"seed": 0, "act": act})], SLOTS, Signals(), broken)
    assert Path("stopped").exists()


def test_means_and_spreads_are_over_the_seeds_that_have_completed():
    def done(loss, accuracy):
        metrics = {"test": {"loss": loss, "accuracy": accuracy}}
        return {"result": {"status": "completed", "epochs": 2, "best_epoch": 1, "seconds": 1.0, "metrics": metrics}}

    ended = {3: done(0.1, 0.5), 4: {"error": "diverged", "code": 1}, 5: done(None, 0.7)}
    trained = TrainedSeeds(result_of("x", Path("r"), [3, 4, 5], ended, 2.0), codes={4: 1})
    told = json.loads(trained.result.to_json())
    assert told["metrics"] == {"test": {"loss": None, "accuracy": pytest.approx(0.6)}}
    assert told["spread"] == {"test": {"loss": None, "accuracy": pytest.approx(0.141421356)}}
    assert (told["status"], told["error"]) == ("failed", "1 of 3 seeds failed: seed 4: diverged")
    assert [one["status"] for one in told["seeds"]] == ["completed", "failed", "completed"]
    assert trained.problem.exit_code == 1 and str(trained.problem) == told["error"]
    assert TrainedSeeds(result_of("x", Path("r"), [3], {3: ended[3]}, 2.0)).problem is None
