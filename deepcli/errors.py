"""Errors that a user can cause or must know of, each with the exit code that it means to a shell."""

from __future__ import annotations

from dataclasses import dataclass


class DeepcliError(Exception):
    """Something that the user can mend: the message says where, what and how."""

    exit_code = 2
    run: str | None = None
    """The run directory that it leaves behind."""


class UsageError(DeepcliError):
    """The command line asks for something that does not exist or does not fit together."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a spec: where it stands, which field it is and what is wrong with it."""

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class SpecError(DeepcliError):
    """A spec that cannot be run; all its problems at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class DataError(DeepcliError):
    """Data that is missing, damaged or not what it claims to be."""


class CheckpointError(DeepcliError):
    """A file that is not a checkpoint of deepcli's, or a damaged or newer one."""


class RunError(DeepcliError):
    """A run directory that exists, is missing, or does not fit what is asked of it."""


class DeviceError(DeepcliError):
    """A device that was asked for and is not there."""


class TrainingError(DeepcliError):
    """A run that began and failed: it diverged, or ran out of memory or disk."""

    exit_code = 1


class Interrupted(DeepcliError):
    """A run that a signal ended; 128 plus the signal's number is the exit code."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class Notice(UserWarning):
    """Something about a spec, its data or an input that is worth knowing and is not an error."""
