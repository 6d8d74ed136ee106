"""Autoencoders: their layers, their codes, their noise and penalties, and what does not fit."""

import keras
import numpy as np
import pytest

from deepcli.data.input_layout import InputLayout
from deepcli.errors import SpecError, UsageError
from deepcli.experiment.load import load, parse
from deepcli.experiment.schema import Experiment
from deepcli.nn.coding import CodeSampling, MaskingNoise, decoder_of, encoder_of, set_usual_errors, threshold_of
from deepcli.tasks.error_answers import ErrorInterpreter
from deepcli.training.build import build_model

PIXELS = np.random.RandomState(0).randint(0, 256, (16, 8, 8, 1)).astype(np.uint8)


def autoencoder(data="digits", **fields):
    model = {"type": "autoencoder", "latent": 3, "hidden_units": [8], **fields}
    return Experiment.model_validate({"task": "reconstruction", "data": {"type": data}, "model": model})


def built(**fields):
    return build_model(autoencoder(**fields), "float32")


def test_the_decoder_mirrors_the_encoder():
    model = built(hidden_units=[32, 16])
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert widths == [32, 16, 3, 16, 32, 64]
    assert model.output_shape == (None, 8, 8, 1)
    weights = built(hidden_units=[]).trainable_variables
    assert sum(int(np.prod(weight.shape)) for weight in weights) == 64 * 3 + 3 + 3 * 64 + 64


@pytest.mark.parametrize(("size", "kernel_size"), [((7, 5), 1), ((8, 8), 2), ((1, 9), 3), ((28, 28), 5)])
def test_convolutions_give_back_any_size(size, kernel_size):
    from deepcli.data.schema import Target
    from deepcli.data.signature import Signature
    from deepcli.models import MODELS
    from deepcli.optim import LOSSES
    from deepcli.tasks import TASKS

    signature = Signature("image", (*size, 3), 0, 10, target=Target(kind="inputs"))
    family = MODELS.select({"type": "autoencoder", "filters": [4, 5, 6], "latent": 2, "kernel_size": kernel_size})
    assert not list(family.issues(signature))
    head = TASKS.select("reconstruction").head(LOSSES.select("binary_crossentropy"), signature)
    model = family.build(signature, head)
    assert model.output_shape == (None, *size, 3)
    filters = [layer.filters for layer in model.layers if "conv" in layer.name and hasattr(layer, "filters")]
    assert filters == [4, 5, 6, 5, 4]


def test_encoder_and_decoder_are_the_model_in_two_parts():
    model = built()
    codes = encoder_of(model).predict(PIXELS, verbose=0)
    assert codes.shape == (16, 3)
    outputs = decoder_of(model).predict(codes, verbose=0)
    np.testing.assert_allclose(outputs, model.predict(PIXELS, verbose=0), atol=1e-6)


def test_sparsity_is_the_sum_of_the_codes_absolute_numbers_over_the_examples():
    model = built(sparsity=0.01)
    model(PIXELS, training=True)
    found = float(sum(model.losses))
    codes = encoder_of(model).predict(PIXELS, verbose=0)
    assert found == pytest.approx(0.01 * np.abs(codes).sum() / 16, rel=1e-5)
    assert not built().losses


def test_the_divergence_of_a_variational_autoencoder_is_that_of_two_normal_distributions():
    model = built(variational=True, beta=2.0)
    model(PIXELS, training=True)
    found = float(sum(model.losses))
    mean, log_variance = (
        keras.Model(model.inputs, model.get_layer(name).output).predict(PIXELS, verbose=0).astype(np.float64)
        for name in ("code_mean", "code_log_variance")
    )
    # Kullback & Leibler of N(m, s) from N(0, 1): -log s + (s² + m²) / 2 - 1/2, for each number of the code.
    scale = np.exp(log_variance / 2)
    expected = (-np.log(scale) + (scale**2 + mean**2) / 2 - 0.5).sum(axis=1).mean()
    assert found == pytest.approx(2.0 / 64 * expected, rel=1e-4)


def test_a_variational_code_is_drawn_in_training_with_the_mean_and_the_scale_that_are_said():
    layer = CodeSampling(1.0, seed=0)
    mean, log_variance = np.full((20_000, 1), 3.0, np.float32), np.full((20_000, 1), np.log(4.0), np.float32)
    drawn = keras.ops.convert_to_numpy(layer(mean, log_variance, training=True))
    assert drawn.mean() == pytest.approx(3.0, abs=0.06)
    assert drawn.std() == pytest.approx(2.0, abs=0.05)
    assert np.array_equal(layer(mean, log_variance, training=False), mean)


def test_masking_noise_sets_a_share_to_0_and_leaves_the_rest():
    layer, ones = MaskingNoise(0.3, seed=0), np.ones((100, 100), np.float32)
    noisy = keras.ops.convert_to_numpy(layer(ones, training=True))
    assert set(np.unique(noisy)) == {0.0, 1.0}
    assert noisy.mean() == pytest.approx(0.7, abs=0.02)
    assert np.array_equal(layer(ones, training=False), ones)
    assert not np.array_equal(noisy, layer(ones, training=True))


