"""What an autoencoder has to beat: the mean of the training inputs, and as many principal components as its code has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepcli.data.arrays.splits import Split, Tokens
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.data.input_layout import InputLayout
from deepcli.data.signature import Signature
from deepcli.evaluation.input_values import errors_of_values, values_of

AT_ONCE = 2_000
"""Examples that are computed at a time."""
COMPONENTS = 32
"""Principal components where no model says how many."""

Outputs = Callable[[np.ndarray], np.ndarray]
"""Takes the values of inputs, float32 (examples, values), and returns what is made of them."""


def mean_errors(layout: InputLayout, train: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the errors of giving back the mean of the training inputs for every input, float32 (examples, 4).

    Args:
        layout: What inputs become.
        train: The inputs of the training split.
        x: The inputs to predict.
    """
    sums, counts = np.zeros(layout.width), np.zeros(layout.width)
    for begin in range(0, len(train), AT_ONCE):
        values, known = values_of(layout, train[begin : begin + AT_ONCE])
        sums += (values * known).sum(axis=0, dtype=np.float64)
        counts += known.sum(axis=0, dtype=np.float64)
    mean = (sums / np.maximum(counts, 1)).astype(np.float32)
    return errors_by_parts(layout, x, lambda values: np.broadcast_to(mean, values.shape))


def errors_by_parts(layout: InputLayout, x: np.ndarray | StoredRows, outputs: Outputs) -> np.ndarray:
    """Return the errors of inputs some at a time, float32 (examples, 4)."""
    parts = [x[begin : begin + AT_ONCE] for begin in range(0, len(x), AT_ONCE)]
    return np.concatenate([errors_of_values(layout, part, outputs(_filled(layout, part))) for part in parts])


def fit_pca(
    signature: Signature, train: Split, components: int | None, seed: int
) -> tuple[Callable[[Split], np.ndarray], list[str]]:
    """Fit principal components on the training inputs; return what takes a split and returns errors, and notes.

    Args:
        signature: The data.
        train: The training split.
        components: Number of components; None for a usual number.
        seed: Seed of the randomized solver.
    """
    from sklearn.decomposition import PCA

    layout = InputLayout.of(signature)
    values = _filled(layout, np.asarray(train.x))
    count = min(components or COMPONENTS, *values.shape)
    model = PCA(count, svd_solver="randomized" if count < min(values.shape) else "full", random_state=seed).fit(values)

    def outputs(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = model.inverse_transform(model.transform(values))
        return np.clip(found, 0, 1) if layout.is_image else found

    def predict(split: Split) -> np.ndarray:
        assert not isinstance(split.x, Tokens)
        return errors_by_parts(layout, split.x, outputs)

    return predict, [f"{count} components"]


def _filled(layout: InputLayout, x: np.ndarray) -> np.ndarray:
    """Return the values of inputs, 0 for what is missing."""
    values, known = values_of(layout, x)
    found: np.ndarray = values * known
    return found
