"""Normalization, dropout and noise layers of a `sequential` model; they keep the shape."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from deepcli.models.stack.base import LAYERS, MAPS, STEPS, VOLUMES, Layer, Shape, Unfit
from deepcli.spec.fields import NoiseLevel, Positive, PositiveFloat, Rate


class Normalization(Layer):
    """Normalizes to mean 0 and variance 1, then applies a trained shift and scale."""

    epsilon: PositiveFloat = Field(1e-3, description="Added to the variance, against division by zero.")
    center: bool = Field(True, description="Add a trained shift (beta).")
    scale: bool = Field(True, description="Multiply by a trained scale (gamma).")


@LAYERS.register
class BatchNormalization(Normalization):
    """Normalizes each channel by batch statistics, at inference by running averages (Ioffe & Szegedy 2015)."""

    type: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="Momentum of the running averages.")

    KERAS: ClassVar[str] = "BatchNormalization"
    HOME: ClassVar[str] = "deepcli.nn.batch_normalization"


@LAYERS.register
class LayerNormalization(Normalization):
    """Normalizes the channels at each position together (Ba et al. 2016)."""

    type: Literal["layer_normalization"] = "layer_normalization"

    KERAS: ClassVar[str] = "LayerNormalization"


@LAYERS.register
class GroupNormalization(Normalization):
    """Normalizes groups of channels together, over all positions (Wu & He 2018)."""

    type: Literal["group_normalization"] = "group_normalization"
    groups: Positive = Field(32, description="Number of groups; it must divide the number of channels.")

    KERAS: ClassVar[str] = "GroupNormalization"

    def output(self, shape: Shape) -> Shape:
        if shape[-1] % self.groups:
            raise Unfit(f"needs a multiple of {self.groups} channels", "groups")
        return shape


class Dropping(Layer):
    """Drops values during training."""

    rate: Rate = Field(0.5, description="Fraction dropped during training.")


@LAYERS.register
class Dropout(Dropping):
    """Drops single values during training and scales up the others (Srivastava et al. 2014)."""

    type: Literal["dropout"] = "dropout"

    KERAS: ClassVar[str] = "Dropout"


@LAYERS.register
class SpatialDropout1d(Dropping):
    """Drops whole channels of steps during training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout1d"] = "spatial_dropout1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "SpatialDropout1D"


@LAYERS.register
class SpatialDropout2d(Dropping):
    """Drops whole channels of maps during training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout2d"] = "spatial_dropout2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "SpatialDropout2D"


@LAYERS.register
class SpatialDropout3d(Dropping):
    """Drops whole channels of volumes during training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout3d"] = "spatial_dropout3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "SpatialDropout3D"


@LAYERS.register
class GaussianNoise(Layer):
    """Adds Gaussian noise during training."""

    type: Literal["gaussian_noise"] = "gaussian_noise"
    stddev: NoiseLevel = Field(0.1, description="Standard deviation of the noise.")

    KERAS: ClassVar[str] = "GaussianNoise"
