"""The table of leases in a PostgreSQL database, beside Optuna's: each statement is atomic, and the time is the server's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, text

if TYPE_CHECKING:
    from sqlalchemy import Connection as DatabaseConnection
    from sqlalchemy import Engine

LEASE_SECONDS = 180.0
"""Another worker may take a lease that was not renewed for this time."""

LONGEST_SECTION = 60.0
"""Seconds after which the server ends a section that excludes others, in case its machine has stopped."""

TABLE = """
CREATE TABLE IF NOT EXISTS deepcli_leases (
    study VARCHAR(512) NOT NULL,
    name VARCHAR(128) NOT NULL,
    token VARCHAR(64) NOT NULL,
    place VARCHAR(64) NOT NULL,
    spot VARCHAR(512) NOT NULL,
    taken TIMESTAMP WITH TIME ZONE NOT NULL,
    renewed TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (study, name)
)
"""
EXISTS = "SELECT to_regclass('deepcli_leases') IS NOT NULL"
LIVES = "renewed >= clock_timestamp() - make_interval(secs => :seconds)"
TAKE = f"""
INSERT INTO deepcli_leases AS held (study, name, token, place, spot, taken, renewed)
VALUES (:study, :name, :token, :place, :spot, clock_timestamp(), clock_timestamp())
ON CONFLICT (study, name) DO UPDATE
SET token = excluded.token, place = excluded.place, spot = excluded.spot, taken = excluded.taken, renewed = excluded.renewed
WHERE NOT (held.{LIVES}) OR held.spot = excluded.spot
RETURNING token
"""
RENEW = (
    "UPDATE deepcli_leases SET renewed = clock_timestamp() WHERE study = :study AND token IN :tokens RETURNING token"
)
HOLD = "UPDATE deepcli_leases SET renewed = clock_timestamp() WHERE study = :study AND token = :token"
DROP = "DELETE FROM deepcli_leases WHERE study = :study AND token = :token"
PARK = "UPDATE deepcli_leases SET token = '', renewed = clock_timestamp() WHERE study = :study AND token = :token"
LIVE = f"SELECT name, token, place, spot FROM deepcli_leases WHERE study = :study AND {LIVES}"
LOCK = "SELECT pg_advisory_xact_lock(:key)"
END_IDLE = "SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true)"


@dataclass(frozen=True)
class Held:
    """A lease that has been renewed in time.

    Attributes:
        name: What is reserved.
        token: What only its holder has; empty if it is parked, so that those at the same spot can take it at once.
        place: The directory of its holder among those of the sweep.
        spot: The directory and the machine that it is on.
    """

    name: str
    token: str
    place: str
    spot: str


class LeaseTable:
    """The leases of one study.

    Args:
        engine: Connects to the database.
        study: The name of the study.
        seconds: How long a lease lasts that is not renewed.
    """

    def __init__(self, engine: Engine, study: str, seconds: float = LEASE_SECONDS) -> None:
        self._engine, self._study, self._seconds = engine, study, seconds

    def take(self, name: str, token: str, place: str, spot: str) -> bool:
        """Take a lease if nobody has it, it was not renewed in time, or its holder was at the same spot.

        A worker at the same spot asks only while it has the lock of a file there that the holder had to have.
        """
        values = {"name": name, "token": token, "place": place, "spot": spot, "seconds": self._seconds}
        with self._engine.begin() as connection:
            return connection.execute(text(TAKE), self._of_study(values)).first() is not None

    def renew(self, tokens: Sequence[str]) -> set[str]:
        """Renew leases; return those that are still held."""
        statement = text(RENEW).bindparams(bindparam("tokens", expanding=True))
        with self._engine.begin() as connection:
            rows = connection.execute(statement, self._of_study({"tokens": list(tokens)}))
            return {str(row[0]) for row in rows}

    def drop(self, token: str) -> None:
        """Give a lease back."""
        with self._engine.begin() as connection:
            connection.execute(text(DROP), self._of_study({"token": token}))

    def park(self, token: str) -> None:
        """Give a lease back to those at the same spot; others can take it when it is too old."""
        with self._engine.begin() as connection:
            connection.execute(text(PARK), self._of_study({"token": token}))

    def live(self) -> list[Held]:
        """Return the leases that were renewed in time."""
        with self._engine.begin() as connection:
            rows = connection.execute(text(LIVE), self._of_study({"seconds": self._seconds}))
            return [Held(*map(str, row)) for row in rows]

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude all other processes of the study; the server ends this after `LONGEST_SECTION`, or with the connection."""
        with self._engine.begin() as connection:
            _lock(connection, f"study {self._study}")
            connection.execute(text(END_IDLE), {"milliseconds": str(int(1000 * LONGEST_SECTION))})
            yield

    def _of_study(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"study": self._study, **values}


@contextmanager
def making_tables(engine: Engine) -> Iterator[None]:
    """Let one process at a time make tables in a database, then make that of leases."""
    with engine.begin() as connection:
        _lock(connection, "tables")
        yield
        if not connection.execute(text(EXISTS)).scalar():
            connection.execute(text(TABLE))


def _lock(connection: DatabaseConnection, what: str) -> None:
    """Wait for a lock that ends with the connection's transaction."""
    digest = hashlib.sha256(f"deepcli {what}".encode()).digest()
    connection.execute(text(LOCK), {"key": int.from_bytes(digest[:8], "big", signed=True)})
