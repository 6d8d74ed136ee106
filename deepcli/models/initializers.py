"""Initializers that a spec can name: the distributions that weights start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from deepcli.spec.fields import NonNegative, PositiveFloat
from deepcli.spec.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Initializer(Component):
    """The distribution that weights start from. Class names and fields are Keras's own."""

    requires_2d: ClassVar[bool] = False
    """Whether it makes matrices only, and so cannot initialize the kernels of convolutions or attention."""

    def build(self) -> keras.initializers.Initializer:
        """Build a new initializer; each layer needs its own, because one instance repeats its values."""
        import keras

        return getattr(keras.initializers, type(self).__name__)(**self.model_dump(exclude={"type"}))


INITIALIZERS: Registry[Initializer] = Registry("initializers")


@INITIALIZERS.register
class GlorotUniform(Initializer):
    """Uniform, scaled by fan-in and fan-out (Glorot & Bengio 2010)."""

    type: Literal["glorot_uniform"] = "glorot_uniform"


@INITIALIZERS.register
class GlorotNormal(Initializer):
    """Truncated normal, scaled by fan-in and fan-out (Glorot & Bengio 2010)."""

    type: Literal["glorot_normal"] = "glorot_normal"


@INITIALIZERS.register
class HeUniform(Initializer):
    """Uniform, scaled by fan-in for rectifiers (He et al. 2015)."""

    type: Literal["he_uniform"] = "he_uniform"


@INITIALIZERS.register
class HeNormal(Initializer):
    """Truncated normal, scaled by fan-in for rectifiers (He et al. 2015)."""

    type: Literal["he_normal"] = "he_normal"


@INITIALIZERS.register
class LecunUniform(Initializer):
    """Uniform, scaled by fan-in (LeCun et al. 1998)."""

    type: Literal["lecun_uniform"] = "lecun_uniform"


@INITIALIZERS.register
class LecunNormal(Initializer):
    """Truncated normal, scaled by fan-in (LeCun et al. 1998)."""

    type: Literal["lecun_normal"] = "lecun_normal"


@INITIALIZERS.register
class Orthogonal(Initializer):
    """Random orthogonal matrix (Saxe et al. 2014)."""

    type: Literal["orthogonal"] = "orthogonal"
    gain: float = Field(1.0, description="Factor on the matrix.")


@INITIALIZERS.register
class RandomUniform(Initializer):
    """Uniform between two bounds."""

    type: Literal["random_uniform"] = "random_uniform"
    minval: float = Field(-0.05, description="Lower bound.")
    maxval: float = Field(0.05, description="Upper bound.")


@INITIALIZERS.register
class RandomNormal(Initializer):
    """Normal with a mean and a standard deviation."""

    type: Literal["random_normal"] = "random_normal"
    mean: float = Field(0.0, description="Mean.")
    stddev: NonNegative = Field(0.05, description="Standard deviation.")


@INITIALIZERS.register
class Zeros(Initializer):
    """All zeros; right for biases, wrong for kernels (every unit would learn the same)."""

    type: Literal["zeros"] = "zeros"


@INITIALIZERS.register
class Ones(Initializer):
    """All ones."""

    type: Literal["ones"] = "ones"


@INITIALIZERS.register
class TruncatedNormal(Initializer):
    """Normal; values beyond two standard deviations are drawn again."""

    type: Literal["truncated_normal"] = "truncated_normal"
    mean: float = Field(0.0, description="Mean.")
    stddev: NonNegative = Field(0.05, description="Standard deviation.")


@INITIALIZERS.register
class VarianceScaling(Initializer):
    """Scaled by fan-in, fan-out or their mean; the general form of Glorot, He and LeCun."""

    type: Literal["variance_scaling"] = "variance_scaling"
    scale: PositiveFloat = Field(1.0, description="Factor on the variance.")
    mode: Literal["fan_in", "fan_out", "fan_avg"] = Field("fan_in", description="What the variance is divided by.")
    distribution: Literal["uniform", "truncated_normal", "untruncated_normal"] = Field(
        "truncated_normal", description="The distribution."
    )


@INITIALIZERS.register
class Identity(Initializer):
    """Identity matrix; for square dense or recurrent kernels (Le et al. 2015)."""

    type: Literal["identity"] = "identity"
    gain: float = Field(1.0, description="Factor on the matrix.")

    requires_2d: ClassVar[bool] = True


@INITIALIZERS.register
class Constant(Initializer):
    """One value everywhere."""

    type: Literal["constant"] = "constant"
    value: float = Field(0.0, description="The value.")


InitializerField = Annotated[Initializer, INITIALIZERS]
