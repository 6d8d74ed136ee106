"""Layers of a `sequential` model: their base classes, and the layers that most stacks need.

Each layer computes its output shape, so that a stack is checked without Keras. Fields are named as in Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field

from deepcli.data.signature import Signature
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
    """An input shape that a layer cannot take; `field` names the field to change, if one is the cause."""

    def __init__(self, needs: str, field: str | None = None) -> None:
        super().__init__(needs)
        self.field = field


class Layer(Component):
    """A layer of a stack."""

    AXES: ClassVar[tuple[str, ...]] = ()
    """The axes of its input; empty if it takes any."""
    KERAS: ClassVar[str]
    """The name of the Keras class."""
    HOME: ClassVar[str] = "keras.layers"
    """The module of the class: Keras's, or one of deepcli's with a faster implementation."""

    def check(self) -> Iterator[Issue]:
        """Yield the problems that do not depend on the rest of the stack."""
        yield from ()

    def shape(self, shape: Shape) -> Shape:
        """Compute the output shape for an input shape.

        Raises:
            Unfit: The layer cannot take the input shape.
        """
        if self.AXES and len(shape) != len(self.AXES):
            raise Unfit(f"needs ({', '.join(self.AXES)})")
        return self.output(shape)

    def output(self, shape: Shape) -> Shape:
        """Compute the output shape for an input with the right number of axes; most layers keep it."""
        return shape

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the Keras layer: initializers are built, and single sizes become one number."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "type"}
        for name, value in fields.items():
            if isinstance(value, Initializer):
                fields[name] = value.build()
            elif isinstance(value, tuple) and len(value) == 1:
                fields[name] = value[0]
        return fields

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        """Build the Keras layer."""
        from importlib import import_module

        layer: keras.layers.Layer = getattr(import_module(self.HOME), self.KERAS)(**self.arguments(), name=name)
        return layer

    def apply(self, x: keras.KerasTensor, name: str, signature: Signature) -> keras.KerasTensor:
        """Build the layer and apply it to the output of the previous one."""
        return self.build(name, signature)(x)


LAYERS: Registry[Layer] = Registry("layers")


class Weighted(Layer):
    """A layer with a kernel."""

    KERNELS: ClassVar[tuple[str, ...]] = ("kernel",)
    """Keras's names of the kernels, as in `kernel_initializer` and `kernel_regularizer`."""
    MATRICES: ClassVar[bool] = True
    """Whether the kernels are matrices, as some initializers require."""

    use_bias: bool = Field(True, description="Add a bias.")
    bias_initializer: InitializerField = Field(Zeros(), description="Initializer for biases.")
    l1: NonNegative = Field(0.0, description="L1 penalty on kernels.")
    l2: NonNegative = Field(0.0, description="L2 penalty on kernels.")

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        for kernel in () if self.MATRICES else self.KERNELS:
            initializer: Initializer = getattr(self, f"{kernel}_initializer")
            if initializer.requires_2d:
                yield (
                    (f"{kernel}_initializer",),
                    f"{initializer.type} makes matrices only, not {self.type} kernels; use another initializer",
                )

    def arguments(self) -> dict[str, Any]:
        fields = super().arguments()
        l1, l2 = fields.pop("l1"), fields.pop("l2")
        return {**fields, **{f"{kernel}_regularizer": penalty(l1, l2) for kernel in self.KERNELS}}


class Activated(Weighted):
    """A layer with a kernel, and an activation after it."""

    activation: ActivationField = Field(Linear(), description="Activation after the layer.")

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in super().arguments().items() if name != "activation"}

    def apply(self, x: keras.KerasTensor, name: str, signature: Signature) -> keras.KerasTensor:
        # A separate layer, because some activations have weights.
        x = super().apply(x, name, signature)
        return x if isinstance(self.activation, Linear) else self.activation.layer(f"{name}_activation")(x)


@LAYERS.register
class Dense(Activated):
    """Fully connected layer; on maps or sequences it is applied at each position separately."""

    type: Literal["dense"] = "dense"
    units: Positive = Field(64, description="Number of units.")
    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initializer for the kernel.")

    KERAS: ClassVar[str] = "Dense"

    def output(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)


@LAYERS.register
class Embedding(Layer):
    """Trained vector for each token id; the first layer of every stack on tokens, and only there."""

    type: Literal["embedding"] = "embedding"
    output_dim: Positive = Field(64, description="Width of the vectors.")
    embeddings_initializer: InitializerField = Field(RandomUniform(), description="Initializer for the vectors.")

    AXES: ClassVar[tuple[str, ...]] = ("steps",)
    KERAS: ClassVar[str] = "Embedding"

    def output(self, shape: Shape) -> Shape:
        return (*shape, self.output_dim)

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        import keras

        return keras.layers.Embedding(signature.vocabulary, **self.arguments(), name=name)


@LAYERS.register
class Flatten(Layer):
    """Flattens all axes into one."""

    type: Literal["flatten"] = "flatten"

    KERAS: ClassVar[str] = "Flatten"

    def output(self, shape: Shape) -> Shape:
        return (prod(shape),)


@LAYERS.register
class Reshape(Layer):
    """Rearranges the values along other axes."""

    type: Literal["reshape"] = "reshape"
    target_shape: Annotated[
        tuple[Annotated[int, Field(ge=-1)], ...], BeforeValidator(as_tuple), Field(min_length=1)
    ] = Field(description="Size of each axis, without the batch; one may be -1 and is computed from the others.")

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
    """Activation as a separate layer, for instance after a normalization."""

    type: Literal["activation"] = "activation"
    activation: ActivationField = Field(Relu(), description="The activation.")

    KERAS: ClassVar[str] = "Activation"

    def build(self, name: str, signature: Signature) -> keras.layers.Layer:
        return self.activation.layer(name)
