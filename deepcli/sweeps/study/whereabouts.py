"""Where the runs of a trial are, if the workers of its sweep have directories of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deepcli.sweeps.leases import host

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

KEY = "where"
"""The attribute of a trial."""


@dataclass(frozen=True)
class Whereabouts:
    """The machine and the directory of a trial's runs.

    Attributes:
        place: The worker's directory among those of the sweep; empty for the first.
        host: The name of the machine.
        path: The path of the trial's directory there.
    """

    place: str
    host: str
    path: str

    @classmethod
    def here(cls, place: str, path: Path) -> Self:
        """Describe a directory of this machine."""
        return cls(place, host(), str(path.absolute()))

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self | None:
        """Read where a trial is; None if it is in the directory that all workers share."""
        found: Any = trial.user_attrs.get(KEY)
        try:
            return cls(*(str(found[name]) for name in ("place", "host", "path")))
        except (TypeError, KeyError):
            return None

    @property
    def attribute(self) -> tuple[str, dict[str, Any]]:
        """The attribute of the trial that records this."""
        return KEY, asdict(self)

    def __str__(self) -> str:
        """Name the machine and the path."""
        return f"{self.host}:{self.path}"
