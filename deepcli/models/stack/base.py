"""Layers that a `sequential` model is a list of: what a layer is, and those that every stack needs.

Each knows the shape it makes of another, so that a stack is checked without Keras. Fields are Keras's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from deepcli.data.base import Signature
from deepcli.models.activations import ActivationField, Linear, Relu
from deepcli.models.initializers import GlorotUniform, Initializer, InitializerField, RandomUniform, Zeros
from deepcli.models.regularization import penalty
from deepcli.spec.fields import NonNegative, Positive, as_tuple
from deepcli.spec.registry import Component, Issue, Registry

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
"""The shape of one example, without the batch."""

STEPS = ("steps", "channels")
MAPS = ("height", "width", "channels")
VOLUMES = ("depth", "height", "width", "channels")


class Unfit(ValueError):
    """What a layer needs of its input and does not get; `field` is the one to change, where one is to blame."""

    def __init__(self, needs: str, field: str | None = None) -> None:
        super().__init__(needs)
        self.field = field


class Layer(Component):
    """A layer of a stack."""

    AXES: ClassVar[tuple[str, ...]] = ()
    """The axes of its input; none where any will do."""
    KERAS: ClassVar[str]
    """The name of Keras's class."""
    HOME: ClassVar[str] = "keras.layers"
    """The module that has it: Keras's, or one of ours whose class is Keras's with a faster way."""

    def check(self) -> Iterator[Issue]:
        """Yield what is wrong with it in any stack."""
        yield from ()

    def shape(self, shape: Shape) -> Shape:
        """Compute the shape that it makes of another.

        Raises:
            Unfit: It cannot take that.
        """
        if self.AXES and len(shape) != len(self.AXES):
            raise Unfit(f"needs ({', '.join(self.AXES)})")
        return self.output(shape)

    def output(self, shape: Shape) -> Shape:
        """Compute what it makes of a shape with the right number of axes; most layers keep it."""
        return shape

    def arguments(self) -> dict[str, Any]:
        """Return its fields as Keras's own layer takes them: initializers built anew, single sizes as one number."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "type"}
        for name, value in fields.items():
            if isinstance(value, Initializer):
                fields[name] = value.build()
            elif isinstance(value, tuple) and len(value) == 1:
                fields[name] = value[0]
        return fields

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        """Build Keras's layer."""
        from importlib import import_module

        layer: keras.layers.Layer = getattr(import_module(self.HOME), self.KERAS)(**self.arguments(), name=name)
        return layer

    def apply(self, x: keras.KerasTensor, name: str, signature: Signature) -> keras.KerasTensor:
        """Build it and run it on what the layer before it returned."""
        return self.build(name, signature)(x)


LAYERS: Registry[Layer] = Registry("layers")


class Weighted(Layer):
    """A layer with a kernel."""

    KERNELS: ClassVar[tuple[str, ...]] = ("kernel",)
    """What Keras calls them, in the names of initializers and regularizers."""
    MATRICES: ClassVar[bool] = True
    """Whether they are matrices, which some initializers need."""

    use_bias: bool = Field(True, description="Add a bias.")
    bias_initializer: InitializerField = Field(Zeros(), description="Initial biases.")
    l1: NonNegative = Field(0.0, description="L1 penalty on its kernels.")
    l2: NonNegative = Field(0.0, description="L2 penalty on its kernels.")

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        for kernel in () if self.MATRICES else self.KERNELS:
            initializer: Initializer = getattr(self, f"{kernel}_initializer")
            if initializer.requires_2d:
                yield (f"{kernel}_initializer",), f"{initializer.type} makes matrices only, not {self.type} kernels"

    def arguments(self) -> dict[str, Any]:
        fields = super().arguments()
        l1, l2 = fields.pop("l1"), fields.pop("l2")
        return {**fields, **{f"{kernel}_regularizer": penalty(l1, l2) for kernel in self.KERNELS}}


class Activated(Weighted):
    """A layer with a kernel, and an activation after it."""

    activation: ActivationField = Field(Linear(), description="After it.")

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in super().arguments().items() if name != "activation"}

    def apply(self, x: keras.KerasTensor, name: str, signature: Signature) -> keras.KerasTensor:
        # A layer of its own: some activations have weights.
        x = super().apply(x, name, signature)
        return x if isinstance(self.activation, Linear) else self.activation.layer(f"{name}_activation")(x)


@LAYERS.register
class Dense(Activated):
    """Every unit reads all channels; on maps or sequences, at each place by itself."""

    type: Literal["dense"] = "dense"
    units: Positive = Field(64, description="Channels of its output.")
    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initial kernel.")

    KERAS: ClassVar[str] = "Dense"

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)


@LAYERS.register
class Embedding(Layer):
    """A trained vector for each token id; the first layer of every stack on tokens, and of no other."""

    type: Literal["embedding"] = "embedding"
    output_dim: Positive = Field(64, description="Width of the vectors; the data know how many there are.")
    embeddings_initializer: InitializerField = Field(RandomUniform(), description="Initial vectors.")

    AXES: ClassVar[tuple[str, ...]] = ("steps",)
    KERAS: ClassVar[str] = "Embedding"

    def output(self, shape: Shape) -> Shape:
        return (*shape, self.output_dim)

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        import keras

        return keras.layers.Embedding(signature.vocabulary, **self.arguments(), name=name)


@LAYERS.register
class Flatten(Layer):
    """All axes become one."""

    type: Literal["flatten"] = "flatten"

    KERAS: ClassVar[str] = "Flatten"

    def output(self, shape: Shape) -> Shape:
        return (prod(shape),)


@LAYERS.register
class Reshape(Layer):
    """The same values along other axes."""

    type: Literal["reshape"] = "reshape"
    target_shape: Annotated[
        tuple[Annotated[int, Field(ge=-1)], ...], BeforeValidator(as_tuple), Field(min_length=1)
    ] = Field(description="Size of each axis, without the batch; one may be -1 and takes what is left.")

    KERAS: ClassVar[str] = "Reshape"

    @classmethod
    def example(cls) -> Self:
        return cls(target_shape=(-1, 4))

    def check(self) -> Iterator[Issue]:
        if 0 in self.target_shape or self.target_shape.count(-1) > 1:
            yield ("target_shape",), "sizes should be positive, with at most one -1"

    def output(self, shape: Shape) -> Shape:
        total, known = prod(shape), prod(size for size in self.target_shape if size != -1)
        if total != known and (-1 not in self.target_shape or total % known):
            multiple = "a multiple of " if -1 in self.target_shape else ""
            raise Unfit(f"needs {multiple}{known} values for {list(self.target_shape)}", "target_shape")
        return tuple(total // known if size == -1 else size for size in self.target_shape)

    def arguments(self) -> dict[str, Any]:
        return {"target_shape": self.target_shape}


@LAYERS.register
class ActivationLayer(Layer):
    """An activation alone, for instance after a normalization."""

    type: Literal["activation"] = "activation"
    activation: ActivationField = Field(Relu(), description="Which one.")

    KERAS: ClassVar[str] = "Activation"

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        return self.activation.layer(name)
