"""Layers of a stack that keep its shape: normalization, dropout and noise."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from deepcli.models.stack.base import LAYERS, MAPS, STEPS, VOLUMES, Layer, Shape, Unfit
from deepcli.spec.fields import NonNegative, Positive, PositiveFloat, Rate


class Normalization(Layer):
    """Values brought to one mean and one spread, which are then trained."""

    epsilon: PositiveFloat = Field(1e-3, description="Keeps the division from zero.")
    center: bool = Field(True, description="Train the mean.")
    scale: bool = Field(True, description="Train the spread.")


@LAYERS.register
class BatchNormalization(Normalization):
    """Each channel normalized by its batch, outside training by running averages (Ioffe & Szegedy 2015)."""

    type: Literal["batch_normalization"] = "batch_normalization"
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="Of the running averages.")

    KERAS: ClassVar[str] = "BatchNormalization"
    HOME: ClassVar[str] = "deepcli.nn.batch_normalization"


@LAYERS.register
class LayerNormalization(Normalization):
    """The channels at each place normalized together (Ba et al. 2016)."""

    type: Literal["layer_normalization"] = "layer_normalization"

    KERAS: ClassVar[str] = "LayerNormalization"


@LAYERS.register
class GroupNormalization(Normalization):
    """Groups of channels normalized together, over all places (Wu & He 2018)."""

    type: Literal["group_normalization"] = "group_normalization"
    groups: Positive = Field(32, description="How many; they divide the channels.")

    KERAS: ClassVar[str] = "GroupNormalization"

    def output(self, shape: Shape) -> Shape:
        if shape[-1] % self.groups:
            raise Unfit(f"needs a multiple of {self.groups} channels", "groups")
        return shape


class Dropping(Layer):
    """Something left out while training."""

    rate: Rate = Field(0.5, description="Share that is left out while training.")


@LAYERS.register
class Dropout(Dropping):
    """Single values left out while training, the others scaled up (Srivastava et al. 2014)."""

    type: Literal["dropout"] = "dropout"

    KERAS: ClassVar[str] = "Dropout"


@LAYERS.register
class SpatialDropout1d(Dropping):
    """Whole channels of steps left out while training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout1d"] = "spatial_dropout1d"

    AXES: ClassVar[tuple[str, ...]] = STEPS
    KERAS: ClassVar[str] = "SpatialDropout1D"


@LAYERS.register
class SpatialDropout2d(Dropping):
    """Whole channels of maps left out while training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout2d"] = "spatial_dropout2d"

    AXES: ClassVar[tuple[str, ...]] = MAPS
    KERAS: ClassVar[str] = "SpatialDropout2D"


@LAYERS.register
class SpatialDropout3d(Dropping):
    """Whole channels of volumes left out while training (Tompson et al. 2015)."""

    type: Literal["spatial_dropout3d"] = "spatial_dropout3d"

    AXES: ClassVar[tuple[str, ...]] = VOLUMES
    KERAS: ClassVar[str] = "SpatialDropout3D"


@LAYERS.register
class GaussianNoise(Layer):
    """Normal noise added while training."""

    type: Literal["gaussian_noise"] = "gaussian_noise"
    stddev: NonNegative = Field(0.1, description="Its standard deviation.")

    KERAS: ClassVar[str] = "GaussianNoise"