def test_noise_is_on_inputs_and_not_on_what_they_are_compared_with():
    noisy = built(noise={"masking": 0.9})
    names = [layer.name for layer in built(noise={"gaussian": 0.5, "masking": 0.9}).layers]
    assert names[1:4] == ["rescaling", "gaussian_noise", "masking_noise"]
    assert np.array_equal(noisy.predict(PIXELS, verbose=0), noisy.predict(PIXELS, verbose=0))
    assert not np.array_equal(noisy(PIXELS, training=True), noisy(PIXELS, training=True))


def test_a_model_keeps_the_quantiles_of_errors_on_validation():
    model = built()
    assert threshold_of(model, 0.99) is None
    errors = np.random.RandomState(0).exponential(1, 5_000)
    set_usual_errors(model, errors)
    for quantile in (0.5, 0.9, 0.99, 1.0):
        assert threshold_of(model, quantile) == pytest.approx(np.quantile(errors, quantile), rel=1e-5)
    assert np.quantile(errors, 0.999) < threshold_of(model, 0.9995) < errors.max()
    set_usual_errors(model, np.array([np.nan]))
    assert threshold_of(model, 1.0) == pytest.approx(errors.max(), rel=1e-5)


REFUSED = {
    "data: digits\nmodel: mlp": r"model.*: `mlp` cannot give back its inputs \(task: reconstruction\); use autoencoder",
    "data: imdb\nmodel: autoencoder": "data: reconstruction gives back images, tables and series; these data are texts",
    "data: {type: digits, augmentation: {rotation: 0.1}}\nmodel: autoencoder": (
        "data.augmentation: would change inputs and not what they are compared with; use model.noise"
    ),
    "data: digits\nmodel: autoencoder\ntraining: {class_weight: balanced}": (
        "training.class_weight: weighs classes, which reconstruction does not have"
    ),
    "data: digits\nmodel: autoencoder\nloss: sparse_categorical_crossentropy": "is not a loss for reconstruction",
    "data: digits\nmodel: autoencoder\nloss: {type: auto, label_smoothing: 0.1}": "loss.label_smoothing: is for labels; the targets here are inputs",
    "data: digits\nmodel: autoencoder\nloss: {type: binary_crossentropy, label_smoothing: 0.1}": "the targets here are inputs",
    "data: digits\nmodel: autoencoder\nmetrics: [accuracy]": "accuracy is not a metric for reconstruction",
    "data: digits\nmodel: {type: autoencoder, beta: 2}": "model.beta: is for variational autoencoders",
    "data: digits\nmodel: {type: autoencoder, variational: true, sparsity: 0.1}": "model.sparsity: is not for variational",
    "data: digits\nmodel: {type: autoencoder, kernel_size: 5}": "model.kernel_size: is of convolutions",
    "data: digits\nmodel: {type: autoencoder, latent: 0}": "model.latent: ",
    "data: digits\nmodel: {type: autoencoder, noise: {masking: 1.0}}": "model.noise.masking: ",
    "data: digits\nmodel: {type: autoencoder, regularization: {gaussian_noise: 0.1}}": "is `noise: {gaussian: ...}`",
    "data: digits\nmodel: {type: autoencoder, regularization: {spatial_dropout: 0.1}}": "have no feature maps to drop",
    "data: digits\nmodel: {type: autoencoder, hidden_units: [], regularization: {dropout: 0.1}}": "add hidden_units",
    "data: digits\nmodel: {type: autoencoder, filters: [4], regularization: {dropconnect: 0.1}}": "is for dense layers alone",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense_is_refused_with_its_place(text):
    with pytest.raises(SpecError, match=REFUSED[text]):
        load([parse(f"task: reconstruction\n{text}\n", "a.yaml")])


def test_an_autoencoder_refuses_other_tasks():
    with pytest.raises(SpecError, match=r"model.*: `autoencoder` gives back its inputs and predicts nothing else"):
        load([parse("data: digits\nmodel: autoencoder\n", "a.yaml")])


@pytest.mark.parametrize(("data", "loss"), [("digits", "binary_crossentropy"), ("cifar10", "binary_crossentropy")])
def test_pixels_have_the_cross_entropy_if_nothing_else_is_said(data, loss):
    experiment = autoencoder(data)
    assert experiment.resolved_loss.type == loss
    assert [metric.type for metric in experiment.metrics] == ["mean_squared_error"]


def test_without_a_validation_split_there_is_an_error_and_no_threshold():
    model, errors = built(), np.array([[0.25]], np.float32)
    answers = ErrorInterpreter(InputLayout((8, 8, 1)))
    answers.prepare(model)
    (answer,) = answers.each(errors)
    assert (answer.text, answer.row) == ("error 0.25", [0.25, "", ""])
    assert answer.fields == {"error": 0.25, "threshold": None, "unusual": None}
    with pytest.raises(UsageError, match="--quantile: the model has seen no validation split"):
        answers.at_quantile(0.9).prepare(model)
    set_usual_errors(model, np.array([0.1, 0.2]))
    answers.prepare(model)
    assert [next(answers.each(np.array([[error]]))).fields["unusual"] for error in (0.1, 0.25, np.nan)] == [
        False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["noise: {gaussian: 2}", "regularization: {gaussian_noise: 2}"])
def test_noise_that_keras_does_not_take_is_refused_with_its_place(place):
    field = place.split(":")[0]
    with pytest.raises(SpecError, match=rf"a.yaml:3:\d+: model\.{field}\.\w+: should be at most 1"):
        load([parse(f"task: reconstruction\ndata: digits\nmodel: {{type: autoencoder, {place}}}\n", "a.yaml")])
