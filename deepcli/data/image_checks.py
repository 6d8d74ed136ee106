"""Checks of image arrays and their labels, shared by the image data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcli.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def check_images(
    images: tuple[str, np.ndarray], labels: tuple[str, np.ndarray], shape: tuple[int, ...], classes: int
) -> None:
    """Check that arrays are images of a shape and one class label for each; each array comes with its name for messages.

    Raises:
        DataError: They are not, or they are empty.
    """
    (x_name, x), (y_name, y) = images, labels
    if x.dtype != "uint8" or x.shape[1:] != shape or x.ndim != len(shape) + 1:
        raise DataError(f"{x_name} is {x.dtype}{list(x.shape)}, not uint8[n, {', '.join(map(str, shape))}]")
    if y.dtype.kind not in "iu" or y.shape != x.shape[:1] or not len(y) or y.min() < 0 or y.max() >= classes:
        raise DataError(f"{y_name} should contain one label from 0 to {classes - 1} for each of {len(x)} images")
