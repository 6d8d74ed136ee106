"""Windows of a running text: what models of next tokens take and predict, as views of one array of tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepcli.data.arrays.stored_rows import StoredInputs, StoredRows
from deepcli.data.arrays.stored_windows import StoredWindows

ALIGNMENT = 64
"""Bytes to which the array of tokens is aligned, so that a backend may use it without a copy."""


@dataclass(frozen=True)
class TextWindows:
    """Windows of equal length over an array of tokens; nothing is copied until a batch is gathered.

    Attributes:
        tokens: uint8, uint16 or int32 (tokens,): the tokens of all splits, one after another.
        begins: The place of the first token of each window.
        window: Tokens of a window; the target of each is the token after it.
        characters: Characters of the text for each token of the split, on average.
        free: Bytes of memory that were free when it was decided to leave the tokens in a file; None: they are in memory.
    """

    tokens: np.ndarray
    begins: range
    window: int
    characters: float = 1.0
    free: int | None = None

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def inputs(self) -> np.ndarray:
        """The windows, a view (windows, window)."""
        return self._view(0)

    @property
    def targets(self) -> np.ndarray:
        """The token after each token of the windows, a view (windows, window)."""
        return self._view(1)

    @property
    def stored(self) -> StoredInputs | None:
        """What stays in a file, which all splits share; None if it is in memory."""
        return None if self.free is None else StoredInputs(id(self.tokens), self.tokens.nbytes, self.free)

    @property
    def spans(self) -> StoredRows | None:
        """The windows with the token after each, (windows, window + 1); None if tokens are in memory."""
        return None if self.free is None else StoredWindows(self.tokens, self.begins, self.window + 1, self.free)

    def first(self, count: int) -> TextWindows:
        """Return the first windows alone."""
        return replace(self, begins=self.begins[:count])

    def _view(self, shift: int) -> np.ndarray:
        if not self.begins:
            return np.zeros((0, self.window), self.tokens.dtype)
        views = np.lib.stride_tricks.sliding_window_view(self.tokens[self.begins.start + shift :], self.window)
        found: np.ndarray = views[: self.begins[-1] - self.begins.start + 1 : self.begins.step]
        return found


def aligned_tokens(count: int, dtype: np.dtype) -> np.ndarray:
    """Return an array of zeros that begins at a multiple of `ALIGNMENT`."""
    room = np.zeros(count * dtype.itemsize + ALIGNMENT, np.uint8)
    skipped = -room.ctypes.data % ALIGNMENT
    return room[skipped : skipped + count * dtype.itemsize].view(dtype)


def smallest_dtype(vocabulary: int) -> np.dtype:
    """Return the smallest type of integers that holds every token of a vocabulary."""
    return np.dtype(np.uint8 if vocabulary <= 1 << 8 else np.uint16 if vocabulary <= 1 << 16 else np.int32)
