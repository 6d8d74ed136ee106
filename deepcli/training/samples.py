"""Draw training images, original and augmented, into a PNG file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from PIL import Image

from deepcli.data.arrays.splits import Split, strata_of
from deepcli.data.augmentation import ImageAugmentation
from deepcli.experiment.schema import Experiment
from deepcli.nn.augmentation import augmentation_layers
from deepcli.system.atomic import replacing

EXAMPLES, DRAWS = 8, 3
SIDE, GAP, BREAK, PAPER = 84, 4, 12, 255
"""Minimum side of an image, gap between images and gap below the first row in pixels; background brightness."""


def draw_samples(experiment: Experiment, train: Split, path: Path) -> None:
    """Write a PNG with a row of training images, and below it rows of augmented versions.

    Raises:
        TrainingError: The file cannot be written.
    """
    keras.utils.set_random_seed(experiment.seed)
    images = _choose(train)
    augmentation = experiment.signature.augmentation
    varied = (
        [augment(images, augmentation) for _ in range(DRAWS)] if isinstance(augmentation, ImageAugmentation) else []
    )
    picture = sheet([images, *varied])
    with replacing(path) as temporary:
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(temporary, "PNG")


def augment(images: np.ndarray, augmentation: ImageAugmentation) -> np.ndarray:
    """Augment uint8 images (examples, height, width, channels) once, as a training step does."""
    x = keras.ops.convert_to_tensor(images, "float32") / 255
    for layer in augmentation_layers(augmentation):
        x = layer(x, training=True)
    return np.asarray(np.round(np.clip(keras.ops.convert_to_numpy(x), 0, 1) * 255), np.uint8)


def sheet(rows: list[np.ndarray]) -> np.ndarray:
    """Arrange rows of uint8 images on a white background, enlarged without smoothing: (height, width, 1 or 3)."""
    count, height, width, channels = rows[0].shape
    scale = max(1, -(-SIDE // max(height, width)))
    height, width = height * scale, width * scale
    extra = BREAK - GAP if len(rows) > 1 else 0
    size = (GAP + len(rows) * (height + GAP) + extra, GAP + count * (width + GAP), channels)
    paper = np.full(size, PAPER, np.uint8)
    for row, images in enumerate(rows):
        top = GAP + row * (height + GAP) + (extra if row else 0)
        for column, image in enumerate(images):
            left = GAP + column * (width + GAP)
            paper[top : top + height, left : left + width] = image.repeat(scale, axis=0).repeat(scale, axis=1)
    return paper


def _choose(train: Split) -> np.ndarray:
    """Choose the first image of each class, and fill up with other images if there are fewer classes than places."""
    _, first = np.unique(strata_of(train.y if train.labels is None else train.labels), return_index=True)
    others = np.setdiff1d(np.arange(len(train)), first)
    images = train.x[np.concatenate([first, others])[:EXAMPLES]]
    assert isinstance(images, np.ndarray)
    return images
