"""Errors that a user can cause or must know about, each with its exit code."""

from __future__ import annotations

from dataclasses import dataclass


class DeepcliError(Exception):
    """An error that the user can fix; its message says where it is, what is wrong and what to do."""

    exit_code = 2
    run: str | None = None
    """The run directory that was created before the error, if any."""


class UsageError(DeepcliError):
    """The command line names something unknown, or combines what does not fit together."""


@dataclass(frozen=True)
class Problem:
    """One problem of a spec: its position in a file, the field, and what is wrong."""

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class SpecError(DeepcliError):
    """A spec is invalid; the message lists all its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class DataError(DeepcliError):
    """Data is missing, damaged or not in the expected format."""


class CheckpointError(DeepcliError):
    """A file is not a deepcli checkpoint, is damaged, or was written by a newer version."""


class RunError(DeepcliError):
    """A run directory already exists, is missing, or does not fit the request."""


class DeviceError(DeepcliError):
    """The requested device is not available."""


class TrainingError(DeepcliError):
    """A run started and failed: it diverged, or ran out of memory or disk space."""

    exit_code = 1


class ProcessError(DeepcliError):
    """A process of a run that several train together is missing, has died, or ended with an error."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Interrupted(DeepcliError):
    """A signal stopped a run; the exit code is 128 plus the signal's number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class Notice(UserWarning):
    """Something about a spec, its data or an input that is worth knowing and is not an error."""
