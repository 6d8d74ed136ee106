"""Leases in a real PostgreSQL: one holder at a time, no result of a worker that lost its own, and machines that join."""

import dataclasses
import json
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from deepcli.api.sweep import read_sweep
from deepcli.data.files import Sources
from deepcli.errors import RunError
from deepcli.run.directory import RunDir
from deepcli.sweeps.directory import SweepDir
from deepcli.sweeps.joining import join_sweep
from deepcli.sweeps.leases import LeaseLost
from deepcli.sweeps.load import load_sweep
from deepcli.sweeps.start import open_study, publish, start_sweep
from deepcli.sweeps.study.connection import Patience
from deepcli.sweeps.study.storage import close_storage, open_storage
from deepcli.sweeps.workers.worker import Worker
from deepcli.system.signals import Signals
from tests.postgresql_server import served

SPEC = """
data: {type: digits, limit: 100, batch_size: 20}
model: {type: mlp, hidden_units: [8]}
training: {epochs: 2}
"""
RATES = "optimizer.learning_rate=[1e-3, 1e-2, 3e-2]"

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("postgresql")) as own:
        yield own


@pytest.fixture
def sweep(spec, tmp_path, server):
    """A sweep that was started and published, and no trial of which is begun; gives its directory and its plan."""
    plan = load_sweep([str(spec(SPEC)), RATES])
    folder, _ = start_sweep(tmp_path / "first", plan, server.url)
    publish(folder, server.url, plan, plan.experiment({}).data.load(Sources()).provenance)
    return folder, plan


@pytest.fixture
def machines(sweep, server, tmp_path):
    """The studies of two machines: that which started the sweep, and one that joined it."""
    folder, _ = sweep
    other = join_sweep(server.url, folder.read_plan()["study"], tmp_path / "second machine")
    studies = [open_study(one, server.url) for one in (folder, other)]
    yield studies
    for study in studies:
        study.close()


