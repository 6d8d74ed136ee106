"""Checks of spec files, and of own data in their place, each on its own, without training anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepcli.errors import DataError, Problem, SpecError, UsageError


@dataclass(frozen=True)
class ValidatedSpec:
    """A spec file, and whether it can be run.

    Attributes:
        file: The file, as given.
        error: Why it cannot be run; None if it can.
        notices: What is worth knowing although it is valid.
    """

    file: str
    error: SpecError | DataError | None = None
    notices: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Each problem with its place; none if the file is valid."""
        if self.error is None:
            return ()
        return self.error.problems if isinstance(self.error, SpecError) else (Problem("", "", str(self.error)),)


def validate_files(
    words: Sequence[str], overrides: Sequence[str] = (), plugins: Sequence[str] = ()
) -> Iterator[ValidatedSpec]:
    """Check spec files and the sweeps in them.

    Args:
        words: Files, or own data, and overrides that are applied to each of them.
        overrides: More overrides.
        plugins: Python files or modules to import first.

    Raises:
        UsageError: No file is given, or a plugin cannot be imported.
    """
    from deepcli.api.loading import NO_FILE
    from deepcli.experiment.load import is_override
    from deepcli.experiment.split_words import refuse_split

    refuse_split(words, overrides)
    files = [word for word in words if not is_override(word)]
    changes = [*(word for word in words if is_override(word)), *overrides]
    if not files:
        raise UsageError(NO_FILE)
    for file in files:
        try:
            yield ValidatedSpec(file, notices=_notices(file, changes, plugins))
        except (SpecError, DataError) as error:
            yield ValidatedSpec(file, error)


def _notices(file: str, changes: Sequence[str], plugins: Sequence[str]) -> tuple[str, ...]:
    """Check a file: a spec with its sweeps, or own data as `deepcli train` takes them.

    Raises:
        SpecError: It is not valid.
        DataError: Its data cannot be used.
    """
    from deepcli.api.data_paths import is_data_path
    from deepcli.api.loading import load_parts
    from deepcli.sweeps.load import validate_file

    if is_data_path(file):
        return tuple(load_parts([file], changes, plugins).notices)
    return tuple(validate_file([Path(file)], changes, plugins).notices)
