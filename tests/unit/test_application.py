"""Networks of `keras.applications`: all of them, their pixels, and weights from files."""

import inspect
import re
from typing import get_args

import keras
import numpy as np
import pytest

from deepcli.data.files import Sources
from deepcli.data.signature import Signature
from deepcli.errors import DataError, SpecError
from deepcli.models import pretrained
from deepcli.models.application import NETWORK, Application
from deepcli.models.architectures import ARCHITECTURES, ArchitectureName
from deepcli.models.heads import Head
from deepcli.nn.image_preprocessing import ApplicationPixels

SMALL = "mobilenet"
IMAGES = Signature("image", (32, 32, 3), 4, 24)
LOOKED_UP = "efficientnet_v2_b0"
"""Its function looks up its blocks by the name that the network is given."""
LEFT_OUT = re.compile(r"EfficientNetB\d")


def function_of(name):
    return getattr(keras.applications, ARCHITECTURES[name].function)


def family_of(**fields):
    return Application.model_validate({"architecture": SMALL, **fields})


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(3)
    return function_of(SMALL)(include_top=False, weights=None, input_shape=(32, 32, 3))


def test_every_network_of_keras_has_a_name():
    known = {name for name in dir(keras.applications) if inspect.isfunction(getattr(keras.applications, name))}
    assert {one.function for one in ARCHITECTURES.values()} == {name for name in known if not LEFT_OUT.match(name)}
    assert set(get_args(ArchitectureName)) == set(ARCHITECTURES)
    assert all(name.replace("_", "") == one.function.lower() for name, one in ARCHITECTURES.items())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_pixels_are_scaled_as_preprocess_input_does(name):
    pixels = np.random.RandomState(0).randint(0, 256, (2, 5, 5, 3)).astype(np.float32)
    expected = inspect.getmodule(function_of(name)).preprocess_input(pixels.copy())
    mode = ARCHITECTURES[name].pixels
    found = pixels if mode is None else np.asarray(ApplicationPixels(mode)(pixels))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_without_preprocess_input_scales_pixels_itself(name):
    itself = ARCHITECTURES[name].pixels is None
    assert itself == ("include_preprocessing" in inspect.signature(function_of(name)).parameters)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_smaller_images_are_refused_as_keras_does(name):
    least = ARCHITECTURES[name].smallest
    with pytest.raises(ValueError, match="at least"):
        function_of(name)(include_top=False, weights=None, input_shape=(least - 1, least - 1, 3))
    family = Application(architecture=name)
    ((place, why),) = family.issues(Signature("image", (least, least - 1, 3), 2, 10))
    assert place == ("architecture",)
    assert f"at least {least}x{least}; these are {least}x{least - 1}" in why
    assert not list(family.issues(Signature("image", (least, least, 1), 2, 10)))


@pytest.mark.parametrize(
    "name", [name if name == LOOKED_UP else pytest.param(name, marks=pytest.mark.long) for name in ARCHITECTURES]
)
def test_every_network_takes_its_smallest_images(name):
    least = ARCHITECTURES[name].smallest
    model = Application(architecture=name).build(Signature("image", (least, least, 3), 2, 10), Head(1, "sigmoid"))
    assert np.isfinite(np.asarray(model(np.zeros((1, least, least, 3), np.uint8), training=False))).all()
    keras.backend.clear_session()


