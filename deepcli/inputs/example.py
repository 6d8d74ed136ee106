"""One thing that a model is asked about, and how its reading is told of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Example:
    """An input of a model.

    Attributes:
        name: What to call it: its file, with a row's number where the file has many, or the text itself.
        x: uint8 (height, width, channels), or int32 token ids (length,).
    """

    name: str
    x: np.ndarray
