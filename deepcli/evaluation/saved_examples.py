"""Base class of examples that an evaluation saves beside predictions, so that reports can show them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from deepcli.errors import DataError
from deepcli.system.atomic import replacing


@dataclass(frozen=True)
class SavedExamples:
    """Examples as arrays, one for each field.

    Attributes:
        KINDS: The kinds of the arrays' values, in the order of the fields; signed and unsigned integers are one.
    """

    KINDS: ClassVar[str]

    def save(self, path: Path) -> None:
        """Write an `.npz` file with the arrays.

        Raises:
            TrainingError: The file cannot be written.
        """
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises:
            DataError: The file is damaged, or not such a file.
        """
        from deepcli.data.arrays.archive import read_npz

        found = cls(**read_npz(path, tuple(one.name for one in fields(cls))))
        kinds = "".join(array.dtype.kind for array in vars(found).values()).replace("u", "i")
        if kinds != cls.KINDS or not found.is_whole():
            raise DataError(f"{path} is not a mistakes file written by deepcli")
        return found

    @abstractmethod
    def is_whole(self) -> bool:
        """Return whether the arrays, which are of the right kinds, have shapes and values that `save` can have written."""

    def fits(self, targets: int) -> bool:
        """Return whether they can be of a model with this number of classes, labels, numbers or tokens."""
        return True
