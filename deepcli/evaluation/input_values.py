"""Inputs as the values that a reconstruction is compared with, and the errors of outputs, in NumPy.

`deepcli.nn.input_errors` computes the same inside a model's graph; a test compares both.
"""

from __future__ import annotations

import numpy as np

from deepcli.data.input_layout import InputLayout
from deepcli.evaluation.assumed_outputs import SURE, Assumption

LIMIT = 10.0
"""Standard deviations to which standardized numbers are clipped, as models clip them."""
KINDS = ("mean_squared_error", "mean_absolute_error", "binary_crossentropy", "loss")
"""What is kept of each example, in order; NaN where it has no meaning."""


def values_of(layout: InputLayout, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of inputs, and 1 for those that are known: float32 (examples, values) both.

    Args:
        layout: What inputs become.
        x: uint8 (examples, height, width, channels), float32 (examples, columns) with NaN for what is missing, or float32
            (examples, steps, columns) with NaN behind the end.
    """
    if layout.is_image:
        pixels = np.asarray(x, np.float32).reshape(len(x), -1) / np.float32(255)
        return pixels, np.ones_like(pixels)
    if layout.is_series:
        return _steps(layout, np.asarray(x, np.float32))
    found = np.asarray(x, np.float32)[:, list(layout.places)]
    codes, sizes = np.array(layout.codes, np.float32), np.array(layout.sizes, np.float32)
    means, scales = np.array(layout.means, np.float32), np.array(layout.scales, np.float32)
    there = ~np.isnan(found)
    found = np.where(there, found, means)
    values = np.where(codes == 0, np.clip((found - means) / scales, -LIMIT, LIMIT), found == codes)
    known = there & ((codes == 0) | ((found >= 1) & (found <= sizes)))
    return values.astype(np.float32), known.astype(np.float32)


def _steps(layout: InputLayout, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means, scales = np.array(layout.means, np.float32), np.array(layout.scales, np.float32)
    there = ~np.isnan(x)
    values = (np.where(there, x, means) - means) / scales
    return values.reshape(len(x), -1), there.reshape(len(x), -1).astype(np.float32)


def errors_of_values(layout: InputLayout, x: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the errors of outputs, float32 (examples, 4), in the order of `KINDS`; without a loss.

    Args:
        layout: What inputs become.
        x: The inputs.
        outputs: float (examples, values).
    """
    values, known = values_of(layout, x)
    columns = np.maximum((known / np.array(layout.sizes or 1, np.float32)).sum(axis=1), 1)
    apart = (outputs.reshape(len(x), -1).astype(np.float32) - values) * known
    found = np.full((len(x), len(KINDS)), np.nan, np.float32)
    found[:, 0], found[:, 1] = (apart**2).sum(axis=1) / columns, np.abs(apart).sum(axis=1) / columns
    if layout.is_image:
        likely = np.clip(outputs.reshape(len(x), -1).astype(np.float32), SURE, 1 - SURE)
        found[:, 2] = -(values * np.log(likely) + (1 - values) * np.log1p(-likely)).mean(axis=1)
    return found


def assumed_inputs(layout: InputLayout, x: np.ndarray, assumption: Assumption) -> np.ndarray:
    """Return outputs that a model could have, float32 (examples, *layout.shape).

    Guessing gives every pixel one half, and every value of a table or of series 0, which is the mean of a number.

    Args:
        layout: What inputs become.
        x: The inputs.
        assumption: How sure the outputs are of them.
    """
    values, known = values_of(layout, x)
    noise = np.zeros(values.shape) if assumption.noise is None else assumption.noise
    guess = 1 / (1 + np.exp(-noise)) if layout.is_image else noise
    outputs: np.ndarray = (1 - assumption.certainty * known) * guess + assumption.certainty * values * known
    return outputs.reshape(len(x), *layout.shape).astype(np.float32)