def test_the_model_is_pixels_network_pooling_and_output(network, tmp_path):
    """Computed a second way: preprocess_input, the network and NumPy."""
    network.save_weights(tmp_path / "a.weights.h5")
    model = family_of(weights=str(tmp_path / "a.weights.h5")).build(IMAGES, Head(4, "softmax"))
    pretrained.load_file(model.get_layer(NETWORK), SMALL, str(tmp_path / "a.weights.h5"))
    x = np.random.RandomState(1).randint(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    maps = np.asarray(network(keras.applications.mobilenet.preprocess_input(x.astype(np.float32)), training=False))
    kernel, bias = model.get_layer("output").get_weights()
    expected = keras.ops.softmax(maps.mean((1, 2)) @ kernel + bias)
    np.testing.assert_allclose(np.asarray(model(x)), np.asarray(expected), rtol=0, atol=1e-5)


def test_grey_images_become_three_equal_channels():
    model = family_of().build(Signature("image", (32, 32, 1), 4, 24), Head(4, "softmax"))
    grey = np.random.RandomState(1).randint(0, 256, (2, 32, 32, 1)).astype(np.uint8)
    seen = keras.Model(model.inputs[0], model.get_layer("preprocessing").output)(grey)
    np.testing.assert_allclose(np.asarray(seen), np.repeat(grey / 127.5 - 1, 3, axis=3), atol=1e-5)


@pytest.mark.parametrize("ending", [".weights.h5", "_notop.h5"])
def test_a_file_s_weights_are_loaded(network, tmp_path, ending):
    path = tmp_path / f"net{ending}"
    save(network, path)
    other = family_of().build(IMAGES, Head(4, "softmax")).get_layer(NETWORK)
    assert not np.array_equal(other.get_weights()[0], network.get_weights()[0])
    pretrained.load_file(other, SMALL, str(path))
    for a, b in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def save(model, path):
    """Write weights in either of Keras's forms."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
        return
    import h5py
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


@pytest.mark.parametrize("ending", [".weights.h5", "_notop.h5"])
def test_a_file_of_another_network_is_refused(network, tmp_path, ending):
    path = tmp_path / f"net{ending}"
    save(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), path)
    with pytest.raises(DataError, match=f"net{ending} does not fit mobilenet: .*\n.*include_top=False"):
        pretrained.load_file(network, SMALL, str(path))


def test_files_that_are_no_weights_are_refused(network, tmp_path):
    (tmp_path / "a.h5").write_text("hello")
    (tmp_path / "a.txt").write_bytes(pretrained.HDF5)
    for name in ("a.h5", "a.txt"):
        with pytest.raises(DataError, match="is not a file of weights"):
            pretrained.load_file(network, SMALL, str(tmp_path / name))
    with pytest.raises(DataError, match=r"model.weights: .*gone.h5: No such file"):
        pretrained.load_file(network, SMALL, str(tmp_path / "gone.h5"))
    (tmp_path / "short.weights.h5").write_bytes(pretrained.HDF5 + b"\0" * 50)
    with pytest.raises(DataError, match="does not fit"):
        pretrained.load_file(network, SMALL, str(tmp_path / "short.weights.h5"))


def test_imagenet_offline_says_which_file_goes_where(network, tmp_path, monkeypatch):
    from keras.src.utils import file_utils

    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    original = file_utils.get_file
    with pytest.raises(DataError) as raised:
        pretrained.load_imagenet(network, "MobileNet", Sources(offline=True))
    text = str(raised.value)
    assert re.search(r"mobilenet_\S*no_top\.h5, ImageNet's weights of MobileNet, was not found and --offline", text)
    assert f"put it into {tmp_path / 'models'}, or name it with model.weights=FILE" in text
    assert re.search(r"download https://\S+no_top\.h5", text)
    assert file_utils.get_file is original


def test_imagenet_from_a_data_folder(network, tmp_path, monkeypatch):
    """The published file is not at hand; one of the same name stands for it."""
    save(network, tmp_path / "mobilenet_1_0_224_tf_no_top.h5")
    other = family_of().build(IMAGES, Head(4, "softmax")).get_layer(NETWORK)
    pretrained.load_imagenet(other, "MobileNet", Sources(tmp_path, offline=True))
    np.testing.assert_array_equal(other.get_weights()[0], network.get_weights()[0])


def test_a_download_that_fails_says_what_to_do(network, tmp_path, monkeypatch):
    from keras.src.utils import file_utils

    def refuse(*args, **kwargs):
        raise Exception("URL fetch failure on https://x: None -- no route")

    monkeypatch.setattr(file_utils, "get_file", refuse)
    with pytest.raises(DataError, match=r"cannot be downloaded: URL fetch failure.*\ndownload https"):
        pretrained.load_imagenet(network, "MobileNet", Sources())


def trained_layers(model):
    return {layer.name for layer in model.get_layer(NETWORK).layers if layer.trainable_variables}


def test_what_is_frozen_does_not_train():
    built = {freeze: family_of(freeze=freeze).build(IMAGES, Head(4, "softmax")) for freeze in ("all", "none", 2)}
    assert [weight.path for weight in built["all"].trainable_variables] == ["output/kernel", "output/bias"]
    assert len(trained_layers(built["none"])) == 54  # 27 convolutions, each with its normalization
    assert trained_layers(built[2]) == {"conv_dw_13", "conv_dw_13_bn", "conv_pw_13", "conv_pw_13_bn"}


def test_stored_statistics_do_not_move_in_a_pretrained_network():
    x = np.random.RandomState(0).randint(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    for freeze, moves in (("none", True), (1, False)):
        model = family_of(freeze=freeze).build(IMAGES, Head(4, "softmax"))
        moving = model.get_layer(NETWORK).get_layer("conv_pw_13_bn").moving_mean
        before = np.asarray(moving)
        model(x, training=True)
        assert np.array_equal(before, np.asarray(moving)) is not moves


def test_more_layers_than_there_are_is_an_error():
    with pytest.raises(SpecError, match=r"model.freeze: mobilenet has 27 layers with a kernel, not 99"):
        family_of(freeze=99).build(IMAGES, Head(4, "softmax"))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"fine_tuning": {"after_epochs": 2}}, ("fine_tuning",)),
        ({"freeze": 5, "fine_tuning": {"after_epochs": 2, "freeze": 5}}, ("fine_tuning", "freeze")),
    ],
)
def test_fine_tuning_must_train_more(fields, place):
    assert [where for where, _ in family_of(**fields).issues(IMAGES)] == [place]


def test_imagenet_is_a_word_and_a_file_is_a_path(tmp_path):
    from deepcli.spec.paths import with_absolute_paths

    assert with_absolute_paths(family_of(weights="imagenet"), tmp_path).weights == "imagenet"
    assert with_absolute_paths(family_of(weights="a.h5"), tmp_path).weights == str(tmp_path / "a.h5")
