"""A database whose server does not answer: waiting for it, giving up, and work that goes on without it."""

import pytest
from sqlalchemy.exc import OperationalError, PendingRollbackError, ProgrammingError

from deepcli.errors import Interrupted
from deepcli.sweeps.study import connection as module
from deepcli.sweeps.study.connection import Connection, Patience, StorageGone
from deepcli.system.signals import Signals

AWAY = OperationalError("SELECT 1", {}, Exception("connection refused\nIs the server running?"))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class Server:
    """Answers from a time on."""

    def __init__(self, clock, back):
        self._clock, self._back, self.asked = clock, back, 0

    def ask(self):
        self.asked += 1
        if self._clock.now < self._back:
            raise RuntimeError("Optuna's own words") from AWAY
        return "an answer"


def make(seconds, signals=None):
    told: list[str] = []
    return Connection("db.example:5432", Patience(seconds, signals or Signals(), told.append)), told


def test_a_server_that_is_away_for_a_minute_is_waited_for(clock):
    connection, told = make(120)
    server = Server(clock, back=60)
    assert connection.waiting(server.ask) == "an answer"
    assert 60 <= clock.now < 66 and server.asked < 40, "it should neither miss the server nor besiege it"
    assert told == [
        "db.example:5432 does not answer (connection refused); waiting up to 120 s for it",
        "db.example:5432 answers again",
    ]


def test_one_that_is_gone_for_good_is_given_up_by_name(clock):
    connection, _ = make(120)
    with pytest.raises(
        StorageGone, match=r"db\.example:5432 has not answered for 12\d s \(connection refused\)"
    ) as caught:
        connection.waiting(Server(clock, back=1e9).ask)
    assert caught.value.exit_code == 1 and "keep their checkpoints" in str(caught.value)


def test_a_signal_ends_the_wait(clock):
    signals = Signals()
    signals.stop = 15
    connection, _ = make(120, signals)
    with pytest.raises(Interrupted):
        connection.waiting(Server(clock, back=1e9).ask)
    assert clock.now < 1


def test_other_errors_are_not_waited_for(clock):
    connection, _ = make(120)

    def work():
        raise ProgrammingError("SELECT", {}, Exception("no such table"))

    with pytest.raises(ProgrammingError):
        connection.waiting(work)
    assert clock.now == 0


def test_a_connection_that_breaks_while_optuna_reads_trials_counts_as_lost():
    """Optuna answers the first error by the same query in the same transaction."""
    try:
        try:
            raise AWAY
        except OperationalError:
            raise PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")  # noqa: B904
    except PendingRollbackError as error:
        wrapped = RuntimeError("An exception is raised during the commit.")
        wrapped.__cause__ = error
    assert module.lost(wrapped) == "connection refused"
    assert module.lost(RuntimeError("another")) is None


def test_work_in_several_calls_begins_again_as_a_whole(clock):
    connection, _ = make(120)
    server, begun = Server(clock, back=10), []

    def work():
        begun.append(clock.now)
        return connection.waiting(server.ask)

    assert connection.waiting(work) == "an answer"
    assert len(begun) == server.asked > 1


def test_what_cannot_wait_goes_on_without_an_answer_and_does_not_ask_at_every_step(clock):
    connection, told = make(120)
    server = Server(clock, back=60)
    assert [connection.at_once(server.ask) for _ in range(100)] == [None] * 100
    assert server.asked == 1 and clock.now == 0
    clock.now = 61
    assert connection.at_once(server.ask) == "an answer"
    assert told == [
        "db.example:5432 does not answer (connection refused); continuing without it",
        "db.example:5432 answers again",
    ]
