"""What an autoencoder says of an input: its reconstruction error, and whether that is unusual; or its code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from deepcli.data.input_layout import InputLayout
from deepcli.errors import UsageError
from deepcli.tasks.interpreting import Interpretation, Interpreter

if TYPE_CHECKING:
    import keras
    import numpy as np

QUANTILE = 0.99
"""The share of the validation examples whose error is not called unusual."""


class ErrorInterpreter(Interpreter):
    """The mean squared error of giving back an input, and whether it is above that of most validation examples.

    Args:
        layout: What inputs become.
        quantile: The share of the validation examples whose error is not above the threshold.
        demanded: Whether the user asks for that share, so that a model without a threshold is an error.
    """

    ranks: ClassVar[bool] = False

    def __init__(self, layout: InputLayout, quantile: float = QUANTILE, demanded: bool = False) -> None:
        self._layout, self._quantile, self._demanded = layout, quantile, demanded
        self._threshold: float | None = None

    def at_quantile(self, quantile: float) -> ErrorInterpreter:
        if not 0 < quantile <= 1:
            raise UsageError(f"--quantile: should be above 0 and at most 1, such as 0.99, not {quantile:g}")
        return ErrorInterpreter(self._layout, quantile, demanded=True)

    def prepare(self, model: keras.Model) -> None:
        from deepcli.nn.coding import threshold_of

        self._threshold = threshold_of(model, self._quantile)
        if self._threshold is None and self._demanded:
            raise UsageError("--quantile: the model has seen no validation split, so that its errors have no threshold")

    def asked(self, model: keras.Model) -> keras.Model:
        import keras

        from deepcli.nn.input_errors import ErrorOfInputs

        error = ErrorOfInputs(self._layout.plain(), name="error")(model.inputs[0], model.output)
        return keras.Model(model.inputs, error, name="errors")

    @property
    def columns(self) -> list[str]:
        return ["error", "threshold", "unusual"]

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        """Yield the answer for each example.

        Args:
            outputs: Mean squared errors, float32 (examples, 1).
        """
        limit = self._threshold
        for error in outputs[:, 0].astype(float).tolist():
            unusual = None if limit is None else not error <= limit
            said = f"error {error:.5g}"
            if limit is not None:
                word = "unusual, above" if unusual else "usual, up to"
                said += f"  {word} {limit:.5g} ({self._quantile:.6g} of validation)"
            rounded = float(f"{error:.7g}")
            fields: dict[str, Any] = {"error": rounded, "threshold": None, "unusual": unusual}
            if limit is not None:
                fields["threshold"] = float(f"{limit:.7g}")
            row = ["" if value is None else value for value in fields.values()]
            name = f"{error:.5g}" + ("" if unusual is None else " unusual" if unusual else " usual")
            yield Interpretation(said, fields, row, name, values={"error": rounded})


class CodeInterpreter(Interpreter):
    """The code of an input.

    Args:
        size: Numbers in a code.
    """

    ranks: ClassVar[bool] = False

    def __init__(self, size: int) -> None:
        self._size = size

    def asked(self, model: keras.Model) -> keras.Model:
        from deepcli.nn.coding import encoder_of

        return encoder_of(model)

    @property
    def columns(self) -> list[str]:
        return [f"code_{place}" for place in range(self._size)]

    def each(self, outputs: np.ndarray) -> Iterator[Interpretation]:
        """Yield the answer for each example.

        Args:
            outputs: Codes, float32 (examples, latent).
        """
        for row in outputs.astype(float).tolist():
            code = [float(f"{value:.7g}") for value in row]
            said = "  ".join(f"{value:.4g}" for value in code)
            values = dict(zip(self.columns, code, strict=True))
            yield Interpretation(said, {"code": code}, list(code), said, values=values)
