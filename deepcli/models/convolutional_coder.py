"""The convolutions of autoencoders: each halves the maps, and its mirror doubles them, whatever their size was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.models.inputs import normalize

if TYPE_CHECKING:
    import keras

    from deepcli.models.autoencoder import Autoencoder


@dataclass(frozen=True)
class Maps:
    """Feature maps (batch, height, width, channels), with (height, width) before each convolution."""

    x: keras.KerasTensor
    sizes: tuple[tuple[int, int], ...] = ()


def encode_maps(x: keras.KerasTensor, model: Autoencoder) -> Maps:
    """Add the convolutions of the encoder: stride 2, normalization, activation, dropout."""
    import keras

    sizes = []
    for index, filters in enumerate(model.filters, start=1):
        sizes.append((x.shape[1], x.shape[2]))
        x = keras.layers.Conv2D(
            filters,
            model.kernel_size,
            strides=2,
            padding="same",
            kernel_initializer=model.kernel_initializer.build(),
            bias_initializer=model.bias_initializer.build(),
            **model.regularization.on_weights(),
            name=f"encoder_conv_{index}",
        )(x)
        x = _finished(x, model, f"encoder_conv_{index}")
    return Maps(x, tuple(sizes))


def decode_maps(x: keras.KerasTensor, maps: Maps, model: Autoencoder, channels: int) -> keras.KerasTensor:
    """Add the transposed convolutions of the decoder, the last of which has the channels of the images, in float32.

    Args:
        x: The last dense layer of the decoder, (batch, values of the encoder's last maps).
        maps: What `encode_maps` returned.
        model: The spec.
        channels: Channels of an image.
    """
    import keras

    x = keras.layers.Reshape(maps.x.shape[1:], name="decoder_reshape")(x)
    x = _finished(x, model, "decoder_maps")
    filters = (channels, *model.filters)
    for index in range(len(model.filters), 0, -1):
        last = index == 1
        height, width = maps.sizes[index - 1]
        weights = model.regularization.on_weights()
        x = keras.layers.Conv2DTranspose(
            filters[index - 1],
            model.kernel_size,
            strides=2,
            padding="same",
            kernel_initializer=model.kernel_initializer.build(),
            bias_initializer=model.bias_initializer.build(),
            dtype="float32" if last else None,
            **({} if last else weights),
            name="output" if last else f"decoder_conv_{index - 1}",
        )(x)
        more = x.shape[1] - height, x.shape[2] - width  # twice the half of an odd side is one too many
        if any(more):
            x = keras.layers.Cropping2D(((0, more[0]), (0, more[1])), name=f"crop_{index}")(x)
        x = x if last else _finished(x, model, f"decoder_conv_{index - 1}")
    return x


def _finished(x: keras.KerasTensor, model: Autoencoder, name: str) -> keras.KerasTensor:
    import keras

    x = normalize(x, model.regularization.normalization, f"{name}_normalization")
    x = model.activation.layer(f"{name}_activation")(x)
    rate = model.regularization.spatial_dropout
    return keras.layers.SpatialDropout2D(rate, name=f"{name}_dropout")(x) if rate else x
