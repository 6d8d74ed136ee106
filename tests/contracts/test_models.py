"""What every model family owes its users, on every kind of data that it takes; others it refuses."""

import re
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from deepcli.data.arrays.encoded_pairs import PairRows
from deepcli.data.arrays.splits import Provenance, Splits, Tokens, generator
from deepcli.experiment.schema import Experiment
from deepcli.inputs.example import joined_outputs
from deepcli.models import MODELS
from deepcli.models.base import PLURALS, Start
from deepcli.tasks import Reconstruction
from deepcli.training import saving
from deepcli.training.build import build_model, compile_model
from deepcli.training.order import Order
from deepcli.training.state import Position, State, read_variables
from deepcli.training.tensorflow_backend import TensorFlowBackend

from .conftest import SIGNATURES, tiny_split
from .tiny_pairs import PAIRS

DATA: dict[str, dict[str, Any]] = {
    "image": {"type": "digits"},
    "tokens": {"type": "imdb", "maxlen": 12, "num_words": 30},
    "features": {"type": "tiny_table"},
    "text": {"type": "tiny_text"},
    "series": {"type": "tiny_series"},
    "pairs": {"type": "tiny_pairs"},
}
AUGMENTATION = {
    "image": {"rotation": 0.1, "translation": 0.1, "zoom": 0.1, "erasing": 0.5, "flip": "horizontal"},
    "tokens": {"word_dropout": 0.3},
    "features": None,
    "text": None,
    "series": None,
    "pairs": None,
}
SMALL: dict[str, dict[str, Any]] = {
    "autoencoder": {"latent": 3, "hidden_units": [8]},
    "application": {"architecture": "mobilenet"},
    "cnn": {"filters": [4, 4]},
    "ngram": {"buckets": 64},
    "transformer": {"num_layers": 1, "num_heads": 2, "hidden_dim": 8},
}
# What a stack can hold depends on the data, so a variant of `sequential` is an index into these.
STACKS = {
    "image": [
        ["flatten", {"type": "dense", "units": 8, "activation": "prelu"}],
        [
            {"type": "conv2d", "filters": 4, "l2": 1e-3, "activation": "relu"},
            "batch_normalization",
            {"type": "separable_conv2d", "filters": 4, "padding": "same", "strides": 2},
            {"type": "depthwise_conv2d", "dilation_rate": 2, "padding": "same"},
            {"type": "group_normalization", "groups": 2},
            {"type": "spatial_dropout2d", "rate": 0.2},
            {"type": "max_pooling2d", "padding": "same"},
            "flatten",
        ],
        [
            {"type": "reshape", "target_shape": [4, 4, 4, 1]},
            {"type": "conv3d", "filters": 4, "kernel_size": [2, 3, 3], "activation": {"type": "leaky_relu"}},
            {"type": "average_pooling3d", "pool_size": [1, 2, 2]},
            "global_average_pooling3d",
        ],
    ],
    "tokens": [
        [{"type": "embedding", "output_dim": 4}, {"type": "lstm", "units": 4, "dropout": 0.2}],
        [
            {"type": "embedding", "output_dim": 4},
            {"type": "bidirectional", "layer": {"type": "lstm", "units": 4, "return_sequences": True}},
            {"type": "bidirectional", "layer": {"type": "gru", "units": 4}, "merge_mode": "sum"},
            "layer_normalization",
        ],
        [
            {"type": "embedding", "output_dim": 4},
            {"type": "conv1d", "filters": 4, "dilation_rate": 2, "activation": "relu"},
            {"type": "separable_conv1d", "filters": 4, "strides": 2},
            "global_max_pooling1d",
            {"type": "dense", "units": 8, "activation": "tanh"},
            "dropout",
        ],
    ],
    "features": [
        [{"type": "dense", "units": 8, "activation": "prelu"}],
        ["batch_normalization", {"type": "dense", "units": 8, "activation": "relu"}, "dropout"],
        [{"type": "dense", "units": 8}, {"type": "reshape", "target_shape": [4, 2]}, {"type": "gru", "units": 4}],
    ],
}
SMALL["sequential"] = {"layers": 0}
# What a language model has of its own; and what is for other data.
OF_TEXT = {
    "transformer": [
        {"positions": "rotary", "tie_embeddings": True, **SMALL["transformer"]},
        {"positions": "sinusoidal", "normalize_first": False, "tie_embeddings": True, **SMALL["transformer"],
         "regularization": {"dropout": 0.2, "spatial_dropout": 0.1, "gaussian_noise": 0.1, "l2": 1e-3}},
    ],
}  # fmt: skip
OF_TEXT_SHOWN = ("lstm-0", "transformer-3")
"""Variants on running text that `make test` looks at."""
# What a forecast has of its own.
OF_SERIES: dict[str, list[dict[str, Any]]] = {
    "linear": [
        {"variant": "dlinear", "individual": True, "kernel_size": 5, "l2": 1e-3},
        {"variant": "nlinear"},
        {"revin": True},
    ],
    "mlp": [{"revin": True, "regularization": {"gaussian_noise": 0.1}}],
    "cnn": [{"revin": True, "padding": "causal", "dilation_growth": 2, "pooling": "none", "filters": [4, 4]}],
    "lstm": [{"revin": True, "units": [4], "regularization": {"spatial_dropout": 0.2}}],
    "transformer": [{"revin": True, "pooling": "flatten", "patch_size": 8, **SMALL["transformer"]}],
}
LIKE_ANOTHER = ("sequential-1-tokens", "lstm-2-tokens", "cnn-3-tokens", "cnn-3-image", "transformer-1-tokens")
"""Variants with layers that another variant of the family, or another family, has in `make test`, too."""
NOT_OF_TEXT = ("bidirectional", "pooling", "embeddings")
# The same for pairs.
OF_PAIRS: dict[str, list[dict[str, Any]]] = {
    "transformer": [
        {"positions": "sinusoidal", "normalize_first": False, "tie_embeddings": True, **SMALL["transformer"],
         "encoder_layers": 2, "decoder_layers": 1,
         "regularization": {"dropout": 0.2, "gaussian_noise": 0.1, "l2": 1e-3}},
    ],
    "lstm": [
        {"units": [8, 6], "bidirectional": True, "attention": "additive",
         "regularization": {"dropout": 0.2, "recurrent_dropout": 0.1, "normalization": "layer"}},
        {"units": [8], "attention": "none"},
    ],
}  # fmt: skip
HARD: dict[str, list[dict[str, Any]]] = {
    "autoencoder": [
        {
            "noise": {"gaussian": 0.1, "masking": 0.2},
            "sparsity": 1e-3,
            "regularization": {"normalization": "batch", "dropout": 0.2, "l2": 1e-3, "dropconnect": 0.2},
        },
        {
            "filters": [4, 4, 4],
            "kernel_size": 2,
            "variational": True,
            "beta": 0.5,
            "noise": {"masking": 0.2},
            "regularization": {"normalization": "batch", "spatial_dropout": 0.2, "activity_l2": 1e-3},
        },
    ],
    "sequential": [{"layers": 1, "augmented": True}, {"layers": 2}],
    "mlp": [
        {
            "bins": 4,
            "hidden_units": [8, 8],
            "residual": True,
            "regularization": {"normalization": "batch", "dropout": 0.2, "gaussian_noise": 0.1, "dropconnect": 0.2},
        }
    ],
    "cnn": [
        {
            "padding": "valid",
            "strides": 2,
            "pooling": "none",
            "activation": {"type": "leaky_relu"},
            "regularization": {"normalization": "batch", "dropout": 0.2, "l2": 1e-3, "spatial_dropout": 0.1},
        },
        {
            "one_hot": True,
            "filters": 4,
            "kernel_size": 4,
            "strides": 2,
            "augmented": True,
            "regularization": {"spatial_dropout": 0.2, "dropconnect": 0.2, "l2": 1e-3},
        },
        {"separable": True, "pooling": "average", "pool_size": 2, "global_pooling": "average", "filters": [4, 4]},
        {
            "kernel_size": 4,
            "pooling": "stochastic",
            "augmented": True,
            "hidden_units": [8],
            "regularization": {"normalization": "layer", "activity_l2": 1e-3, "dropconnect": 0.2},
        },
    ],
    "recurrent": [
        {"units": [4, 4], "bidirectional": True, "augmented": True},
        {"units": [4], "bidirectional": True, "merge_mode": "sum", "regularization": {"normalization": "layer"}},
        {"units": [4, 4], "regularization": {"normalization": "batch", "dropout": 0.2, "recurrent_dropout": 0.2}},
    ],
    "ngram": [
        {
            "ngrams": 3,
            "embedding_dim": 4,
            "naive_bayes": False,
            "augmented": True,
            "regularization": {"dropout": 0.2, "spatial_dropout": 0.2, "gaussian_noise": 0.1, "l2": 1e-3},
        },
        {"ngrams": 4, "smoothing": 0.5, "regularization": {"dropout": 0.2, "l1": 1e-3}},
    ],
    "transformer": [
        {"pooling": "cls", "positions": "sinusoidal", "normalize_first": False, **SMALL["transformer"]},
        {
            "pooling": "max",
            "regularization": {"dropout": 0.2, "dropconnect": 0.2, "l2": 1e-3},
            **SMALL["transformer"],
        },
    ],
}


