"""What a language model says about the token after a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deepcli.tasks.interpreting import ClassInterpreter, Interpretation

if TYPE_CHECKING:
    import numpy as np


class TokenInterpreter(ClassInterpreter):
    """The likeliest tokens after a text; a space or a newline is seen by its quotation marks.

    Args:
        names: The tokens.
        top_k: How many of them to give, the likeliest first; None for all, in order.
    """

    def __init__(self, names: list[str], top_k: int | None) -> None:
        super().__init__(names, top_k)
        self._shown_names = [repr(name) for name in names]
        self._width = max(map(len, self._shown_names))

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        """Yield the answer for each text.

        Args:
            outputs: Logits, float32 (texts, vocabulary), or (texts, steps, vocabulary), of which the last step counts.
        """
        import numpy as np

        last = (outputs[:, -1] if outputs.ndim == 3 else outputs).astype(np.float64)
        raised = np.exp(last - last.max(axis=1, keepdims=True))
        yield from super().each(raised / raised.sum(axis=1, keepdims=True))
