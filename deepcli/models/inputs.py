"""Input layers of the model families (tokens through an embedding, images whole or by rows), and normalization."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepcli.data.signature import Signature
from deepcli.models.regularization import Penalties

if TYPE_CHECKING:
    import keras

    from deepcli.models.base import Embedded

# Keras's 0.99 takes hundreds of steps to forget the initial statistics; on digits, validation is then still at chance
# after six epochs.
BATCH_MOMENTUM = 0.9


@dataclass(frozen=True)
class Sequence:
    """A symbolic sequence (batch, steps, channels) with its lengths and mask; both None where nothing is padded."""

    x: keras.KerasTensor
    lengths: keras.KerasTensor | None = None
    mask: keras.KerasTensor | None = None

    def of(self, x: keras.KerasTensor) -> Sequence:
        """Return a sequence of the same lengths with other values."""
        return replace(self, x=x)

    def ended(self, name: str) -> Sequence:
        """Return the sequence with zeros behind its end, if it has one."""
        if self.mask is None:
            return self
        from deepcli.nn import sequences

        return self.of(sequences.ZeroPadding(name=name)(self.x, self.mask))


def image_input(signature: Signature, regularization: Penalties) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the image input, scale it to [0, 1] and augment it: images stay uint8 until they are inside the model."""
    import keras

    inputs = keras.Input(signature.shape, dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    return inputs, noisy(augmented(x, signature), regularization)


def word_input(signature: Signature) -> tuple[keras.KerasTensor, Sequence]:
    """Make the token input and augment it: a sequence of ids, (batch, steps)."""
    import keras

    from deepcli.nn import sequences

    inputs = keras.Input((None,), dtype="int32", name="tokens")
    ids = augmented(inputs, signature)
    lengths = sequences.Lengths(name="lengths")(inputs)
    return inputs, Sequence(ids, lengths, sequences.Mask(name="mask")(ids, lengths))


def token_input(signature: Signature, model: Embedded, regularization: Penalties) -> tuple[keras.KerasTensor, Sequence]:
    """Make the token input, augment and embed it."""
    import keras

    inputs, words = word_input(signature)
    x = noisy(model.embedding(vocabulary_of(signature))(words.x), regularization)
    if regularization.spatial_dropout:
        x = keras.layers.SpatialDropout1D(regularization.spatial_dropout, name="embedding_dropout")(x)
    return inputs, words.of(x)


def text_input(signature: Signature) -> keras.KerasTensor:
    """Make the input of windows of a running text, (batch, steps) ids."""
    import keras

    return keras.Input(signature.shape, dtype="int32", name="text")


def vocabulary_of(signature: Signature) -> int:
    """Return the number of token ids."""
    if signature.vocabulary is None:
        raise ValueError("tokens need a vocabulary")
    return signature.vocabulary


def row_input(signature: Signature, regularization: Penalties) -> tuple[keras.KerasTensor, Sequence]:
    """Make the image input and read its rows as steps: (batch, height, width * channels)."""
    import keras

    inputs, x = image_input(signature, regularization)
    x = keras.layers.Reshape((signature.shape[0], -1), name="rows")(x)
    if regularization.spatial_dropout:
        x = keras.layers.SpatialDropout1D(regularization.spatial_dropout, name="row_dropout")(x)
    return inputs, Sequence(x)


def augmented(x: keras.KerasTensor, signature: Signature) -> keras.KerasTensor:
    """Augment the inputs during training, if the data section of the spec asks for it."""
    from deepcli.nn.augmentation import augmentation_layers

    for layer in augmentation_layers(signature.augmentation):
        x = layer(x)
    return x


def noisy(x: keras.KerasTensor, regularization: Penalties) -> keras.KerasTensor:
    """Add Gaussian noise during training, if the spec asks for it."""
    import keras

    return keras.layers.GaussianNoise(regularization.gaussian_noise)(x) if regularization.gaussian_noise else x


def normalized(sequence: Sequence, kind: str, name: str) -> keras.KerasTensor:
    """Normalize a sequence; padding is left out of batch statistics."""
    from deepcli.nn import sequences

    still_steps = len(sequence.x.shape) == 3
    if kind == "batch" and sequence.mask is not None and still_steps:
        return sequences.MaskedBatchNormalization(momentum=BATCH_MOMENTUM, name=name)(sequence.x, sequence.mask)
    return normalize(sequence.x, kind, name)


def normalize(x: keras.KerasTensor, kind: str, name: str) -> keras.KerasTensor:
    """Normalize by batch, layer or group; `none` returns its input."""
    import math

    import keras

    if kind == "batch":
        from deepcli.nn.batch_normalization import BatchNormalization

        return BatchNormalization(momentum=BATCH_MOMENTUM, name=name)(x)
    if kind == "layer":
        return keras.layers.LayerNormalization(name=name)(x)
    if kind == "group":
        return keras.layers.GroupNormalization(math.gcd(x.shape[-1], 32), name=name)(x)
    return x
