"""The `sequential` family: any stack of layers, written as a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from deepcli.data.signature import Signature
from deepcli.models.base import MODELS, PLURALS, Model
from deepcli.models.features import check_columns, encoded_width, feature_input
from deepcli.models.heads import Head
from deepcli.models.initializers import GlorotUniform, InitializerField, Zeros
from deepcli.models.inputs import augmented, image_input
from deepcli.models.regularization import Penalties
from deepcli.models.stack.base import LAYERS, VOLUMES, Embedding, Layer, Shape, Unfit
from deepcli.models.stack.convolution import Conv2d, Windowed
from deepcli.models.stack.recurrent import Reading
from deepcli.spec.fields import as_tuple
from deepcli.spec.registry import Issue

if TYPE_CHECKING:
    import keras

ON_IMAGES: list[dict[str, Any]] = [
    {"type": "conv2d", "filters": 32, "kernel_size": 3, "padding": "same", "activation": "relu"},
    {"type": "max_pooling2d"},
    {"type": "flatten"},
    {"type": "dense", "units": 64, "activation": "relu"},
    {"type": "dropout", "rate": 0.2},
]
ON_TOKENS: list[dict[str, Any]] = [
    {"type": "embedding", "output_dim": 64},
    {"type": "bidirectional", "layer": {"type": "lstm", "units": 64}},
    {"type": "dropout", "rate": 0.2},
]
ON_FEATURES: list[dict[str, Any]] = [
    {"type": "dense", "units": 256, "activation": "relu"},
    {"type": "dropout", "rate": 0.2},
    {"type": "dense", "units": 256, "activation": "relu"},
    {"type": "dropout", "rate": 0.2},
]
STARTERS = {"image": ON_IMAGES, "tokens": ON_TOKENS, "features": ON_FEATURES}


@MODELS.register
class Sequential(Model):
    """Any stack of layers, written as a list; the input and the output layer are added automatically.

    Images are scaled to [0, 1]. Tokens are padded to `data.maxlen` in front, as `keras.utils.pad_sequences` does: sizes
    are fixed, no prediction depends on the other examples of its batch, and a recurrent layer ends on a real word.
    Layers see padding as token 0. The columns of a table become one vector: numbers standardized, categories as indicators
    or embeddings.
    """

    type: Literal["sequential"] = "sequential"
    layers: Annotated[tuple[Annotated[Layer, LAYERS], ...], BeforeValidator(as_tuple), Field(min_length=1)] = Field(
        description="Layers, first to last; `deepcli list layers` shows what there is."
    )
    kernel_initializer: InitializerField = Field(
        GlorotUniform(), description="Initializer for the output layer's kernel."
    )
    bias_initializer: InitializerField = Field(Zeros(), description="Initializer for the output layer's biases.")

    kinds: ClassVar[tuple[str, ...]] = ("image", "tokens", "features")

    @classmethod
    def example(cls) -> Self:
        return cls.model_validate(cls.starter("image"))

    @classmethod
    def starter(cls, kind: str) -> dict[str, Any]:
        return {"layers": STARTERS[kind]}

    def check(self, signature: Signature) -> Iterator[Issue]:
        own = [
            (("layers", index, *path), why) for index, layer in enumerate(self.layers) for path, why in layer.check()
        ]
        if signature.kind == "features":
            yield from check_columns(signature)
        yield from own or self._misfits(signature)

    def _misfits(self, signature: Signature) -> Iterator[Issue]:
        """Follow the shape through the stack, up to the first layer that does not fit."""
        if None in signature.shape:
            yield ("layers",), "a stack needs sequences of a fixed length; set data.maxlen"
            return
        shape, giver = tuple(size or 0 for size in signature.shape), "the data"
        if signature.kind == "features":
            shape, giver = (encoded_width(signature.columns),), "the encoded columns"
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Embedding) != (signature.kind == "tokens" and index == 0):
                yield ("layers", index), _misplaced(layer, signature)
                return
            try:
                after = layer.shape(shape)
            except Unfit as unfit:
                place = ("layers", index, unfit.field) if unfit.field else ("layers", index)
                yield place, f"{layer.type} {unfit} but gets {shape} from {giver}{self._remedy(index, shape)}"
                return
            if isinstance(layer, Windowed):
                yield from _beyond(layer, index, shape, signature)
            shape, giver = after, layer.type
        if len(shape) != 1:
            why = f"the output layer needs a vector but gets {shape} from {giver}; add flatten or a global pooling"
            yield ("layers", len(self.layers) - 1), why

    def _remedy(self, index: int, shape: Shape) -> str:
        before = self.layers[index - 1] if index else None
        if not isinstance(before, Reading) or len(shape) > 1:
            return ""
        return f"; set return_sequences: true in layers.{index - 1}" + (
            ".layer" if before.type == "bidirectional" else ""
        )

    @property
    def bfloat16_on_cpu(self) -> bool:
        pays = any(isinstance(layer, Conv2d) for layer in self.layers)
        return pays and not any(isinstance(layer, Reading) or layer.AXES == VOLUMES for layer in self.layers)

    @property
    def compiles_with_xla(self) -> bool:
        return not any(isinstance(layer, Reading) for layer in self.layers)

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        make = {"image": _scaled, "tokens": _padded, "features": _encoded}
        inputs, x = make[signature.kind](signature)
        for index, layer in enumerate(self.layers):
            x = layer.apply(x, f"{layer.type}_{index}", signature)
        return keras.Model(inputs, self.dense_output(x, head), name="sequential")


def _scaled(signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return image_input(signature, Penalties())


def _encoded(signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    return feature_input(signature, Penalties())


def _beyond(layer: Windowed, index: int, shape: Shape, signature: Signature) -> Iterator[Issue]:
    """Yield sizes larger than both the layer's input and the data: they would read or skip only padding."""
    columns = signature.kind == "features"  # they have no sides
    sides = (*shape[:-1], *(() if columns else (size or 0 for size in signature.shape[:2])))
    for field, size in layer.extents().items():
        if size > max(sides):
            whole = "x".join(map(str, shape[:-1]))
            yield ("layers", index, field), f"{size} is larger than the {whole} input of {layer.type}"


def _misplaced(layer: Layer, signature: Signature) -> str:
    if signature.kind != "tokens":
        return f"embedding is for tokens; these data are {PLURALS[signature.kind]}"
    if isinstance(layer, Embedding):
        return "embedding reads token ids, so it must be the first layer, and only there"
    return f"a stack on tokens must begin with embedding, not {layer.type}"


def _padded(signature: Signature) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    import keras

    from deepcli.nn import sequences

    (maxlen,) = signature.shape
    if maxlen is None:
        raise ValueError("a stack needs sequences of a fixed length")
    inputs = keras.Input((None,), dtype="int32", name="tokens")
    return inputs, sequences.PadLeft(maxlen, name="pad_left")(augmented(inputs, signature))
