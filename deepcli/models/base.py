"""Base classes of model families: frozen specs that check themselves against the data and build a Keras model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.initializers import GlorotUniform, InitializerField, Zeros
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import keras

    from deepcli.data.arrays.splits import Split

EMBEDDING_DIM = 64


@dataclass(frozen=True)
class Head:
    """The output layer that a loss requires: its number of units and its activation."""

    units: int
    activation: str


class Model(Component):
    """A model family. Every family trains on images and on tokens."""

    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initializer for kernels.")
    bias_initializer: InitializerField = Field(Zeros(), description="Initializer for biases.")

    @property
    def bfloat16_on_cpu(self) -> bool:
        """Whether mixed_bfloat16 is measurably faster on a CPU with bfloat16 instructions."""
        return False

    @property
    def compiles_with_xla(self) -> bool:
        """Whether XLA is faster on a GPU with fixed shapes; recurrent layers use cuDNN instead."""
        return True

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        """Return the fields that a new spec must write out, for a kind of data (`image` or `tokens`)."""
        return {}

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data. Needs the spec alone, so errors appear before anything is computed."""
        yield from ()

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.Model:
        """Build the model.

        Args:
            signature: The data: uint8 images (batch, height, width, channels) or int32 tokens (batch, steps).
            head: The output layer; the model returns float32 probabilities (batch, units).
        """

    def adapt(self, model: keras.Model, train: Split) -> None:
        """Set weights that are statistics of the training split, once, before a new run's first step.

        Keep them in non-trainable weights, so that checkpoints store them.

        Args:
            model: The model that `build` returned.
            train: The training split; nothing may be learned from other splits.
        """

    def needs_any_shape(self) -> Iterator[Issue]:
        """Yield a misfit if the kernel initializer makes matrices only; the kernels of this family have more axes."""
        if self.kernel_initializer.requires_2d:
            yield (
                ("kernel_initializer",),
                f"{self.kernel_initializer.type} makes matrices only, not {self.type} kernels; use another initializer",
            )

    def dense_output(self, x: keras.KerasTensor, head: Head) -> keras.KerasTensor:
        """Add the output layer, in float32: a softmax or sigmoid in lower precision is too coarse for the loss."""
        import keras

        return keras.layers.Dense(
            head.units,
            activation=head.activation,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            dtype="float32",
            name="output",
        )(x)


class Embedded(Model):
    """A family that reads tokens through an embedding."""

    embedding_dim: Positive | None = Field(
        None, description=f"Width of the token embedding; null means {EMBEDDING_DIM}. Tokens only."
    )
    embeddings_initializer: InitializerField | None = Field(
        None, description="Initializer for embeddings; null means uniform in [-0.05, 0.05]. Tokens only."
    )

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.kind == "image":
            for field in ("embedding_dim", "embeddings_initializer"):
                if getattr(self, field) is not None:
                    yield (field,), "is for tokens; these data are images"
        yield from super().check(signature)

    def embedding(self, vocabulary: int, width: int | None = None) -> keras.layers.Layer:
        """Build the embedding layer, (batch, steps) ids to (batch, steps, width)."""
        import keras

        initializer = self.embeddings_initializer.build() if self.embeddings_initializer else "uniform"
        width = width or self.embedding_dim or EMBEDDING_DIM
        return keras.layers.Embedding(vocabulary, width, embeddings_initializer=initializer, name="embedding")


MODELS: Registry[Model] = Registry("models")