def fields_of(variant) -> dict[str, Any]:
    """Return the fields of a model that a variant stands for."""
    return variant.values[0]


VARIANTS = [
    pytest.param(
        {"type": name, **SMALL.get(name, {}), **variant},
        id=f"{name}-{index}",
        marks=pytest.mark.xdist_group(f"{name}-{index}"),  # one process trains a variant once, for all its tests
    )
    for name in MODELS
    for index, variant in enumerate(
        [
            {},
            *HARD.get("recurrent" if name in ("rnn", "lstm", "gru") else name, []),
            *OF_TEXT.get(name, []),
            *OF_PAIRS.get(name, []),
            *OF_SERIES.get(name, []),
        ]
    )
]


def suits(variant, kind) -> bool:
    """Return whether a variant is for a kind of data; some fields are for text or series alone, and some for the others."""
    fields = fields_of(variant)
    own = [name for name, table in TABLES.items() if fields_in(table, fields)]
    if own not in ([], [kind]) or (fields["type"] == "linear" and kind != "series"):
        return False
    if kind == "pairs":
        known = {
            name: value for name, value in fields.items() if name not in ("augmented", "one_hot", "bins", "layers")
        }
        return "pairs" in MODELS[fields["type"]].kinds and not list(MODELS.select(known).issues(PAIRS))
    if kind == "text":
        return not any(name in fields for name in NOT_OF_TEXT)
    return kind in ("image", "series") or fields["type"] != "autoencoder" or "filters" not in fields


