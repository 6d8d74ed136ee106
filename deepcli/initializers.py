"""Initializers that a spec can name: the distributions that weights start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from deepcli.fields import NonNegative
from deepcli.registry import Component, Registry

if TYPE_CHECKING:
    import keras


class Initializer(Component):
    """The distribution that weights start from. Class names and fields are Keras's own."""

    def build(self) -> keras.initializers.Initializer:
        """Build a new initializer; each layer needs its own, for one instance repeats its values."""
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
    """All zeros; right for biases, wrong for kernels (every unit learns the same)."""

    type: Literal["zeros"] = "zeros"


@INITIALIZERS.register
class Ones(Initializer):
    """All ones."""

    type: Literal["ones"] = "ones"


InitializerField = Annotated[Initializer, INITIALIZERS]