def expire(server):
    """Let all leases be too old, as if nobody had renewed them for an hour."""
    engine = create_engine(server.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE deepcli_leases SET renewed = renewed - interval '1 hour'"))
    engine.dispose()


def rows(server):
    engine = create_engine(server.url)
    with engine.begin() as connection:
        found = [tuple(row) for row in connection.execute(text("SELECT study, name FROM deepcli_leases"))]
    engine.dispose()
    return found


@pytest.mark.long
def test_machines_get_different_trials(machines):
    first, second = machines
    mine, theirs = first.claim(), second.claim()
    assert (mine.number, theirs.number) == (0, 1)
    assert first.interrupted() == second.interrupted() == set()
    second.give_back(theirs)
    assert first.interrupted() == {1}
    again = first.claim()
    assert again.number == 1 and again.elsewhere.endswith("second machine/trials/0001")
    for claim in (mine, again):
        first.give_back(claim)


@pytest.mark.long
def test_a_lease_of_another_machine_is_taken_only_when_it_was_not_renewed(machines, server):
    first, second = machines
    mine = first.claim()
    theirs = second.claim()
    assert theirs.number == 1, "trial 0 is held"
    second.give_back(theirs)
    expire(server)
    taken = second.claim()
    assert taken.number == 0 and taken.elsewhere.endswith("first/trials/0000")
    assert second.runs(0) == [second.folder.run(0)], "it is trained again there"
    second.give_back(taken)
    mine.lease.release()


@pytest.mark.long
def test_an_interrupted_trial_with_a_checkpoint_waits_for_its_own_machine(machines, server):
    first, second = machines
    claim = first.claim()
    last = RunDir(first.runs(0)[0]).last
    last.parent.mkdir(parents=True)
    last.touch()
    first.give_back(claim)
    assert first.interrupted() == second.interrupted() == {0}
    theirs = second.claim()
    assert theirs.number == 1
    again = first.claim()
    assert (again.number, again.elsewhere) == (0, None)
    first.give_back(again)
    second.give_back(theirs)
    expire(server)
    assert second.claim().number == 0


@pytest.mark.long
def test_a_worker_that_lost_its_lease_changes_nothing(machines, server):
    first, second = machines
    mine = first.claim()
    expire(server)
    theirs = second.claim()
    with pytest.raises(LeaseLost):
        mine.trial.report(0.1, 1)
    with pytest.raises(LeaseLost):
        mine.lease.confirm()
    with pytest.raises(LeaseLost):
        first.complete(mine, [0.1])
    first.give_back(mine)
    trial = first.trials()[0]
    assert trial.state.name == "RUNNING" and not trial.intermediate_values and "values" not in trial.user_attrs
    second.complete(theirs, [0.5])
    assert first.trials()[0].value == 0.5
    with pytest.raises(LeaseLost):
        first.complete(mine, [0.1])
    assert first.trials()[0].value == 0.5


@pytest.mark.long
def test_an_end_whose_confirmation_was_lost_is_not_an_end_twice(machines, server, monkeypatch):
    told: list[str] = []
    study = open_study(machines[0].folder, server.url, patience=Patience(30, tell=told.append))
    claim, tell = study.claim(), study.optuna.tell

    def break_once(*arguments):
        tell(*arguments)
        if not told:
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(study.optuna, "tell", break_once)
    study.complete(claim, [0.5])
    assert [trial.value for trial in study.trials()] == [0.5]
    assert "closed the connection unexpectedly" in told[0] and told[1].endswith("answers again")
    assert study.claim().number == 1
    study.close()


@pytest.mark.long
def test_the_trial_of_a_worker_that_died_is_resumed_at_once_in_its_own_directory(machines, server):
    first, _ = machines
    claim = first.claim()
    claim.lease._lock.release()  # as the system does for a process that dies; its row stays
    assert first.interrupted() == {0}
    study = open_study(first.folder, server.url)
    again = study.claim()
    assert again.number == 0 and again.elsewhere is None
    with pytest.raises(LeaseLost):
        first.complete(claim, [0.1])
    study.complete(again, [0.2])
    study.close()


@pytest.mark.long
def test_deaths_count_over_machines_until_an_epoch_is_completed(machines, server):
    def die(claim):
        claim.lease._lock.release()
        expire(server)

    first, second = machines
    die(first.claim())
    for deaths, study in enumerate((second, first, second), 1):
        claim = study.claim()
        assert (claim.number, claim.deaths) == (0, deaths)
        die(claim)
    history = RunDir(second.runs(0)[0]).history
    history.parent.mkdir(parents=True)
    history.write_text("epoch,loss\n1,0.5\n")
    claim = second.claim()
    assert (claim.number, claim.deaths) == (0, 1), "an epoch was completed there"
    for deaths in range(2, 8):
        die(claim)
        claim = second.claim()
        assert (claim.number, claim.deaths) == (0, deaths)
    die(claim)
    assert second.claim().number == 1
    assert "8 workers died" in second.trials()[0].user_attrs["error"]


@pytest.mark.long
def test_connections_that_break_at_any_moment_lose_no_trial_and_end_none_twice(spec, tmp_path, server):
    options = {"method": "random", "max_trials": 20}
    plan = load_sweep([str(spec(SPEC)), "optimizer.learning_rate=log:1e-4:1e-1"], (), (), options)
    folder, _ = start_sweep(tmp_path / "first", plan, server.url)
    publish(folder, server.url, plan, plan.experiment({}).data.load(Sources()).provenance)
    name = folder.read_plan()["study"]
    folders = [folder, join_sweep(server.url, name, tmp_path / "second")]
    ended, over, both = [], threading.Event(), threading.Barrier(3)

    def work(path):
        study = open_study(path, server.url, patience=Patience(60))
        both.wait()
        try:
            while not study.done and not over.is_set():
                if (claim := study.claim()) is None:
                    continue
                for epoch in (1, 2):
                    study.leases.at_once(lambda: claim.trial.report(0.5, epoch))  # noqa: B023
                study.complete(claim, [claim.number / 100])
                ended.append(claim.number)
        finally:
            over.set()  # so that a failure of one ends the other
            study.close()

    def break_connections():
        rng, engine = random.Random(0), create_engine(server.url)
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        both.wait()
        while not over.wait(rng.uniform(0.05, 1.5)):
            with engine.begin() as connection:
                connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        engine.dispose()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work, path) for path in folders] + [pool.submit(break_connections)]:
            future.result()
    study = open_study(folder, server.url)
    assert [trial.state.name for trial in study.trials()] == ["COMPLETE"] * 20
    assert [trial.value for trial in study.trials()] == [trial.number / 100 for trial in study.trials()]
    assert sorted(ended) == list(range(20))
    study.close()


@pytest.mark.long
def test_a_copy_of_a_directory_takes_nothing_from_the_original(machines, server, tmp_path):
    first, _ = machines
    claim = first.claim()
    shutil.copytree(first.folder.path, tmp_path / "copy")
    study = open_study(SweepDir(tmp_path / "copy"), server.url)
    other = study.claim()
    assert other.number == 1
    study.give_back(other)
    study.close()
    first.complete(claim, [0.5])