TABLES = {"text": OF_TEXT, "pairs": OF_PAIRS, "series": OF_SERIES}


def fields_in(table, fields) -> bool:
    """Return whether a variant is one of a table of variants."""
    return any(one.items() <= fields.items() for one in table.get(fields["type"], []))


def is_long(variant, kind) -> bool:
    """Keras's networks take long to build; what is hard in a recurrent network is shown by `lstm` alone in `make test`.

    Of running text, one recurrent network and one transformer show what outputs at each step add to the other kinds of data;
    `tests/unit/test_generating.py` looks at the others.
    """
    name, index = str(variant.id).rsplit("-", 1)
    if kind == "text":
        return str(variant.id) not in OF_TEXT_SHOWN
    if kind == "image" and name in ("lstm", "gru", "rnn"):
        return index != "0"  # rows of a picture are steps as tokens are
    if name == "autoencoder":
        return index == "0"  # the others have all that it has
    if f"{variant.id}-{kind}" in LIKE_ANOTHER:
        return True
    return name == "application" or (name in ("rnn", "gru") and index != "0")


def is_long_kind(variant, kind) -> bool:
    """Families share their way from a window to a forecast; of pairs, one transformer has most switched on."""
    shown = {"series": ("linear-0", "cnn-0"), "pairs": ("transformer-5",)}
    return kind in shown and str(variant.id) not in shown[kind]


CASES: list[Any] = [
    pytest.param(
        *variant.values,
        SIGNATURES[kind].kind,
        id=f"{variant.id}-{kind}",
        marks=(
            *variant.marks,
            *([pytest.mark.long] if is_long(variant, SIGNATURES[kind].kind) or is_long_kind(variant, kind) else []),
        ),
    )
    for variant in VARIANTS
    for kind in SIGNATURES
    if SIGNATURES[kind].kind in MODELS[fields_of(variant)["type"]].kinds and suits(variant, SIGNATURES[kind].kind)
]
LIKE_THE_LAST = (
    "cnn-1-images", "cnn-2-images", "lstm-1-tokens", "mlp-1-images", "transformer-1-images", "transformer-2-images",
)  # fmt: skip
every_variant = pytest.mark.parametrize(("model", "kind"), CASES, indirect=True)


def plain_ones_long(case) -> Any:
    """Leave variants of a family to `make test-long`, if the last one has all that can go wrong in them and more."""
    family, index, kind = str(case.id).split("-")
    others = [str(one.id) for one in CASES if not any(mark.name == "long" for mark in one.marks)]
    harder = any(one.startswith(f"{family}-") and one.endswith(f"-{kind}") and one != case.id for one in others)
    more = [pytest.mark.long] if (index == "0" and harder) or str(case.id) in LIKE_THE_LAST else []
    return pytest.param(*case.values, id=case.id, marks=(*case.marks, *more))


