"""A checkpoint's model in a form that other programs can run: float32, inference only, standard operations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from deepcli.errors import UsageError
from deepcli.evaluation.calibration import TemperatureFit
from deepcli.formats import OUTPUT
from deepcli.nn.compacting import Compact
from deepcli.nn.output_layers import Temperature
from deepcli.nn.placement import portable
from deepcli.run.checkpoint.file import CheckpointFile
from deepcli.training.build import build_model, forget_models
from deepcli.training.memory_check import to_load
from deepcli.training.saving import load_weights


@dataclass(frozen=True)
class Portable:
    """A model to export.

    Attributes:
        model: Not compiled, in float32.
        length: Number of token ids per example in formats that fix it, of pairs those of both sides; None for images, and
            if it is unknown.
        calibration: The temperature that is in the model; None if its probabilities are those of the run.
    """

    model: keras.Model
    length: int | None
    calibration: TemperatureFit | None = None

    @property
    def input_name(self) -> str:
        """Name of the input: `image` or `tokens`."""
        return str(self.model.inputs[0].name)

    def signature(self, fixed: bool = False) -> tf.TensorSpec:
        """Describe the input: any number of examples of any length, or one of a fixed length.

        Raises:
            UsageError: The length must be fixed, but is unknown.
        """
        inputs = self.model.inputs[0]
        shape = tuple(inputs.shape[1:])
        if not fixed:
            return tf.TensorSpec((None, *shape), inputs.dtype, name=self.input_name)
        if shape == (None,) and self.length is None:
            raise UsageError(
                "--length: required, because this format fixes the length of texts and the spec has none (data.maxlen: null)"
            )
        return tf.TensorSpec((1, *(size or self.length for size in shape)), inputs.dtype, name=self.input_name)

    def named(self, x: Any) -> dict[str, Any]:
        """Compute the outputs, as a mapping with their name."""
        with portable():
            return {OUTPUT: self.model(x, training=False)}


def load_portable(checkpoint: CheckpointFile, length: int | None) -> Portable:
    """Build a checkpoint's model in float32; `length` overrides the length in the spec.

    Raises:
        CheckpointError: The checkpoint is damaged.
    """
    experiment = checkpoint.experiment
    forget_models()
    model = build_model(experiment, "float32", lambda: to_load(checkpoint))
    load_weights(model, checkpoint)
    for layer in model._flatten_layers():
        if hasattr(layer, "use_cudnn"):
            layer.use_cudnn = False
        if hasattr(getattr(layer, "cell", None), "recurrent_dropout"):
            layer.cell.dropout = layer.cell.recurrent_dropout = 0.0  # Keras's cells draw masks even during inference
    signature = experiment.signature
    if signature.kind == "pairs":
        return Portable(model, sum(size or 1 for size in signature.shape))
    if signature.kind != "tokens":
        return Portable(model, None)
    longest = signature.shape[0]
    return Portable(any_padding(model, longest), length or longest)


def with_temperature(portable: Portable, fit: TemperatureFit) -> Portable:
    """Add the division of the logits behind a model's probabilities, so that every format has it."""
    model = portable.model
    outputs = Temperature(fit.temperature, name="temperature")(model.outputs[0])
    return replace(portable, model=keras.Model(model.inputs, outputs, name=model.name), calibration=fit)


def any_padding(model: keras.Model, longest: int | None) -> keras.Model:
    """Let a text model take rows of ids that are padded on either side or too long, as `predict` does."""
    inputs = keras.Input((None,), dtype="int32", name="tokens")
    ids = Compact(longest, name="compact")(inputs)
    return keras.Model(inputs, model(ids), name=model.name)
