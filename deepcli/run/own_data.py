"""Checks whether data are those that a model was trained on, by the fingerprints in its checkpoint and its run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepcli.data.fingerprint import compared
from deepcli.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from deepcli.data.arrays.splits import Provenance
    from deepcli.run.checkpoint.file import CheckpointFile
    from deepcli.run.directory import RunDir

SHOWN = 16
"""Digits of a SHA-256 that are shown, enough to distinguish two."""


@dataclass(frozen=True)
class TrainedOn:
    """What is known about the data that a model was trained on.

    Attributes:
        path: The run or the checkpoint, as the user named it.
        marks: Fingerprints of the data: those in the checkpoint, and those in the run that contains it.
        source: Where the data were; None if it is unknown.
    """

    path: Path
    marks: tuple[Mapping[str, Any], ...]
    source: str | None

    @classmethod
    def of(cls, checkpoint: CheckpointFile | None, run: RunDir | None) -> TrainedOn:
        """Collect what a checkpoint and its run say about the data."""
        kept = run.described().get("data") if run else None
        kept = kept if isinstance(kept, Mapping) else {}
        source = kept.get("source") or (checkpoint.experiment.data.path if checkpoint else None)
        path = run.path if run else checkpoint.path  # type: ignore[union-attr]
        return cls(path, (checkpoint.data if checkpoint else {}, kept), source if isinstance(source, str) else None)

    def is_of(self, read: Provenance) -> bool | None:
        """Return whether data are the same; None if there are no fingerprints to compare."""
        pairs = list(self._compared(read))
        return all(before == now for before, now in pairs) if pairs else None

    def demand(self, read: Provenance, remedy: str | None = None) -> bool:
        """Check that data are the same; returns whether there were fingerprints to compare.

        Args:
            read: Source and fingerprints of the data.
            remedy: What to do if the data differ; default: how to evaluate on other data explicitly.

        Raises:
            DataError: The data differ.
        """
        other = next((pair for pair in self._compared(read) if pair[0] != pair[1]), None)
        if other is not None:
            raise DataError(self._refusal(other, read, remedy or self._way_out()))
        return self.is_of(read) is not None

    def told(self, read: Provenance) -> str:
        """Describe whether data are those that the model was trained on."""
        if (same := self.is_of(read)) is None:
            return f"{self.path} does not record its training data, so the data are not compared"
        return f"{read.source}: {'the data' if same else 'not the data'} that {self.path} was trained on"

    def _compared(self, read: Provenance) -> Iterator[tuple[str, str]]:
        yield from filter(None, (compared(marks, read.fingerprint) for marks in self.marks))

    def _refusal(self, marks: tuple[str, str], read: Provenance, remedy: str) -> str:
        before, now = (mark if len(mark) <= SHOWN else f"{mark[:SHOWN]}..." for mark in marks)
        return (
            f"the data differ from those that {self.path} was trained on\n"
            f"  trained on  SHA-256 {before}  {self.source or ''}".rstrip()
            + f"\n  read now    SHA-256 {now}  {read.source}\n{remedy}"
        )

    def _way_out(self) -> str:
        return (
            "restore the data, or evaluate on other data explicitly: "
            f"deepcli evaluate {shlex.quote(str(self.path))} data.path=NEW --output DIR"
        )
