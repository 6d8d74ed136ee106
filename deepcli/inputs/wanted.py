"""The format of pictures that a model takes, as its data set defines it."""

from __future__ import annotations

import dataclasses

from deepcli.data.base import BaseDataset, ImageDataset
from deepcli.inputs.picture import Wanted


def wanted_by(data: BaseDataset, fit: bool = True) -> Wanted:
    """Return the format that pictures must be converted to.

    Args:
        data: The data set that the model was trained on.
        fit: Whether to prepare drawings like those of the data set, if it defines how.
    """
    height, width, channels = (size or 1 for size in data.signature.shape)
    if not isinstance(data, ImageDataset):
        return Wanted((height, width, channels))
    preparation = dataclasses.asdict(data.preparation) if fit and data.preparation is not None else None
    return Wanted((height, width, channels), data.bright_on_dark, preparation)