@pytest.mark.long
def test_a_trial_has_the_number_of_its_lease_or_is_not_created(machines):
    first, second = machines
    lease = first.leases.take("0000")
    # The other machine is in the same section, as if the lock of the sweep had broken with a connection.
    second.optuna.ask()
    with pytest.raises(LeaseLost), first.leases.creating(0, lease):
        first.optuna.ask()
    assert [trial.number for trial in first.trials()] == [0]
    lease.release()
    claim = first.claim()
    assert claim.number == 0 and claim.point, "the trial without a point is begun by whoever finds it"
    first.give_back(claim)


@pytest.mark.long
def test_one_at_a_time_is_in_the_exclusive_section(machines):
    inside, most, lock = 0, 0, threading.Lock()

    def enter(study):
        nonlocal inside, most
        for _ in range(5):
            with study.leases.exclusive():
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(enter, machines))
    assert most == 1


@pytest.mark.long
def test_leases_leave_no_rows_behind(machines, server):
    first, second = machines
    for study in (first, second):
        presence = study.leases.presence()
        study.complete(study.claim(), [0.5])
        assert [name[:7] for study_name, name in rows(server) if study_name == study.name] == ["worker-"]
        presence.release()
    assert [row for row in rows(server) if row[0] == first.name] == []


@pytest.mark.long
def test_a_database_gets_its_tables_though_all_begin_at_once(server):
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE fresh"))
    engine.dispose()
    url = server.url.replace("/postgres", "/fresh")
    with ThreadPoolExecutor(6) as pool:
        for storage in pool.map(lambda _: open_storage(url, Path()), range(6)):
            close_storage(storage)


def test_two_machines_train_a_sweep_and_both_know_where_its_runs_are(machines, server):
    first, second = machines

    def work(study, stop=None):
        worker = Worker(study, Sources(), Signals(), None, lambda line: None)
        if stop is not None:
            train = worker._train
            worker._train = lambda claim: train(claim) and False  # type: ignore[method-assign]
        return worker.work()

    assert not work(second, stop=1) and not work(second, stop=1)
    assert work(first)
    places = [trial.user_attrs["where"]["path"] for trial in first.trials()]
    assert [Path(path).parent.parent for path in places] == [second.folder.path] * 2 + [first.folder.path]
    assert [RunDir(Path(path)).result().status for path in places] == ["completed"] * 3
    best = first.winner.number
    seen = {study: read_sweep(study.folder.path, server.url).outcome for study in machines}
    elsewhere = second if best == 2 else first
    assert seen[elsewhere].best.host and seen[elsewhere].best.runs == [places[best]]
    taken, take = [], elsewhere.leases.take
    elsewhere.leases.take = lambda name: taken.append(name) or take(name)
    assert work(elsewhere) and not taken, "it keeps nobody from evaluating the best run"
    assert work(second), "that which has the best run evaluates it"
    for study in machines:
        outcome = read_sweep(study.folder.path, server.url).outcome
        assert outcome.best.test["accuracy"] is not None and outcome.join.startswith("deepcli sweep worker --study")
    kept = [path for path in places if (Path(path) / "checkpoints" / "best.keras").exists()]
    assert kept == [places[best]]


@pytest.mark.long
def test_a_directory_of_another_sweep_is_not_joined(sweep, server, tmp_path, spec):
    folder, plan = sweep
    name = folder.read_plan()["study"]
    with pytest.raises(RunError, match=rf"no study '{name}x' in postgresql://deepcli:\*\*\*.*did you mean '{name}'"):
        join_sweep(server.url, f"{name}x", tmp_path / "other")
    another, _ = start_sweep(tmp_path / "another", plan, server.url)
    with pytest.raises(RunError, match="is of another sweep"):
        join_sweep(server.url, name, another.path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match="exists and is not a sweep; nothing was changed"):
        join_sweep(server.url, name, tmp_path / "thesis")
    open_study(another, server.url).close()
    with pytest.raises(RunError, match="does not say what its sweep is"):
        join_sweep(server.url, another.read_plan()["study"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.long
def test_a_plan_that_grows_reaches_machines_that_joined_before(machines, sweep, server):
    _, second = machines
    folder, plan = sweep
    more = dataclasses.replace(plan, sweep=plan.sweep.model_copy(update={"keep": 3}))
    start_sweep(folder.path, more, server.url)
    publish(folder, server.url, more, plan.experiment({}).data.load(Sources()).provenance)
    study = open_study(second.folder, server.url)
    assert study.plan.sweep.keep == 3
    study.close()
    again = join_sweep(server.url, second.name, second.folder.path)
    assert "keep: 3" in again.read_plan()["plan"]["sweep"]
    assert "secret" not in json.dumps(again.read_plan())
