"""Base classes of model families: frozen specs that check themselves against the data and build a Keras model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from deepcli.data.files import OFFLINE, Sources
from deepcli.data.signature import Signature
from deepcli.models.heads import Head
from deepcli.models.initializers import GlorotUniform, InitializerField, Zeros
from deepcli.spec.fields import Positive
from deepcli.spec.registry import Component, Issue, Registry, Spec

if TYPE_CHECKING:
    import keras

    from deepcli.data.arrays.splits import Split, Splits

EMBEDDING_DIM = 64
PLURALS = {
    "image": "images",
    "tokens": "tokens",
    "features": "features",
    "text": "running text",
    "series": "series",
    "pairs": "pairs of texts",
}
"""What examples of each kind of data are called."""


@dataclass(frozen=True)
class Start:
    """What a new run's model may be set from, before its first step.

    Attributes:
        signature: The data.
        splits: The data's splits; nothing may be learned from other splits than `train`.
        sources: Where files may be looked for, and whether downloads are allowed.
        note: Shows a line to the user.
    """

    signature: Signature
    splits: Splits
    sources: Sources = OFFLINE
    note: Callable[[str], object] = lambda line: None


State = tuple["keras.KerasTensor", ...]
"""What a model remembers of the tokens so far, tensors (batch, ...)."""


@dataclass(frozen=True)
class Stepper:
    """Computes a model's outputs token by token.

    Attributes:
        shapes: The shapes of the state without the batch; it begins as zeros.
        longest: Tokens after which the state is full and must be computed again from the latest ones; None for never.
        step: Takes tokens, int32 (batch, steps), the number of tokens before them and the state; returns the outputs
            (batch, steps, outputs) and the state after them.
    """

    shapes: tuple[tuple[int, ...], ...]
    longest: int | None
    step: Callable[[Any, Any, State], tuple[Any, State]]


@dataclass(frozen=True)
class Translator:
    """Writes the targets of inputs token by token; every tensor has the batch as its first axis.

    Attributes:
        longest: Most tokens of a target.
        begin: Takes rows of inputs, int32 (batch, steps), and returns the state before the first token.
        step: Takes tokens, int32 (batch, 1), the number of tokens before them and the state; returns the logits after them
            (batch, vocabulary) and the state.
        attention: Takes rows of pairs and returns how much each token of the targets attends to each of the inputs, the mean
            over heads and layers, (batch, tokens, tokens); None for a model without attention.
    """

    longest: int
    begin: Callable[[Any], State]
    step: Callable[[Any, Any, State], tuple[Any, State]]
    attention: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a run with its own trained layers and its own learning rate.

    Attributes:
        begins: Completed epochs at its start.
        learning_rate: Its peak learning rate; None for that of the optimizer.
    """

    begins: int = 0
    learning_rate: float | None = None