every_hard_variant = pytest.mark.parametrize(("model", "kind"), [*map(plain_ones_long, CASES)], indirect=True)
BACKEND = TensorFlowBackend(tf.distribute.get_strategy())


@pytest.fixture
def kind(request):
    return request.param


@pytest.fixture
def model(request):
    return request.param


def experiment_for(model, kind):
    """Make the experiment of a variant on one kind of data."""
    model = dict(model)
    augmentation = AUGMENTATION[kind] if model.pop("augmented", False) else None
    if model["type"] == "sequential":
        model["layers"] = STACKS[kind][model["layers"]]
    if kind != "tokens":
        model.pop("one_hot", None)
    if kind != "features":
        model.pop("bins", None)
    data = {"type": "cifar10"} if model["type"] == "application" else DATA[kind]
    return Experiment.model_validate({**task_of(model), "data": {**data, "augmentation": augmentation}, "model": model})


def task_of(model):
    """Return the section `task` that a family needs."""
    return {"task": "reconstruction"} if MODELS[model["type"]].predicts_inputs else {}


@pytest.fixture
def experiment(kind, model, tiny_table):
    return experiment_for(model, kind)


def split_for(experiment, count=24):
    return tiny_split(experiment.signature, count)


def built(experiment, compiled=False):
    model = build_model(experiment, "float32")
    if compiled:
        compile_model(model, experiment, 2, jit=False, steps_per_execution=1)
    return model


@cache
def trained(experiment):
    """Take two training steps; tests must leave the model as it is."""
    return train_anew(experiment)


def train_anew(experiment):
    model, split = built(experiment, compiled=True), split_for(experiment)
    splits = Splits(split, split, split, Provenance("nowhere", True, ""))
    experiment.model.begin(model, Start(experiment.signature, splits))
    batches = BACKEND.batches(split, Order(len(split), 12, 0, getattr(split.x, "lengths", None)), None)
    steps = batches.epoch(0, 0, 2)
    BACKEND.take_steps(model, steps)
    BACKEND.take_steps(model, steps)
    return model


