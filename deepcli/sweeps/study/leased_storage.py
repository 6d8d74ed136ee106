"""Optuna's storage in a PostgreSQL database whose server may be away for a while, with writes fenced by leases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from deepcli.sweeps.leases import Lease, LeaseLost
from deepcli.sweeps.study.connection import Connection
from deepcli.sweeps.study.lease_table import HOLD

CONNECTING = {"connect_timeout": 10}
KEEPING = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""Options of libpq, so that a server which is unreachable is noticed within half a minute; without them it can take hours."""

LIBPQ = ("psycopg", "psycopg2")
"""Drivers that know these options."""


class LeasedStorage(RDBStorage):
    """A database, each call of which waits for a server that does not answer.

    What is written about a trial, and the creation of one, counts only while this process holds the lease: this is checked in
    the same transaction, so that a worker which was away for too long changes nothing.

    Args:
        url: The URL of the database.
        connection: Waits for the server.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self.connection = connection
        self.study = ""
        self._fences: dict[int, Lease] = {}
        self._creates: tuple[int, Lease] | None = None
        # One connection is kept, since a server has about a hundred for all workers; the others are closed after use.
        pool = {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 4}
        super().__init__(url, engine_kwargs={**pool, "connect_args": connect_options(url)})

    def fence(self, trial_id: int, lease: Lease) -> None:
        """Accept what is written about a trial only while a lease is held."""
        self._fences[trial_id] = lease

    def create_only(self, creates: tuple[int, Lease] | None) -> None:
        """Create only a trial with this number, and only while its lease is held; None removes the limit."""
        self._creates = creates

    def _get_prepared_new_trial(self, study_id: int, template_trial: FrozenTrial | None, session: Any) -> Any:
        trial = super()._get_prepared_new_trial(study_id, template_trial, session)
        if self._creates is not None:
            number, lease = self._creates
            self._hold(session, lease)
            if trial.number != number:
                raise LeaseLost(f"trial {number} was created by another process")
        return trial

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial, while its lease is held."""
        self._check(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Report an epoch of a trial, while its lease is held."""
        self._check(trial_id)
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of a trial, while its lease is held."""
        self._check(trial_id)
        super().set_trial_user_attr(trial_id, key, value)

    def _check(self, trial_id: int) -> None:
        """Check the lease of a trial in the transaction of the write that follows: both use the session of this thread."""
        lease = self._fences.get(trial_id)
        if lease is None:
            return
        session = self.scoped_session()
        try:
            self._hold(session, lease)
        except BaseException:
            session.rollback()
            session.close()
            raise

    def _hold(self, session: Any, lease: Lease) -> None:
        """Check in a transaction that a lease is held, and let nobody take it before the transaction ends."""
        if session.execute(text(HOLD), {"study": self.study, "token": lease.token}).rowcount != 1:
            lease.lost = True
            raise LeaseLost("another worker has taken the trial, as its lease was not renewed in time")


def connect_options(url: str) -> dict[str, Any]:
    """Return the options for a connection that notices an unreachable server soon, except for those that the URL has."""
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    if parts.get_dialect().driver not in LIBPQ:
        return {}
    return {name: value for name, value in (CONNECTING | KEEPING).items() if name not in parts.query}


def _waiting(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: LeasedStorage, *arguments: Any, **named: Any) -> Any:
        return self.connection.waiting(lambda: method(self, *arguments, **named))

    return call


CALLS = (
    "create_new_study", "set_study_user_attr", "set_study_system_attr", "get_study_id_from_name", "get_study_name_from_id",
    "get_study_directions", "get_study_user_attrs", "get_study_system_attrs", "get_all_studies", "_create_new_trial",
    "_set_trial_param", "_get_best_trial_id", "_get_trials", "get_trial", "get_trial_id_from_study_id_trial_number",
    "get_trial_user_attrs", "get_trial_system_attrs", "set_trial_state_values", "set_trial_intermediate_value",
    "set_trial_user_attr", "set_trial_system_attr",
)  # fmt: skip
"""The calls that reach the database; Optuna's cache in front of it makes no others."""

for _name in filter(RDBStorage.__dict__.__contains__, CALLS):
    setattr(LeasedStorage, _name, _waiting(getattr(LeasedStorage, _name)))
