"""Pooling layers of a `sequential` model, in windows or over all steps, maps or volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from deepcli.models.stack.base import LAYERS, MAPS, STEPS, VOLUMES, Layer, Shape
from deepcli.models.stack.convolution import Sizes, Windowed
from deepcli.spec.registry import Issue


class Pooling(Windowed):
    """A window that reduces each channel."""

    pool_size: Sizes = Field((2,), description="Size of the window.")
    strides: Sizes | None = Field(None, description="Stride of the window; null means pool_size.")

    def check(self) -> Iterator[Issue]:
        yield from super().check()
        yield from self.wrong("pool_size", self.pool_size)
        yield from self.wrong("strides", self.strides or (1,))

    def extents(self) -> dict[str, int]:
        return {"pool_size": max(self.pool_size), **({"strides": max(self.strides)} if self.strides else {})}

    def output(self, shape: Shape) -> Shape:
        return (*self.places(shape, "pool_size", self.pool_size, self.strides or self.pool_size), shape[-1])


class GlobalPooling(Layer):
    """One value per channel."""

    def output(self, shape: Shape) -> Shape:
        return shape[-1:]


@LAYERS.register
class MaxPooling1d(Pooling):
    """The largest value of each window of steps."""

    type: Literal["max_pooling1d"] = "max_pooling1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "MaxPooling1D"


@LAYERS.register
class MaxPooling2d(Pooling):
    """The largest value of each window of a map."""

    type: Literal["max_pooling2d"] = "max_pooling2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "MaxPooling2D"


@LAYERS.register
class MaxPooling3d(Pooling):
    """The largest value of each window of a volume."""

    type: Literal["max_pooling3d"] = "max_pooling3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "MaxPooling3D"


@LAYERS.register
class AveragePooling1d(Pooling):
    """The mean value of each window of steps."""

    type: Literal["average_pooling1d"] = "average_pooling1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "AveragePooling1D"


@LAYERS.register
class AveragePooling2d(Pooling):
    """The mean value of each window of a map."""

    type: Literal["average_pooling2d"] = "average_pooling2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "AveragePooling2D"


@LAYERS.register
class AveragePooling3d(Pooling):
    """The mean value of each window of a volume."""

    type: Literal["average_pooling3d"] = "average_pooling3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "AveragePooling3D"


@LAYERS.register
class GlobalMaxPooling1d(GlobalPooling):
    """The largest value of each channel over all steps."""

    type: Literal["global_max_pooling1d"] = "global_max_pooling1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "GlobalMaxPooling1D"


@LAYERS.register
class GlobalMaxPooling2d(GlobalPooling):
    """The largest value of each channel over the whole map."""

    type: Literal["global_max_pooling2d"] = "global_max_pooling2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "GlobalMaxPooling2D"


@LAYERS.register
class GlobalMaxPooling3d(GlobalPooling):
    """The largest value of each channel over the whole volume."""

    type: Literal["global_max_pooling3d"] = "global_max_pooling3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "GlobalMaxPooling3D"


@LAYERS.register
class GlobalAveragePooling1d(GlobalPooling):
    """The mean value of each channel over all steps."""

    type: Literal["global_average_pooling1d"] = "global_average_pooling1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "GlobalAveragePooling1D"


@LAYERS.register
class GlobalAveragePooling2d(GlobalPooling):
    """The mean value of each channel over the whole map."""

    type: Literal["global_average_pooling2d"] = "global_average_pooling2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "GlobalAveragePooling2D"


@LAYERS.register
class GlobalAveragePooling3d(GlobalPooling):
    """The mean value of each channel over the whole volume."""

    type: Literal["global_average_pooling3d"] = "global_average_pooling3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "GlobalAveragePooling3D"
