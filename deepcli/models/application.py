"""Networks of `keras.applications`, from ImageNet's weights or a file's, frozen and fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from deepcli.data.signature import Signature
from deepcli.errors import Problem, SpecError
from deepcli.models.architectures import ARCHITECTURES, ArchitectureName
from deepcli.models.base import MODELS, Model, Stage, Start
from deepcli.models.heads import Head
from deepcli.models.initializers import GlorotUniform, InitializerField, Zeros
from deepcli.models.inputs import image_input
from deepcli.models.regularization import Penalties
from deepcli.spec.fields import NonNegative, Positive, PositiveFloat, Rate
from deepcli.spec.registry import Issue, Spec

if TYPE_CHECKING:
    import keras

IMAGENET = "imagenet"
NETWORK = "network"
"""Name of the layer that is the whole network without its output layer."""


class ApplicationRegularization(Spec):
    """Regularization around a network of `keras.applications`."""

    dropout: Rate = Field(0.0, description="Fraction of the pooled features dropped during training.")
    gaussian_noise: NonNegative = Field(
        0.0, description="Standard deviation of noise on images scaled to [0, 1] during training."
    )


class FineTuning(Spec):
    """A second stage of training, with more of the network and a lower learning rate.

    The optimizer and the schedule start anew, so that each stage has its own warm-up and decay.
    """

    after_epochs: Positive = Field(description="Epochs of the first stage.")
    learning_rate: PositiveFloat = Field(1e-5, description="Learning rate of the second stage.")
    freeze: Literal["none"] | Positive = Field(
        "none", description="What stays frozen in the second stage: none, or all but the last N layers with a kernel."
    )


@MODELS.register
class Application(Model):
    """A network of `keras.applications` without its top, then pooling and an output layer.

    Grey images become three equal channels, and pixels are scaled as the network expects them. With `weights`, or with
    anything frozen, batch normalization uses its stored statistics and stochastic depth is off, as in Keras's guide to
    transfer learning; otherwise the network trains like any other.
    """

    type: Literal["application"] = "application"
    architecture: ArchitectureName = Field(
        "mobilenet_v3_small", description="The network, named as in `keras.applications` but in lower case."
    )
    weights: str | None = Field(
        None,
        description="`imagenet` (Keras downloads the file into its cache), or a file that `save_weights` of the network "
        "without its top wrote (`.weights.h5`, or `.h5` of earlier versions); null starts at random. Only a new run reads "
        "it: checkpoints hold the weights. Runs store the absolute path.",
    )
    freeze: Literal["auto", "all", "none"] | Positive = Field(
        "auto",
        description="What does not train: all of the network, none of it, or all but the last N layers with a kernel; auto "
        "means all with weights and none without.",
    )
    fine_tuning: FineTuning | None = Field(None, description="A second stage that trains more of the network.")
    pooling: Literal["average", "max"] = Field("average", description="Global pooling of the last feature maps.")
    regularization: ApplicationRegularization = Field(
        ApplicationRegularization(), description="Dropout precedes the output layer."
    )
    kernel_initializer: InitializerField = Field(
        GlorotUniform(), description="Initializer for the output layer's kernel."
    )
    bias_initializer: InitializerField = Field(Zeros(), description="Initializer for the output layer's biases.")

    kinds: ClassVar[tuple[str, ...]] = ("image",)
    largest_inputs: ClassVar[float] = 256.0  # some networks take pixels of 0 to 255
    path_fields: ClassVar[tuple[str, ...]] = ("weights",)
    path_words: ClassVar[tuple[str, ...]] = (IMAGENET,)

    @property
    def frozen(self) -> Literal["all", "none"] | int:
        """What does not train in the first stage."""
        if self.freeze != "auto":
            return self.freeze
        return "none" if self.weights is None else "all"

    @property
    def stages(self) -> tuple[Stage, ...]:
        if self.fine_tuning is None:
            return (Stage(),)
        return Stage(), Stage(self.fine_tuning.after_epochs, self.fine_tuning.learning_rate)

    def check(self, signature: Signature) -> Iterator[Issue]:
        yield from super().check(signature)
        height, width, channels = (size or 0 for size in signature.shape)
        smallest = ARCHITECTURES[self.architecture].smallest
        if min(height, width) < smallest:
            yield (
                ("architecture",),
                f"{self.architecture} needs images of at least {smallest}x{smallest}; these are {height}x{width}",
            )
        if channels not in (1, 3):
            yield ("architecture",), f"takes images with 1 or 3 channels; these have {channels}"
        if (tuning := self.fine_tuning) is None:
            return
        if self.frozen == "none":
            yield ("fine_tuning",), "nothing is frozen before it; set freeze: all, or remove fine_tuning"
        elif isinstance(self.frozen, int) and isinstance(tuning.freeze, int) and tuning.freeze <= self.frozen:
            yield (
                ("fine_tuning", "freeze"),
                f"the last {tuning.freeze} layers train from the start (freeze: {self.frozen}); use a greater number or none",
            )

    def check_training(self, epochs: int, initial: bool) -> Iterator[Issue]:
        if self.fine_tuning is not None and self.fine_tuning.after_epochs >= epochs:
            yield (
                ("epochs",),
                f"fine-tuning would begin after epoch {self.fine_tuning.after_epochs} (model.fine_tuning.after_epochs), but "
                f"there are {epochs}",
            )
        if self.weights is None and not initial and self.frozen != "none":
            yield (
                ("initial_weights",),
                "the frozen layers (model.freeze) would stay random; set model.weights or training.initial_weights",
            )

    def build(self, signature: Signature, head: Head) -> keras.Model:
        import keras

        from deepcli.nn.as_trained import AsTrained
        from deepcli.nn.image_preprocessing import ApplicationPixels

        inputs, x = image_input(signature, Penalties(gaussian_noise=self.regularization.gaussian_noise))
        if signature.shape[-1] == 1:
            x = keras.layers.Concatenate(name="three_channels")([x, x, x])
        x = keras.layers.Rescaling(255.0, dtype="float32", name="pixels")(x)
        if mode := ARCHITECTURES[self.architecture].pixels:
            x = ApplicationPixels(mode, name="preprocessing")(x)
        network = self._network((*signature.shape[:2], 3))
        kind = AsTrained if self.weights is not None or self.frozen != "none" else keras.Model
        x = kind(network.inputs, network.outputs[0], name=NETWORK)(x)
        pooling = {"average": keras.layers.GlobalAveragePooling2D, "max": keras.layers.GlobalMaxPooling2D}
        x = pooling[self.pooling](name="reduce")(x)
        if self.regularization.dropout:
            x = keras.layers.Dropout(self.regularization.dropout, name="dropout")(x)
        model = keras.Model(inputs, self.dense_output(x, head), name=self.type)
        self.enter(model, 0)
        return model

    def begin(self, model: keras.Model, start: Start) -> None:
        super().begin(model, start)
        if self.weights is None:
            return
        from deepcli.models import pretrained

        network = model.get_layer(NETWORK)
        if self.weights == IMAGENET:
            pretrained.load_imagenet(network, ARCHITECTURES[self.architecture].function, start.sources)
        else:
            pretrained.load_file(network, self.architecture, self.weights)
        start.note(f"pretrained weights: {self.architecture} from {self.weights}; frozen: {self.frozen}")

    def enter(self, model: keras.Model, stage: int) -> None:
        freeze = self.fine_tuning.freeze if stage and self.fine_tuning is not None else self.frozen
        network = model.get_layer(NETWORK)
        network.trainable = freeze != "all"
        if not isinstance(freeze, int):
            return
        kernels = [place for place, layer in enumerate(network.layers) if _has_kernel(layer)]
        if freeze > len(kernels):
            why = (
                f"{self.architecture} has {len(kernels)} layers with a kernel, not {freeze}; use none to train them all"
            )
            raise SpecError([Problem("", f"model.{'fine_tuning.' * bool(stage)}freeze", why)])
        for layer in network.layers[: kernels[-freeze]]:
            layer.trainable = False

    def _network(self, shape: tuple[int | None, ...]) -> keras.Model:
        """Build the network with random weights and without its top, under Keras's name: some look up by it what they are."""
        import keras

        function = getattr(keras.applications, ARCHITECTURES[self.architecture].function)
        network: keras.Model = function(include_top=False, weights=None, input_shape=shape)
        return network


def _has_kernel(layer: keras.layers.Layer) -> bool:
    """Return whether a layer has a kernel; normalization layers and scales have only vectors."""
    return any(len(weight.shape) > 1 for weight in layer.weights)
