"""Convolution layers of a `sequential` model, over steps, maps or volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from deepcli.models.initializers import GlorotUniform, InitializerField
from deepcli.models.stack.base import LAYERS, MAPS, STEPS, VOLUMES, Activated, Layer, Shape, Unfit
from deepcli.spec.fields import Positive, Stack
from deepcli.spec.registry import Issue

Sizes = Stack
"""One integer for all dimensions, or one for each."""


class Windowed(Layer):
    """A layer that slides a window over its input."""

    padding: Literal["valid", "same"] = Field(
        "valid", description="`valid` uses complete windows only; `same` pads at the edges."
    )

    @property
    def rank(self) -> int:
        """Number of dimensions in which the window slides."""
        return len(self.AXES) - 1

    def wrong(self, field: str, sizes: Sizes) -> Iterator[Issue]:
        """Yield a misfit unless there is one size, or one for each dimension."""
        if len(sizes) not in (1, self.rank):
            yield (field,), f"should be one integer or a list of {self.rank}, not of {len(sizes)}"

    def extents(self) -> dict[str, int]:
        """Return the largest extent of the window and of its stride along any axis, by field."""
        return {}

    def places(self, shape: Shape, field: str, window: Sizes, strides: Sizes, dilation: Sizes = (1,)) -> Shape:
        """Count the positions of the window along each axis except the channels.

        Raises:
            Unfit: No whole window fits.
        """
        window, strides, dilation = (
            sizes * self.rank if len(sizes) == 1 else sizes for sizes in (window, strides, dilation)
        )
        if self.padding == "same":
            return tuple(-(-size // stride) for size, stride in zip(shape[:-1], strides, strict=True))
        reach = [(size - 1) * rate + 1 for size, rate in zip(window, dilation, strict=True)]
        if any(size < need for size, need in zip(shape[:-1], reach, strict=True)):
            raise Unfit(f"needs at least {'x'.join(map(str, reach))} for its {field}", field)
        return tuple((size - need) // stride + 1 for size, need, stride in zip(shape[:-1], reach, strides, strict=True))


class Kernel(Activated, Windowed):
    """A window with a kernel."""

    kernel_size: Sizes = Field((3,), description="Size of the window.")
    strides: Sizes = Field((1,), description="Stride of the window.")

    MATRICES: ClassVar[bool] = False

    @property
    def dilation(self) -> Sizes:
        """Distance between the values that the window reads."""
        return (1,)

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        yield from self.wrong("kernel_size", self.kernel_size)
        yield from self.wrong("strides", self.strides)

    def extents(self) -> dict[str, int]:
        size, spread = max(self.kernel_size), max(self.dilation)
        reach = {"kernel_size": size} if spread == 1 else {"dilation_rate": (size - 1) * spread + 1}
        return {**reach, "strides": max(self.strides)}

    def channels(self, before: int) -> int:
        """Return the number of output channels."""
        raise NotImplementedError

    def output(self, shape: Shape) -> Shape:
        places = self.places(shape, "kernel_size", self.kernel_size, self.strides, self.dilation)
        return (*places, self.channels(shape[-1]))


class Dilated(Kernel):
    """A window that can be dilated."""

    dilation_rate: Sizes = Field((1,), description="Distance between the values that the window reads.")

    @property
    def dilation(self) -> Sizes:
        return self.dilation_rate

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        yield from self.wrong("dilation_rate", self.dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            yield ("strides",), "strides and dilation_rate cannot both be above 1"


class Convolution(Kernel):
    """A window that mixes all channels."""

    filters: Positive = Field(32, description="Number of output channels.")
    kernel_initializer: InitializerField = Field(GlorotUniform(), description="Initializer for the kernel.")

    def channels(self, before: int) -> int:
        return self.filters


class Depthwise(Dilated):
    """A window that processes each channel separately."""

    depth_multiplier: Positive = Field(1, description="Number of output channels for each input channel.")
    depthwise_initializer: InitializerField = Field(
        GlorotUniform(), description="Initializer for the depthwise kernels."
    )

    KERNELS: ClassVar[tuple[str, ...]] = ("depthwise",)

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        if len(set(self.strides)) > 1:
            yield ("strides",), "should be equal: TensorFlow supports no others for depthwise kernels"

    def channels(self, before: int) -> int:
        return before * self.depth_multiplier


class Separable(Depthwise):
    """A depthwise window, followed by a mix of all channels."""

    filters: Positive = Field(32, description="Number of output channels.")
    pointwise_initializer: InitializerField = Field(
        GlorotUniform(), description="Initializer for the pointwise kernel."
    )

    KERNELS: ClassVar[tuple[str, ...]] = ("depthwise", "pointwise")

    def channels(self, before: int) -> int:
        return self.filters


@LAYERS.register
class Conv1d(Convolution, Dilated):
    """Convolution over steps."""

    type: Literal["conv1d"] = "conv1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "Conv1D"


@LAYERS.register
class Conv2d(Convolution, Dilated):
    """Convolution over maps."""

    type: Literal["conv2d"] = "conv2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "Conv2D"


@LAYERS.register
class Conv3d(Convolution):
    """Convolution over volumes; TensorFlow does not support dilation for it on a CPU."""

    type: Literal["conv3d"] = "conv3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "Conv3D"


@LAYERS.register
class SeparableConv1d(Separable):
    """Depthwise separable convolution over steps: far fewer weights (Chollet 2017)."""

    type: Literal["separable_conv1d"] = "separable_conv1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "SeparableConv1D"


@LAYERS.register
class SeparableConv2d(Separable):
    """Depthwise separable convolution over maps: far fewer weights (Chollet 2017)."""

    type: Literal["separable_conv2d"] = "separable_conv2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "SeparableConv2D"


@LAYERS.register
class DepthwiseConv2d(Depthwise):
    """Convolution over maps, of each channel separately."""

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "DepthwiseConv2D"
