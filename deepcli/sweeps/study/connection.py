"""The connection to the database of a sweep: what counts as lost, and waiting until the server answers again."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from deepcli.errors import Interrupted, RunError
from deepcli.system.signals import Signals

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds that a worker waits for a server that does not answer; less than a lease, so that it loses none meanwhile."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between two tries."""

LOOK_SECONDS = 0.1
"""How often a wait looks for signals."""


class StorageGone(RunError):
    """The server of a sweep's database has not answered for too long."""

    exit_code = 1


@dataclass(frozen=True)
class Patience:
    """How to wait for a server that does not answer.

    Attributes:
        seconds: For how long; 0 for not at all.
        signals: May request to stop waiting.
        tell: Called with a line when a wait begins and ends.
    """

    seconds: float = 0.0
    signals: Signals = field(default_factory=Signals)
    tell: Callable[[str], None] = lambda line: None


class Connection:
    """Whether the server of a database answers.

    Args:
        server: The server's name, to be shown.
        patience: How to wait for it.

    Attributes:
        is_down: Whether the server did not answer when it was last asked.
    """

    def __init__(self, server: str, patience: Patience) -> None:
        self.server, self._patience = server, patience
        self.is_down = False
        self._next_try = 0.0
        self._local = threading.local()

    def waiting(self, work: Callable[[], T]) -> T:
        """Do something with the database; if the server does not answer, wait for it and do it again from the start.

        Inside of another call, the outer one waits and begins again.

        Raises:
            StorageGone: The server has not answered for too long.
            Interrupted: A signal requested to stop waiting.
        """
        if getattr(self._local, "inside", False):
            return work()
        return self._repeated(work, self._patience.seconds)

    def at_once(self, work: Callable[[], T]) -> T | None:
        """Do something with the database, or return None if the server does not answer, or did not just now."""
        if self.is_down and time.monotonic() < self._next_try:
            return None
        try:
            return self._repeated(work, 0.0)
        except StorageGone:
            return None

    def _repeated(self, work: Callable[[], T], seconds: float) -> T:
        began, pause, told = time.monotonic(), FIRST_PAUSE, False
        while True:
            try:
                with self._inside():
                    done = work()
            except Exception as error:
                if (why := lost(error)) is None:
                    raise
                if not seconds and not self.is_down:
                    self._patience.tell(f"{self.server} does not answer ({why}); continuing without it")
                self.is_down, self._next_try = True, time.monotonic() + LONGEST_PAUSE
                passed = time.monotonic() - began
                if passed >= seconds:
                    raise StorageGone(self._gone(why, passed)) from error
                if not told:
                    self._patience.tell(f"{self.server} does not answer ({why}); waiting up to {seconds:.0f} s for it")
                    told = True
                self._sleep(random.uniform(pause / 2, pause))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if self.is_down:
                    self._patience.tell(f"{self.server} answers again")
                self.is_down = False
                return done

    def _gone(self, why: str, seconds: float) -> str:
        since = f" for {seconds:.0f} s" if seconds >= 1 else ""
        return (
            f"the sweep's database at {self.server} has not answered{since} ({why}); trials that were begun keep their "
            "checkpoints: run the same command again when it answers"
        )

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if (number := self._patience.signals.stop) is not None:
                raise Interrupted("interrupted; run the same command again to continue", number)
            time.sleep(min(left, LOOK_SECONDS))

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        before = getattr(self._local, "inside", False)
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = before


def lost(error: BaseException | None) -> str | None:
    """Return why an error means that the connection was lost or could not be made; None if it means something else."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError

    while error is not None:  # Optuna's errors have that of the database as their cause
        if isinstance(error, OperationalError | InterfaceError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        ):
            return _first_line(error.orig or error)
        if isinstance(error, PendingRollbackError):  # Optuna tries again within a transaction whose connection broke
            return lost(error.__context__) or "the connection broke"
        error = error.__cause__
    return None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return lines[0].removeprefix("connection failed: ") if lines else type(error).__name__