def same_model(model, again, x):
    """Weights to the bit; in another place in memory, their products may be summed in another order."""
    for a, b in zip(model.weights, again.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    np.testing.assert_allclose(BACKEND.predict(model, x, 8), BACKEND.predict(again, x, 8), rtol=0, atol=1e-6)


def test_every_family_is_here():
    assert {fields_of(variant)["type"] for variant in VARIANTS} == set(MODELS)


@every_variant
def test_a_step_changes_every_trainable_weight_group_and_predictions_are_probabilities(experiment):
    before = [variable.numpy() for variable in built(experiment).trainable_variables]
    model = trained(experiment)
    changed = [not np.array_equal(old, new.numpy()) for old, new in zip(before, model.trainable_variables, strict=True)]
    assert np.mean(changed) > 0.8, [v.path for v, c in zip(model.trainable_variables, changed, strict=True) if not c]
    outputs = BACKEND.predict(model, split_for(experiment).x, 8)
    assert outputs.dtype == np.float32
    signature = experiment.signature
    steps = {"text": signature.shape, "pairs": signature.shape[1:]}.get(signature.kind, ())
    shape = (*steps, *experiment.head.shape)
    assert outputs.shape == (24, *shape)
    values = experiment.model.predicts_inputs and signature.kind != "image"
    assert (
        (len(shape) > 1 and not experiment.model.predicts_inputs) or values or ((outputs >= 0) & (outputs <= 1)).all()
    )


@every_variant
def test_a_reloaded_checkpoint_is_the_same_model(experiment, tmp_path):
    from deepcli.run.checkpoint.file import open_checkpoint

    model = trained(experiment)
    state = State(Position(1, 0, 2), "float32", 1, variables=read_variables(model, BACKEND))
    saving.save(tmp_path / "a.keras", model, experiment, state)
    opened = open_checkpoint(tmp_path / "a.keras")
    assert opened.experiment == experiment
    again = built(opened.experiment)
    saving.load_weights(again, opened)
    same_model(model, again, split_for(experiment).x)


@every_variant
def test_keras_itself_loads_a_checkpoint(experiment, tmp_path):
    model = trained(experiment)
    state = State(Position(), "float32", 1, variables=read_variables(model, BACKEND))
    saving.save(tmp_path / "a.keras", model, experiment, state)
    same_model(model, keras.saving.load_model(tmp_path / "a.keras"), split_for(experiment).x)


@every_variant
def test_a_prediction_does_not_depend_on_its_batch_mates(experiment):
    model, split = trained(experiment), split_for(experiment)
    together = BACKEND.predict(model, split.x, 24)
    alone = joined_outputs([BACKEND.predict(model, split.x[np.array([i])], 1) for i in range(len(split))])
    np.testing.assert_allclose(real(together, split), real(alone, split), rtol=0, atol=2e-6)
    if isinstance(split.x, Tokens):
        padded = np.zeros((len(split), 31), np.int32)
        for row, (start, end) in enumerate(zip(split.x.offsets[:-1], split.x.offsets[1:], strict=True)):
            padded[row, : end - start] = split.x.values[start:end]
        if experiment.model.type == "transformer" and experiment.model.positions == "learned":
            padded = padded[:, : 12 if experiment.signature.kind == "tokens" else 31]
        padded = real(np.asarray(model(padded, training=False)), split)
        np.testing.assert_allclose(real(together, split), padded, rtol=0, atol=2e-6)


def real(outputs, split):
    """What a model says where there is something to say: behind the end of a target there is padding."""
    return outputs[split.y != 0] if isinstance(split.x, PairRows) else outputs


@every_variant
def test_the_same_seed_gives_the_same_start_and_another_seed_another(experiment):
    first, second = built(experiment), built(experiment)
    other = built(experiment.model_copy(update={"seed": 1}))
    for a, b in zip(first.weights, second.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())
    kernels = [(a.numpy(), b.numpy()) for a, b in zip(first.weights, other.weights, strict=True) if a.ndim > 1]
    assert any(not np.array_equal(a, b) for a, b in kernels)


@every_hard_variant
def test_the_same_seed_trains_to_the_same_bits(experiment):
    for a, b in zip(trained(experiment).weights, train_anew(experiment).weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("kind", SIGNATURES)
def test_other_kinds_of_data_are_refused(name, kind, tiny_table):
    signature = SIGNATURES[kind]
    issues = list(MODELS[name].example().issues(signature))
    if MODELS[name].predicts_inputs:
        signature = Reconstruction().posed(signature)
    if signature.kind in MODELS[name].kinds:
        assert all("takes" not in why for _, why in issues)
    else:
        ((place, why),) = issues
        assert place == ("type",)
        assert re.fullmatch(
            rf"`{name}` takes [\w ]+(, [\w ]+)*; these data are {PLURALS[signature.kind]}; use .*\b(mlp|cnn|gru)\b.*",
            why,
        )
        assert not re.search(rf"use.*\b{name}\b", why)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in MODELS
        for kind in DATA
        if kind in MODELS[name].kinds and name not in ("application", "linear")
    ],
)
def test_random_layers_are_silent_outside_training(name, kind, tiny_table):
    regularization = {"dropout": 0.5, "gaussian_noise": 1.0}
    if name == "autoencoder":
        del regularization["gaussian_noise"]
    elif not (name == "mlp" and kind != "tokens"):
        regularization["spatial_dropout"] = 0.5
    model = {"type": name, **SMALL.get(name, {}), "regularization": regularization}
    if name == "ngram":
        model |= {"embedding_dim": 4, "naive_bayes": False}
    if name == "sequential":
        first = {"image": ["flatten"], "tokens": ["embedding", "flatten"], "features": []}[kind]
        noise = [{"type": "gaussian_noise", "stddev": 1.0}, {"type": "dropout", "rate": 0.5}]
        model = {"type": name, "layers": [*first, *noise]}
    experiment = Experiment.model_validate({**task_of(model), "data": DATA[kind], "model": model})
    built_model, x = built(experiment), split_for(experiment).x
    assert np.array_equal(BACKEND.predict(built_model, x, 24), BACKEND.predict(built_model, x, 24))
    rows = {"tokens": generator(0).randint(1, 30, (24, 12)), "pairs": np.tile([4, 5, 3, 1, 6, 7], (24, 1))}
    inputs = rows[kind].astype(np.int32) if kind in rows else np.asarray(x)
    assert not np.array_equal(built_model(inputs, training=True), built_model(inputs, training=True))


@every_hard_variant
def test_mixed_precision_takes_a_step(experiment):
    """Whatever is switched on: a penalty, a noise or a norm of a half-precision output must still add up."""
    model, split = build_model(experiment, "mixed_bfloat16"), split_for(experiment)
    compile_model(model, experiment, 2, jit=False, steps_per_execution=1)
    batches = BACKEND.batches(split, Order(len(split), 12, 0, getattr(split.x, "lengths", None)), None)
    logs = BACKEND.take_steps(model, batches.epoch(0, 0, 1))
    assert np.isfinite(float(logs["loss"]))