class Model(Component):
    """A model family.

    Attributes:
        kinds: The kinds of data that it trains on.
        divided_axes: The weights that several devices can share, as regular expressions of their paths, each with its number of
            axes and the axis that is divided.
        largest_inputs: Root mean square up to which `deepcli sanity` accepts what the first trained layer takes.
        predicts_inputs: Whether its outputs are the inputs, which only autoencoders give back.
    """

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens")
    divided_axes: ClassVar[Mapping[str, tuple[int, int]]] = {}
    largest_inputs: ClassVar[float] = 10.0
    predicts_inputs: ClassVar[bool] = False

    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initializer for kernels.")
    bias_initializer: InitializerField = Field(Zeros(), description="Initializer for biases.")

    @property
    def code_size(self) -> int | None:
        """Numbers in the code of an autoencoder; None for other families."""
        return None

    def divided_sizes(self) -> dict[str, int]:
        """Return the fields that the number of devices that share the weights must divide."""
        return {}

    @property
    def bfloat16_on_cpu(self) -> bool:
        """Whether mixed_bfloat16 is measurably faster on a CPU with bfloat16 instructions."""
        return False

    @property
    def compiles_with_xla(self) -> bool:
        """Whether XLA is faster on a GPU with fixed shapes; recurrent layers use cuDNN instead."""
        return True

    def xla_on_cpu(self, signature: Signature) -> bool:
        """Whether XLA is measurably faster on a CPU, too, for data of a kind."""
        return False

    @classmethod
    def instead(cls, kind: str) -> str:
        """Return what else there is for a kind of data that the family does not take; empty for other families alone."""
        return ""

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        """Return the fields that a new spec must write out, for a kind of data (`image`, `tokens` or `features`)."""
        return {}

    def issues(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit the data: their kind, what is predicted, or else what `check` finds."""
        wanted = signature.predicted.kind == "inputs"
        if signature.kind not in self.kinds:
            able = [name for name in MODELS if signature.kind in MODELS[name].kinds]
            able = [name for name in able if MODELS[name].predicts_inputs == wanted] or able
            yield (
                ("type",),
                f"`{self.type}` takes {_listed([PLURALS.get(kind, kind) for kind in self.kinds], 'and')}; these data are "
                f"{PLURALS[signature.kind]}; use {_listed(able, 'or')}{self.instead(signature.kind)}",
            )
        elif wanted and not self.predicts_inputs:
            able = [name for name in MODELS if MODELS[name].predicts_inputs]
            yield (
                ("type",),
                f"`{self.type}` cannot give back its inputs (task: reconstruction); use {_listed(able, 'or')}",
            )
        elif self.predicts_inputs and not wanted:
            yield ("type",), f"`{self.type}` gives back its inputs and predicts nothing else; set task: reconstruction"
        else:
            yield from self.check(signature)

    def check(self, signature: Signature) -> Iterator[Issue]:
        """Yield what does not fit data of one of the `kinds`.

        Needs the spec alone, so errors appear before anything is computed.
        """
        yield from ()

    def check_training(self, epochs: int, initial: bool) -> Iterator[Issue]:
        """Yield what does not fit the section `training`, at places inside it.

        Args:
            epochs: Number of epochs.
            initial: Whether the weights of another run are loaded at the start.
        """
        yield from ()

    @abstractmethod
    def build(self, signature: Signature, head: Head) -> keras.Model:
        """Build the model.

        Args:
            signature: The data: uint8 images (batch, height, width, channels), int32 tokens (batch, steps), float32
                features (batch, columns), int32 windows of a running text (batch, steps) or rows of pairs (batch, steps).
            head: The output layer; the model returns float32 (batch, outputs), probabilities or numbers; for a running
                text and for targets of pairs (batch, steps, outputs), and no output depends on a later step.
        """

    def stepper(self, model: keras.Model, signature: Signature) -> Stepper:
        """Return what computes a model's outputs for a running text token by token, without those before it again.

        Args:
            model: The model that `build` returned.
            signature: The data, a running text.
        """
        raise NotImplementedError

    def translator(self, model: keras.Model, signature: Signature) -> Translator:
        """Return what writes the targets of inputs token by token, without computing those before again.

        Args:
            model: The model that `build` returned.
            signature: The data, pairs.
        """
        raise NotImplementedError

    def adapt(self, model: keras.Model, train: Split) -> None:
        """Set weights that are statistics of the training split, once, before a new run's first step.

        Keep them in non-trainable weights, so that checkpoints store them.

        Args:
            model: The model that `build` returned.
            train: The training split; nothing may be learned from other splits.
        """

    def begin(self, model: keras.Model, start: Start) -> None:
        """Set the weights that a new run starts from, if they are not random; a resumed run has them in its checkpoint.

        By default, this calls `adapt`. A family that reads files (pretrained weights, word vectors) does so here.

        Args:
            model: The model that `build` returned.
            start: The data, and where to look for files.

        Raises:
            DataError: A file is missing, damaged or does not fit.
        """
        self.adapt(model, start.splits.train)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The parts of a run that train different layers or have their own learning rate; most families have one."""
        return (Stage(),)

    def enter(self, model: keras.Model, stage: int) -> None:
        """Set which layers train in one of the `stages`, by its position; `build` leaves a model in the first."""

    def needs_any_shape(self) -> Iterator[Issue]:
        """Yield a misfit if the kernel initializer makes matrices only; the kernels of this family have more axes."""
        if self.kernel_initializer.requires_2d:
            yield (
                ("kernel_initializer",),
                f"{self.kernel_initializer.type} makes matrices only, not {self.type} kernels; use another initializer",
            )

    def dense_output(self, x: keras.KerasTensor, head: Head) -> keras.KerasTensor:
        """Add the output layers, in float32: a softmax or sigmoid in lower precision is too coarse for the loss."""
        return head.finish(self.dense_units(x, head))

    def dense_units(self, x: keras.KerasTensor, head: Head) -> keras.KerasTensor:
        """Add the dense layer of the output alone, before what a head adds to it."""
        import keras

        return keras.layers.Dense(
            head.units,
            activation=head.activation,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            dtype="float32",
            name="output",
        )(x)


class PretrainedEmbeddings(Spec):
    """Word vectors that a new run's embedding starts from."""

    path_fields: ClassVar[tuple[str, ...]] = ("path",)

    path: str = Field(
        description="File of word vectors in the text format of GloVe or word2vec, may be compressed. Only a new run reads "
        "it: checkpoints hold the vectors. Runs store the absolute path."
    )
    trainable: bool = Field(True, description="Whether training changes the embedding; false keeps the vectors.")


class Embedded(Model):
    """A family that reads tokens through an embedding."""

    embedding_dim: Positive | None = Field(
        None, description=f"Width of the token embedding; null means {EMBEDDING_DIM}. Tokens only."
    )
    embeddings_initializer: InitializerField | None = Field(
        None, description="Initializer for embeddings; null means uniform in [-0.05, 0.05]. Tokens only."
    )

    embeddings: PretrainedEmbeddings | None = Field(
        None,
        description="Word vectors that the embedding starts from; words that the file lacks start at random. Tokens only.",
    )

    @property
    def embedding_width(self) -> tuple[str, int]:
        """The field that sets the width of the embedding, and the width."""
        return "embedding_dim", self.embedding_dim or EMBEDDING_DIM

    def check(self, signature: Signature) -> Iterator[Issue]:
        if signature.kind not in ("tokens", "text", "pairs"):
            for field in ("embedding_dim", "embeddings_initializer", "embeddings"):
                if getattr(self, field) is not None:
                    yield (field,), f"is for tokens; these data are {PLURALS[signature.kind]}"
        if signature.kind in ("text", "pairs") and self.embeddings is not None:
            yield (
                ("embeddings",),
                f"is for texts of words with a class or another target, not for {PLURALS[signature.kind]}",
            )
        yield from super().check(signature)

    def embedding(self, vocabulary: int) -> keras.layers.Layer:
        """Build the embedding layer, (batch, steps) ids to (batch, steps, width)."""
        import keras

        initializer = self.embeddings_initializer.build() if self.embeddings_initializer else "uniform"
        _, width = self.embedding_width
        layer = keras.layers.Embedding(vocabulary, width, embeddings_initializer=initializer, name="embedding")
        layer.trainable = self.embeddings is None or self.embeddings.trainable
        return layer

    def begin(self, model: keras.Model, start: Start) -> None:
        super().begin(model, start)
        if self.embeddings is not None and start.signature.kind == "tokens":
            from deepcli.models.word_embeddings import fill

            fill(model.get_layer("embedding"), self.embeddings.path, self.embedding_width, start)


MODELS: Registry[Model] = Registry("models")


def _listed(names: list[str], word: str) -> str:
    """Join names as in a sentence."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
