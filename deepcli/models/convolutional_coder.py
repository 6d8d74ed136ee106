"""The convolutions of autoencoders: each halves the maps, and its mirror doubles them, whatever their size was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepcli.models.inputs import Sequence, normalized

if TYPE_CHECKING:
    import keras

    from deepcli.models.autoencoder import Autoencoder


@dataclass(frozen=True)
class Maps:
    """Feature maps, and their sizes before each convolution.

    Attributes:
        x: (batch, height, width, channels) of images, (batch, steps, channels) of series.
        sizes: (height, width), or (steps,), before each convolution.
    """

    x: keras.KerasTensor
    sizes: tuple[tuple[int, ...], ...] = ()


def encode_maps(inputs: Sequence, model: Autoencoder) -> Maps:
    """Add the convolutions of the encoder: stride 2, normalization, activation, dropout."""
    import keras

    sizes, maps = [], inputs
    for index, filters in enumerate(model.filters, start=1):
        sizes.append(tuple(maps.x.shape[1:-1]))
        name = f"encoder_conv_{index}"
        x = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}[len(sizes[-1])](
            filters,
            model.kernel_size,
            strides=2,
            padding="same",
            kernel_initializer=model.kernel_initializer.build(),
            bias_initializer=model.bias_initializer.build(),
            **model.regularization.on_weights(),
            name=name,
        )(maps.x)
        maps = _finished(_halved(x, maps, name), model, name)
    return Maps(maps.x, tuple(sizes))


def decode_maps(x: keras.KerasTensor, maps: Maps, model: Autoencoder, channels: int) -> keras.KerasTensor:
    """Add the transposed convolutions of the decoder, the last of which has the channels of the inputs, in float32.

    They know of no end of a series: the code alone says what is given back.

    Args:
        x: The last dense layer of the decoder, (batch, values of the encoder's last maps).
        maps: What `encode_maps` returned.
        model: The spec.
        channels: Channels of an image, or columns of series.
    """
    import keras

    x = keras.layers.Reshape(maps.x.shape[1:], name="decoder_reshape")(x)
    x = _finished(Sequence(x), model, "decoder_maps").x
    filters = (channels, *model.filters)
    for index in range(len(model.filters), 0, -1):
        last = index == 1
        weights = model.regularization.on_weights()
        x = {1: keras.layers.Conv1DTranspose, 2: keras.layers.Conv2DTranspose}[len(maps.sizes[0])](
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
        x = _cropped(x, maps.sizes[index - 1], f"crop_{index}")
        x = x if last else _finished(Sequence(x), model, f"decoder_conv_{index - 1}").x
    return x


def _halved(x: keras.KerasTensor, before: Sequence, name: str) -> Sequence:
    """Return maps with the lengths that a stride of 2 leaves, where series may end earlier."""
    if before.lengths is None:
        return Sequence(x)
    from deepcli.nn import sequences

    lengths = sequences.Windows(2, 2, True, name=f"{name}_lengths")(before.lengths)
    return Sequence(x, lengths, sequences.Mask(name=f"{name}_mask")(x, lengths))


def _cropped(x: keras.KerasTensor, size: tuple[int, ...], name: str) -> keras.KerasTensor:
    """Cut maps to the size that they had: twice the half of an odd side is one too many."""
    import keras

    more = [here - there for here, there in zip(x.shape[1:-1], size, strict=True)]
    if not any(more):
        return x
    if len(more) == 1:
        return keras.layers.Cropping1D((0, more[0]), name=name)(x)
    return keras.layers.Cropping2D(((0, more[0]), (0, more[1])), name=name)(x)


def _finished(maps: Sequence, model: Autoencoder, name: str) -> Sequence:
    """Add normalization, activation and dropout; what is behind the end of a series stays 0, as outside of it."""
    import keras

    x = normalized(maps, model.regularization.normalization, f"{name}_normalization")
    x = model.activation.layer(f"{name}_activation")(x)
    rate = model.regularization.spatial_dropout
    if rate:
        drop = {3: keras.layers.SpatialDropout1D, 4: keras.layers.SpatialDropout2D}[len(x.shape)]
        x = drop(rate, name=f"{name}_dropout")(x)
    return maps.of(x).ended(f"{name}_end")
