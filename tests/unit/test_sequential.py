"""Stacks of layers: each layer knows its shape as Keras does, and what does not fit is named before anything is built."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest

from deepcli.data.signature import Signature
from deepcli.errors import SpecError
from deepcli.experiment.load import load
from deepcli.models import LAYERS, MODELS, Head
from deepcli.nn.sequences import PadLeft

OURS = {"type", "l1", "l2"}
TOKENS = Signature("tokens", (9,), classes=2, examples=8, vocabulary=10)
INPUTS = {"steps": (9, 4), "height": (9, 8, 4), "depth": (6, 7, 8, 4)}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "dense": [{"units": 3, "activation": "prelu"}],
    "reshape": [{"target_shape": [2, -1]}, {"target_shape": [-1]}, {"target_shape": [6, 6, 8]}],
    "group_normalization": [{"groups": 2}],
    "bidirectional": [
        {"layer": {"type": "gru", "return_sequences": True}},
        {"layer": "simple_rnn", "merge_mode": "mul"},
    ],
}
RECURRENT: list[dict[str, Any]] = [
    {"return_sequences": True, "recurrent_dropout": 0.1, "activation": {"type": "relu", "max_value": 1.0}}
]
POOLING: list[dict[str, Any]] = [
    {"padding": "same"},
    {"pool_size": 3, "strides": 2},
    {"pool_size": 3, "strides": 2, "padding": "same"},
]
KERNEL: list[dict[str, Any]] = [
    {"padding": "same", "strides": 2},
    {"kernel_size": 2, "strides": 3},
    {"l1": 0.1, "l2": 0.1},
]
DILATED: list[dict[str, Any]] = [{"dilation_rate": 2}, {"dilation_rate": 3, "padding": "same"}]
SIDES: dict[str, list[dict[str, Any]]] = {
    "conv2d": [{"kernel_size": [2, 3], "strides": [1, 2]}],
    "separable_conv2d": [{"depth_multiplier": 2}, {"kernel_size": [2, 3]}],
    "depthwise_conv2d": [{"depth_multiplier": 2, "activation": "relu"}],
    "conv3d": [{"kernel_size": [1, 2, 3], "strides": [1, 2, 1]}],
}


def variants(name):
    fields = LAYERS[name].model_fields
    own = [*VARIANTS.get(name, []), *SIDES.get(name, [])]
    own += RECURRENT * ("recurrent_dropout" in fields) + POOLING * ("pool_size" in fields)
    return [*own, *KERNEL * ("kernel_size" in fields), *DILATED * ("dilation_rate" in fields)]


def plain(name):
    return [LAYERS[name].example().model_dump()] if name not in VARIANTS else []


CASES = [({"type": name, **fields}) for name in LAYERS for fields in [*plain(name), *variants(name)]]


def inputs_for(layer):
    if layer.type == "embedding":
        return [(9,)]
    return [INPUTS[layer.AXES[0]]] if layer.AXES else [*INPUTS.values(), (24,)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["type"])
def test_a_layer_knows_the_shape_that_keras_gives(case):
    layer = LAYERS.select(case)
    assert list(layer.check()) == []
    for number, shape in enumerate(inputs_for(layer)):
        if case["type"] == "reshape" and case["target_shape"] == [6, 6, 8] and np.prod(shape) != 288:
            continue
        inputs = keras.Input(shape, dtype="int32" if layer.type == "embedding" else "float32")
        output = layer.apply(inputs, f"layer_{number}", TOKENS)
        assert layer.shape(shape) == output.shape[1:]
        x = np.ones((2, *shape), inputs.dtype)
        assert keras.Model(inputs, output)(x).shape == (2, *layer.shape(shape))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_keras_name_fields_and_defaults(name):
    cls = LAYERS[name]
    # Keras writes SimpleRNN where snake case would be simple_r_n_n.
    assert cls.KERAS.lower() == name.replace("_", "")
    theirs = inspect.signature(getattr(keras.layers, cls.KERAS).__init__).parameters
    for field, info in cls.model_fields.items():
        if field in OURS:
            continue
        assert field in theirs, field
        default = info.default[0] if isinstance(info.default, tuple) else info.default
        expected = theirs[field].default
        if isinstance(default, int | float | None) and expected is not inspect.Parameter.empty:
            assert default == (expected[0] if isinstance(expected, tuple) else expected), field


def test_every_layer_is_compared_with_keras():
    assert {case["type"] for case in CASES} == set(LAYERS)


def problems(spec, data, layers, name="spec.yaml"):
    path = spec(
        f"data: {data}\nmodel:\n  type: sequential\n  layers:\n" + "".join(f"    - {x}\n" for x in layers), name
    )
    with pytest.raises(SpecError) as error:
        load([path])
    return [str(problem).replace(str(path), "f") for problem in error.value.problems]


ROWS = "{type: reshape, target_shape: [8, 8]}"
IMDB = "{type: imdb, maxlen: 20}"


@pytest.mark.parametrize(
    ("data", "layers", "expected"),
    [
        (
            "digits",
            ["flatten", "conv2d"],
            "f:6:7: model.layers.1: conv2d needs (height, width, channels) but gets (64,) from flatten",
        ),
        (
            "digits",
            ["{type: conv2d, kernel_size: 9}", "flatten"],
            "f:5:35: model.layers.0.kernel_size: conv2d needs at least 9x9 for its kernel_size but gets (8, 8, 1)",
        ),
        (
            "digits",
            ["{type: conv2d, kernel_size: [2, 3], dilation_rate: 4}", "flatten"],
            "conv2d needs at least 5x9 for its kernel_size",
        ),
        (
            "digits",
            ["{type: max_pooling2d, pool_size: 4}", "{type: average_pooling2d, pool_size: 3}", "flatten"],
            "f:6:44: model.layers.1.pool_size: average_pooling2d needs at least 3x3 for its pool_size but gets (2, 2, 1)",
        ),
        (
            "digits",
            ["{type: conv2d, padding: same, kernel_size: [3, 9]}", "flatten"],
            "f:5:50: model.layers.0.kernel_size: 9 is larger than the 8x8 input of conv2d",
        ),
        (
            "digits",
            ["{type: conv2d, padding: same, dilation_rate: 4}", "flatten"],
            "model.layers.0.dilation_rate: 9 is larger than the 8x8 input of conv2d",
        ),
        (
            "digits",
            ["{type: max_pooling2d, padding: same, pool_size: 9, strides: 1}", "flatten"],
            "model.layers.0.pool_size: 9 is larger than the 8x8 input of max_pooling2d",
        ),
        ("digits", ["{type: conv2d, strides: 9}", "flatten"], "model.layers.0.strides: 9 is larger than the 8x8 input of conv2d"),
        (
            "digits",
            ["{type: reshape, target_shape: [7, 7]}", "flatten"],
            "f:5:37: model.layers.0.target_shape: reshape needs 49 values for [7, 7] but gets (8, 8, 1)",
        ),
        ("digits", ["{type: reshape, target_shape: [7, -1]}", "flatten"], "needs a multiple of 7 values for [7, -1]"),
        ("digits", ["{type: reshape, target_shape: [-1, -1]}", "flatten"], "sizes should be positive, with at most one"),
        (
            "digits",
            [ROWS, "lstm", "gru"],
            "f:7:7: model.layers.2: gru needs (steps, channels) but gets (64,) from lstm; "
            "set return_sequences: true in layers.1",
        ),
        ("digits", [ROWS, "bidirectional", "gru"], "from bidirectional; set return_sequences: true in layers.1.layer"),
        (
            "digits",
            ["conv2d"],
            "f:5:7: model.layers.0: the output layer needs a vector but gets (6, 6, 32) from conv2d; "
            "add flatten or a global pooling",
        ),
        ("digits", ["embedding", "flatten"], "f:5:7: model.layers.0: embedding is for tokens; these data are images"),
        ("digits", ["flatten", "{type: group_normalization, groups: 5}"], "needs a multiple of 5 channels"),
        ("digits", ["{type: conv2d, kernel_size: [3, 3, 3]}"], "kernel_size: should be one integer or a list of 2, not of 3"),
        ("digits", ["{type: conv2d, kernel_initializer: identity}"], "identity makes matrices only, not conv2d kernels"),
        ("digits", ["{type: separable_conv2d, pointwise_initializer: identity}"], "model.layers.0.pointwise_initializer"),
        ("digits", ["{type: conv2d, strides: 2, dilation_rate: 2}"], "strides and dilation_rate cannot both be above 1"),
        ("digits", ["{type: depthwise_conv2d, strides: [1, 2]}"], "model.layers.0.strides: should be equal"),
        ("digits", ["{type: gru, activation: prelu}"], "prelu has trainable weights, which a recurrent cell cannot hold"),
        (
            "digits",
            [ROWS, "{type: bidirectional, layer: {type: lstm, recurrent_activation: prelu}}"],
            "f:6:71: model.layers.1.layer.recurrent_activation: prelu has trainable weights",
        ),
        ("digits", ["{type: bidirectional, layer: dense}"], "model.layers.0.layer: should be a recurrent layer, not dense"),
        (IMDB, ["lstm"], "f:5:7: model.layers.0: a stack on tokens must begin with embedding, not lstm"),
        (IMDB, ["embedding", "embedding", "flatten"], "f:6:7: model.layers.1: embedding reads token ids, so it must be the first layer"),
        ("{type: imdb, maxlen: null}", ["embedding", "lstm"], "a stack needs sequences of a fixed length; set data.maxlen"),
        (IMDB, ["embedding", "{type: conv1d, kernel_size: 21}"], "conv1d needs at least 21 for its kernel_size"),
        (
            "digits",
            ["flatten", "{type: dense, unit: 8}"],
            "f:6:21: model.layers.1.unit: unknown field; did you mean 'units'?",
        ),
        (
            "digits",
            [ROWS, "{type: bidirectional, layer: {type: lstm, unit: 8}}"],
            "f:6:49: model.layers.1.layer.unit: unknown field; did you mean 'units'?",
        ),
        ("digits", ["{type: bidirectional, layer: lstn}"], "model.layers.0.layer: unknown type 'lstn'; did you mean 'lstm'?"),
        ("digits", ["flaten"], "f:5:7: model.layers.0: unknown type 'flaten'; did you mean 'flatten'?"),
        ("digits", ["{type: dense, units: 0}"], "f:5:28: model.layers.0.units: should be greater than 0, not 0"),
        ("digits", ["reshape"], "f:5:7: model.layers.0.target_shape: is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place_and_remedy(spec, data, layers, expected):
    assert expected in "\n".join(problems(spec, data, layers))


def test_several_layers_are_reported_at_once(spec):
    found = problems(spec, "digits", ["{type: conv2d, filter: 3}", "max_poling2d", "{type: dense, l2: -1}"])
    assert [line.partition(": ")[0] for line in found] == ["f:5:22", "f:6:7", "f:7:25"]


@pytest.mark.parametrize(("text", "message"), [("[]", "at least 1"), ("flatten", "should be a list, not 'flatten'")])
def test_a_stack_is_a_list_with_something_in_it(spec, text, message):
    with pytest.raises(SpecError, match=f"model.layers: .*{message}"):
        load([spec(f"data: digits\nmodel: {{type: sequential, layers: {text}}}\n")])


def test_a_stack_replaces_one_from_an_earlier_file(spec):
    first = spec("data: digits\nmodel: {type: sequential, layers: [flatten, dense, dropout]}\n", "a.yaml")
    model: Any = load([first], ["model.layers=[flatten, {type: dense, units: 8}]"]).experiment.model
    assert [layer.type for layer in model.layers] == ["flatten", "dense"]
    assert load([first], ["model=mlp"]).notices == ("model: sequential -> mlp drops model.layers",)


@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_padding_moves_to_the_front_as_in_keras(width):
    sequences = [ids[:width] for ids in ([1, 2], [3], [4, 5, 6], [7, 8, 9, 10, 11, 12])]
    right = keras.utils.pad_sequences(sequences, maxlen=width, padding="post")
    expected = keras.utils.pad_sequences(sequences, maxlen=4)
    assert np.array_equal(PadLeft(4)(right), expected)


def test_both_directions_draw_their_own_weights_from_the_seed():
    layer = LAYERS.select({"type": "bidirectional", "layer": {"type": "gru", "units": 4}})

    def weights(seed):
        keras.utils.set_random_seed(seed)
        built = layer.build("both", TOKENS)
        built.build((None, 9, 4))
        return [weight.numpy() for weight in built.weights]

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    forward, backward = first[: len(first) // 2], first[len(first) // 2 :]
    for drawn in (zip(forward, backward, strict=True), zip(first, other, strict=True)):
        assert not any(np.array_equal(a, b) for a, b in drawn if a.any())


def test_two_layers_of_one_stack_draw_their_own_weights():
    stack = [{"type": "reshape", "target_shape": [8, 8]}, *[{"type": "dense", "units": 8}] * 2, "flatten"]
    model = MODELS.select({"type": "sequential", "layers": stack})
    signature = Signature("image", (8, 8, 1), classes=2, examples=8)
    built = model.build(signature, head=Head(2, "softmax"))
    assert not np.array_equal(built.get_layer("dense_1").kernel, built.get_layer("dense_2").kernel)


def test_bfloat16_and_xla_are_for_stacks_that_gain_by_them():
    def stack(*layers):
        return MODELS.select({"type": "sequential", "layers": list(layers)})

    assert stack("conv2d", "flatten").bfloat16_on_cpu
    assert not stack("flatten", "dense").bfloat16_on_cpu
    assert not stack("conv2d", {"type": "reshape", "target_shape": [6, -1]}, "lstm").bfloat16_on_cpu
    assert stack("flatten").compiles_with_xla
    assert not stack(ROWS_OF_DIGITS, "bidirectional").compiles_with_xla


ROWS_OF_DIGITS = {"type": "reshape", "target_shape": [8, 8]}


def test_windows_may_be_larger_than_maps_that_pooling_made_small(spec):
    """As in networks whose last maps have one pixel, and kernels of 3 as everywhere; and along axes that were reshaped."""
    small = ["{type: max_pooling2d, pool_size: 8}", "{type: conv2d, padding: same}", "flatten"]
    long = ["{type: reshape, target_shape: [64, 1]}", "{type: conv1d, padding: same, kernel_size: 33}", "flatten"]
    for layers in (small, long):
        listed = "".join(f"    - {layer}\n" for layer in layers)
        load([spec(f"data: digits\nmodel:\n  type: sequential\n  layers:\n{listed}")])
