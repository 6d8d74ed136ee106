"""Augmentation layers: they change examples at random during training and return them unchanged otherwise.

Keras has such layers too, but they augment by default (`training=True`), even at inference. Each of them interpolates
separately, so three of them blur an image three times and take twice as long.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from deepcli.data.augmentation import FIRST_WORD, UNKNOWN_WORD, Augmentation, ImageAugmentation

register = keras.saving.register_keras_serializable("deepcli")


def augmentation_layers(augmentation: Augmentation | None) -> list[keras.layers.Layer]:
    """Build the augmentation layers that a spec asks for; an empty list if it asks for none."""
    layers: list[keras.layers.Layer] = []
    if isinstance(augmentation, ImageAugmentation):
        if augmentation.moves:
            moves = augmentation.model_dump(include={"rotation", "translation", "zoom", "flip"})
            layers.append(RandomMove(**moves, name="random_move"))
        if augmentation.erasing:
            layers.append(RandomErasing(augmentation.erasing, name="random_erasing"))
    elif augmentation is not None and augmentation.word_dropout:
        layers.append(WordDropout(augmentation.word_dropout, name="word_dropout"))
    return layers


class Augmenting(keras.layers.Layer):
    """Base class: changes its inputs at random during training; checkpoints store the state of the random generator.

    Args:
        seed: Seed of the generator; None derives it from Keras's global seed.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.vary(x) if training else x

    def vary(self, x: Any) -> Any:
        """Return a randomly changed copy of a batch."""
        raise NotImplementedError

    def uniform(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        """Draw uniform float32 numbers."""
        return keras.random.uniform(shape, low, high, "float32", seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


@register
class RandomMove(Augmenting):
    """Rotate, zoom, flip and shift each image (batch, height, width, channels) about its centre, in one interpolation.

    Ranges are those of Keras's `RandomRotation`, `RandomZoom`, `RandomFlip` and `RandomTranslation`; interpolation is
    bilinear, in float32 whatever the dtype of the images, and pixels from outside the image are 0.

    Args:
        rotation: Largest angle, as a fraction of a full circle.
        translation: Largest shift, as a fraction of height and width.
        zoom: Largest change of scale.
        flip: `none`, `horizontal`, `vertical` or `horizontal_and_vertical`.
    """

    def __init__(
        self, rotation: float = 0.0, translation: float = 0.0, zoom: float = 0.0, flip: str = "none", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rotation, self.translation, self.zoom, self.flip = rotation, translation, zoom, flip

    def vary(self, x: Any) -> Any:
        transform = self._transform(ops.shape(x)[0], x.shape[1], x.shape[2])
        moved = ops.image.affine_transform(ops.cast(x, "float32"), transform, fill_mode="constant", fill_value=0.0)
        return ops.cast(moved, x.dtype)

    def _transform(self, batch: Any, height: int, width: int) -> Any:
        """Draw affine maps of output to input pixels, (batch, 8): in = scale * rotate(out - centre) + centre + shift."""
        angle = self.uniform((batch,), -self.rotation, self.rotation) * (2 * math.pi)
        scale = 1 + self.uniform((batch,), -self.zoom, self.zoom)
        x_scale, y_scale = scale * self._sign(batch, "horizontal"), scale * self._sign(batch, "vertical")
        x_shift = self.uniform((batch,), -self.translation, self.translation) * width
        y_shift = self.uniform((batch,), -self.translation, self.translation) * height
        cos, sin = ops.cos(angle), ops.sin(angle)
        a, b, d, e = x_scale * cos, -y_scale * sin, x_scale * sin, y_scale * cos
        x_centre, y_centre = (width - 1) / 2, (height - 1) / 2
        c = x_centre + x_shift - a * x_centre - b * y_centre
        f = y_centre + y_shift - d * x_centre - e * y_centre
        return ops.stack([a, b, c, d, e, f, ops.zeros_like(a), ops.zeros_like(a)], axis=1)

    def _sign(self, batch: Any, way: str) -> Any:
        if way not in self.flip:
            return 1.0
        return ops.where(self.uniform((batch,), 0, 1) < 0.5, -1.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("rotation", "translation", "zoom", "flip")}
        return {**super().get_config(), **own}


@register
class RandomErasing(Augmenting):
    """Set a random rectangle to 0 in some of the images (batch, height, width, channels) (Zhong et al. 2017).

    Args:
        rate: Probability that a rectangle of an image is erased.
        area: Smallest and largest fraction of the image's area; height and width are drawn independently.
    """

    def __init__(self, rate: float, area: tuple[float, float] = (0.02, 0.33), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.area = rate, tuple(area)

    def vary(self, x: Any) -> Any:
        batch = ops.shape(x)[0]
        rows = self._stretch(batch, x.shape[1])[:, :, None]
        columns = self._stretch(batch, x.shape[2])[:, None, :]
        chosen = self.uniform((batch, 1, 1), 0, 1) < self.rate
        erased = ops.logical_and(chosen, ops.logical_and(rows, columns))
        return ops.where(erased[..., None], ops.zeros_like(x), x)

    def _stretch(self, batch: Any, size: int) -> Any:
        """Draw one side of the rectangle, as a mask: bool (batch, size)."""
        length = ops.maximum(ops.round(ops.sqrt(self.uniform((batch, 1), *self.area)) * size), 1.0)
        start = ops.floor(self.uniform((batch, 1), 0, 1) * (size - length + 1))
        place = ops.arange(size, dtype="float32")[None, :]
        return ops.logical_and(place >= start, place < start + length)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "area": list(self.area)}


@register
class WordDropout(Augmenting):
    """Replace random words with the unknown word in int32 ids (batch, steps); padding, marks and lengths do not change.

    Args:
        rate: Probability of replacing a word.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def vary(self, x: Any) -> Any:
        dropped = ops.logical_and(x >= FIRST_WORD, self.uniform(ops.shape(x), 0, 1) < self.rate)
        return ops.where(dropped, ops.full_like(x, UNKNOWN_WORD), x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}
