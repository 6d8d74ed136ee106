"""Autoencoders of images, tables and series: dense, convolutional, denoising, sparse and variational."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.models.activations import ActivationField, Relu
from deepcli.models.base import MODELS, Model
from deepcli.models.convolutional_coder import decode_maps, encode_maps
from deepcli.models.features import check_columns, feature_input
from deepcli.models.heads import Head, InputHead
from deepcli.models.inputs import Sequence, image_input
from deepcli.models.mlp import hidden_layers
from deepcli.models.regularization import Regularization
from deepcli.models.takes_series import standardized_input
from deepcli.spec.fields import Counts, NoiseLevel, NonNegative, Positive, Rate
from deepcli.spec.registry import Issue, Spec

if TYPE_CHECKING:
    import keras


class InputNoise(Spec):
    """Noise on the scaled inputs during training; the model learns to give back the inputs without it."""

    gaussian: NoiseLevel = Field(0.0, description="Standard deviation of Gaussian noise that is added.")
    masking: Rate = Field(0.0, description="Share of values that are set to 0.")


@MODELS.register
class Autoencoder(Model):
    """Encodes an input as a few numbers, the code, and decodes it again. Only for `task: reconstruction`.

    The decoder mirrors the encoder: its dense layers have the same widths in reverse, and each convolution with a stride of
    2 has a transposed one. With `noise` it is a denoising autoencoder (Vincent et al. 2008), with `sparsity` a sparse one,
    with `variational` the code is drawn from a normal distribution that the encoder says (Kingma & Welling 2014). Series are
    convolved over their steps.
    """

    type: Literal["autoencoder"] = "autoencoder"
    latent: Positive = Field(32, description="Numbers in the code.")
    hidden_units: Counts = Field(
        (128,), description="Width of each dense layer between the input, or the feature maps, and the code."
    )
    filters: Counts = Field(
        (),
        description="Filters of each convolution before the dense layers, each with a stride of 2; none for dense layers "
        "alone. Images and series.",
    )
    kernel_size: Positive = Field(3, description="Side of each kernel, of series its steps. Images and series.")
    activation: ActivationField = Field(Relu(), description="Activation after each hidden layer; the code has none.")
    noise: InputNoise = Field(InputNoise(), description="Noise on inputs, which makes it a denoising autoencoder.")
    sparsity: NonNegative = Field(0.0, description="L1 penalty on the code, summed over its numbers.")
    variational: bool = Field(False, description="Draw the code from a normal distribution during training.")
    beta: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Weight of the Kullback-Leibler divergence of the code from the standard normal distribution; null means "
        "1, with which cross-entropy and divergence are the evidence lower bound, for each value. Variational only.",
    )
    regularization: Regularization = Field(
        Regularization(), description="Dropout follows each hidden dense layer; spatial dropout each convolution."
    )

    kinds: ClassVar[tuple[str, ...]] = ("image", "features", "series")
    predicts_inputs: ClassVar[bool] = True

    @property
    def code_size(self) -> int:
        return self.latent

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        if self.regularization.gaussian_noise:
            yield ("regularization", "gaussian_noise"), "is `noise: {gaussian: ...}` in an autoencoder"
        if self.variational and self.sparsity:
            yield ("sparsity",), "is not for variational autoencoders, whose code has a distribution; use beta"
        if self.beta is not None and not self.variational:
            yield ("beta",), "is for variational autoencoders; add `variational: true`"
        if signature.kind == "features":
            yield from check_columns(signature)
            if self.filters:
                yield ("filters",), "is for images and series; these data are features; use hidden_units"
        if self.filters:
            if signature.kind == "series":
                yield from self._series_issues(signature)
            yield from self.needs_any_shape()
            if self.regularization.dropconnect:
                yield (
                    ("regularization", "dropconnect"),
                    "is for dense layers alone in an autoencoder; use spatial_dropout",
                )
        elif self.kernel_size != 3:
            yield ("kernel_size",), "is of convolutions, and there are none; add filters"
        elif self.regularization.spatial_dropout:
            yield ("regularization", "spatial_dropout"), "dense layers have no feature maps to drop; use dropout"
        if self.regularization.dropout and not self.hidden_units:
            yield ("regularization", "dropout"), "follows hidden dense layers, and there are none; add hidden_units"

    def _series_issues(self, signature: Signature) -> Iterator[Issue]:
        steps = signature.shape[0] or 1
        if self.kernel_size > steps:
            yield ("kernel_size",), f"a kernel of {self.kernel_size} is larger than the {steps} steps of a series"
        if self.regularization.normalization == "group" and signature.series is None:
            yield (
                ("regularization", "normalization"),
                "group normalization would mix padding into a series; use batch or layer",
            )

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        inputs, taken = self._inputs(signature)
        maps = encode_maps(taken.of(self._noisy(taken.x)).ended("ended"), self)
        x = maps.x
        if len(x.shape) > 2:
            x = keras.layers.Flatten(name="flatten")(x)
        flat = x.shape[-1]
        x = hidden_layers(x, self, self.hidden_units, self.activation, self.regularization, prefix="encoder_")
        code = self._code(x, cast("InputHead", head))
        x = hidden_layers(code, self, self.hidden_units[::-1], self.activation, self.regularization, prefix="decoder_")
        if not self.filters:
            return keras.Model(inputs, self.dense_output(x, head), name="autoencoder")
        x = self._dense(flat, "decoder_maps")(x)
        outputs = decode_maps(x, maps, self, signature.shape[-1] or 1)
        return keras.Model(inputs, head.finish(outputs), name="autoencoder")

    def _inputs(self, signature: Signature) -> tuple[keras.KerasTensor, Sequence]:
        """Make the inputs; series of classes may end before the last step, windows of a long one do not."""
        if signature.kind == "image":
            inputs, x = image_input(signature, self.regularization)
        elif signature.kind == "features":
            inputs, x = feature_input(signature, self.regularization)
        else:
            inputs, x = standardized_input(signature)
            if signature.series is None:
                from deepcli.nn import sequences, series_layers

                lengths = series_layers.SeriesLengths(name="lengths")(inputs)
                return inputs, Sequence(x, lengths, sequences.Mask(name="mask")(x, lengths))
        return inputs, Sequence(x)

    def _noisy(self, x: keras.KerasTensor) -> keras.KerasTensor:
        import keras

        from deepcli.nn.coding import MaskingNoise

        if self.noise.gaussian:
            x = keras.layers.GaussianNoise(self.noise.gaussian, name="gaussian_noise")(x)
        return MaskingNoise(self.noise.masking, name="masking_noise")(x) if self.noise.masking else x

    def _code(self, x: keras.KerasTensor, head: InputHead) -> keras.KerasTensor:
        from deepcli.nn.coding import CODE, CodeSampling
        from deepcli.nn.regularizers import ActivityL1

        if self.variational:
            mean, log_variance = (
                self._dense(self.latent, "code_mean")(x),
                self._dense(self.latent, "code_log_variance")(x),
            )
            # The reconstruction loss is a mean over values, so the divergence is divided by their number, too.
            return CodeSampling((self.beta or 1.0) / head.layout.width, name=CODE)(mean, log_variance)
        code = self._dense(self.latent, CODE)
        if self.sparsity:
            code.activity_regularizer = ActivityL1(self.sparsity)
        return code(x)

    def _dense(self, units: int, name: str) -> keras.layers.Layer:
        import keras

        weights = self.regularization.on_weights()
        return keras.layers.Dense(
            units,
            kernel_initializer=self.kernel_initializer.build(),
            bias_initializer=self.bias_initializer.build(),
            kernel_regularizer=weights["kernel_regularizer"],
            bias_regularizer=weights["bias_regularizer"],
            name=name,
        )
