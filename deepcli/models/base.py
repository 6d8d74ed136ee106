"""What a model family is: a frozen spec that checks itself against the data and builds a Keras model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from deepcli.data.base import Signature
from deepcli.models.initializers import GlorotUniform, InitializerField, Zeros
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import keras

    from deepcli.data.arrays.splits import Split

EMBEDDING_DIM = 64


@dataclass(frozen=True)
class Head:
    """The output layer that a loss calls for: how many units, and what turns them into probabilities."""

    units: int
    activation: str


class Model(Component):
    """A model family. Every family trains on images and on tokens."""

    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initial kernels.")
    bias_initializer: InitializerField = Field(Zeros(), description="Initial biases.")

    @property
    def bfloat16_on_cpu(self) -> bool:
        """Whether mixed_bfloat16 measurably pays on a CPU with bfloat16 instructions."""
        return False

    @property
    def compiles_with_xla(self) -> bool:
        """Whether XLA pays on a GPU where shapes are fixed; recurrent layers have cuDNN instead."""
        return True

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        """Give the fields that a new spec has to write out, for a kind of data (`image` or `tokens`)."""
        return {}

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data; known from the spec alone, so nothing is computed in vain."""
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

        They belong into weights that do not train, for checkpoints to carry them.

        Args:
            model: What `build` made.
            train: The training split alone; nothing is to be learned from the others.
        """

    def needs_any_shape(self) -> Iterator[Issue]:
        """Yield a misfit if the kernels, which are no matrices here, are to be filled with one."""
        if self.kernel_initializer.requires_2d:
            yield (
                ("kernel_initializer",),
                f"{self.kernel_initializer.type} makes matrices only, not {self.type} kernels",
            )

    def dense_output(self, x: keras.KerasTensor, head: Head) -> keras.KerasTensor:
        """Add the output layer; float32, for a softmax or sigmoid in less loses what the loss needs."""
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
        None, description=f"Width of the token embedding; null is {EMBEDDING_DIM}. Tokens only."
    )
    embeddings_initializer: InitializerField | None = Field(
        None, description="Initial embeddings; null is uniform within 0.05. Tokens only."
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
