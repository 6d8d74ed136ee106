"""What pictures become for a model, as its data set says."""

from __future__ import annotations

import dataclasses

from deepcli.data.base import ImageDataset
from deepcli.inputs.picture import Wanted


def wanted_by(data: ImageDataset, fit: bool = True) -> Wanted:
    """Say what pictures are to become.

    Args:
        data: What the model was trained on.
        fit: Whether drawings are prepared as those of the data set were, where it says how.
    """
    height, width, channels = (size or 1 for size in data.signature.shape)
    preparation = dataclasses.asdict(data.preparation) if fit and data.preparation is not None else None
    return Wanted((height, width, channels), data.bright_on_dark, preparation)
