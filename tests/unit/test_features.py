"""Columns of a table inside a model: numbers, what is missing, and categories."""

import math

import keras
import numpy as np
import pytest

from deepcli.data.arrays.splits import Provenance, Split, Splits
from deepcli.data.schema import Column
from deepcli.data.signature import Signature
from deepcli.models.base import Start
from deepcli.models.features import embedding_width, encoded_width, feature_input, set_bins
from deepcli.models.heads import Head
from deepcli.models.mlp import Mlp
from deepcli.models.regularization import Penalties
from deepcli.models.sequential import Sequential
from deepcli.nn.table_columns import LIMIT, QuantileBins

AGE = Column(name="age", type="number", mean=40.0, scale=10.0)
INCOME = Column(name="income", type="number", mean=100.0, scale=50.0, missing=2)
FEW = Column(name="few", type="category", categories=("a", "b"))
LACKING = Column(name="lacking", type="category", categories=("a", "b"), missing=5)
MANY = Column(name="many", type="category", categories=tuple(map(str, range(30))))
NAN = math.nan


def signature_of(*columns):
    return Signature("features", (len(columns),), 2, 10, columns=columns)


def encoder(*columns, bins=None):
    signature = signature_of(*columns)
    inputs, x = feature_input(signature, Penalties(), bins)
    return keras.Model(inputs, x), signature


def encode(rows, *columns):
    model, _ = encoder(*columns)
    return np.asarray(model(np.array(rows, np.float32)))


def test_numbers_are_standardized_and_missing_ones_are_the_mean():
    found = encode([[50.0, 0.0], [NAN, NAN], [30.0, 100.0]], AGE, INCOME)
    np.testing.assert_allclose(found, [[1, -2, 0], [0, 0, 1], [-1, 0, 0]])  # age, income, whether income is missing


def test_infinite_numbers_are_clipped():
    found = encode([[math.inf], [-math.inf], [1e30]], AGE)
    np.testing.assert_array_equal(found, [[LIMIT], [-LIMIT], [LIMIT]])


@pytest.mark.parametrize("code", [0.0, NAN, 3.0, -1.0, 1e9, math.inf])
def test_what_is_no_code_is_unknown(code):
    """An unknown category has only zeros; where training lacked values, it counts as missing."""
    np.testing.assert_array_equal(encode([[code, code]], FEW, LACKING), [[0, 0, 1, 0, 0]])


def test_few_categories_have_an_indicator_each():
    np.testing.assert_array_equal(encode([[1, 2], [2, 1]], FEW, LACKING), [[1, 0, 0, 0, 1], [0, 1, 0, 1, 0]])


def test_many_categories_are_embedded():
    model, _ = encoder(MANY, MANY.model_copy(update={"missing": 3}))
    ((name, table),) = [(weight.path, np.asarray(weight)) for weight in model.weights]
    assert name.startswith("embeddings_")
    assert table.shape == (62, embedding_width(30))
    found = np.asarray(model(np.array([[7, 30], [0, 0], [99, NAN]], np.float32)))
    np.testing.assert_array_equal(found[0], np.concatenate([table[7], table[31 + 30]]))
    for row in found[1:]:
        np.testing.assert_array_equal(row, np.concatenate([np.zeros(embedding_width(30)), table[31]]))


def test_of_many_categories_those_seen_once_share_the_vector_of_missing_ones():
    """Vectors of their own would learn single rows by heart; with code 0 trained, unknown ones are not zeros either."""
    rare = MANY.model_copy(update={"frequencies": (2, 1, *[9] * 27, 1)})
    model, _ = encoder(MANY, rare)
    (table,) = [np.asarray(weight) for weight in model.get_layer(f"embeddings_{embedding_width(28)}").weights]
    assert table.shape == (29, embedding_width(28))
    found = np.asarray(model(np.array([[1, code] for code in (0, 1, 2, 3, 29, 30, 99)], np.float32)))
    np.testing.assert_array_equal(found[:, : embedding_width(28)], table[[0, 1, 0, 2, 28, 0, 0]])
    assert encoded_width((MANY, rare)) == model.output_shape[1]


def test_columns_of_one_width_share_their_rare_categories_each():
    first = MANY.model_copy(update={"frequencies": (1, *[2] * 29)})
    second = MANY.model_copy(update={"frequencies": (*[2] * 29, 1)})
    model, _ = encoder(first, second)
    (table,) = [np.asarray(weight) for weight in model.weights]
    found = np.asarray(model(np.array([[1, 1], [2, 30], [30, 29]], np.float32))).reshape(3, 2, -1)
    np.testing.assert_array_equal(found, table[[[0, 31], [1, 30], [29, 59]]])


def test_categories_that_are_all_rare_have_one_vector():
    model, _ = encoder(MANY.model_copy(update={"frequencies": (1,) * 30}))
    found = np.asarray(model(np.array([[1], [30], [0]], np.float32)))
    assert found.shape == (3, embedding_width(1)) and (found == found[0]).all() and found.any()


def test_few_categories_keep_an_indicator_each_however_rare_they_are():
    np.testing.assert_array_equal(encode([[1], [2]], FEW.model_copy(update={"frequencies": (1, 8)})), [[1, 0], [0, 1]])


def test_codes_above_256_are_exact_in_half_precision():
    """bfloat16 has no 257: it would become 256, another category."""
    thousand = Column(name="c", type="category", categories=tuple(map(str, range(1000))))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, _ = encoder(thousand)
    finally:
        keras.config.set_dtype_policy(before)
    found = np.asarray(model(np.array([[256], [257]], np.float32)))
    np.testing.assert_array_equal(found, np.asarray(model.weights[0])[[256, 257]])


def test_the_width_is_known_before_the_model_is_built():
    columns = (AGE, INCOME, FEW, LACKING, MANY)
    model, _ = encoder(*columns)
    assert encoded_width(columns) == model.output_shape[1]


def test_bins_are_the_piecewise_linear_encoding_of_quantiles():
    model, signature = encoder(AGE, bins=4)
    rows = np.array([[20], [30], [40], [50], [80], [NAN]], np.float32)
    set_bins(model, signature, Split(rows, np.zeros(6), np.arange(6)))  # quartiles 30, 40 and 50 between 20 and 80
    found = np.asarray(model(np.array([[20], [25], [45], [80], [90], [10]], np.float32)))[:, 1:]
    expected: list[list[float]] = [
        [0, 0, 0, 0],
        [0.5, 0, 0, 0],
        [1, 1, 0.5, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [0, 0, 0, 0],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_few_different_values_leave_bins_unused():
    layer = QuantileBins(8)
    layer.build((None, 2))
    layer.set_quantiles(np.array([[0.0, 1.0, 1.0], [NAN, NAN, NAN]]))
    found = np.asarray(layer(np.array([[0.0, 5.0], [0.5, 5.0], [3.0, -5.0]], np.float32)))
    np.testing.assert_allclose(found[:, 0], [0, 0.5, 1])
    assert not found[:, 1:].any()


def test_a_model_learns_bins_from_training_alone_and_keeps_them_in_its_weights():

    signature = signature_of(AGE)
    family = Mlp(bins=2)
    train, other = (
        Split(np.array(x, np.float32)[:, None], np.zeros(3), np.arange(3)) for x in ([0, 10, 20], [0, 0, 0])
    )
    model = family.build(signature, Head(1, "sigmoid"))
    family.begin(model, Start(signature, Splits(train, other, other, Provenance("", True, ""))))
    np.testing.assert_allclose(np.asarray(model.get_layer("bins").lows), [[-4, -3]])
    again = family.build(signature, Head(1, "sigmoid"))
    again.set_weights(model.get_weights())
    x = np.array([[3.0], [NAN]], np.float32)
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(again(x)))


def test_a_column_of_texts_is_refused():
    signature = signature_of(AGE, Column(name="note", type="text"))
    ((_, why),) = Mlp().issues(signature)
    assert "'note' holds texts" in why


@pytest.mark.parametrize(
    ("family", "place"),
    [
        (Mlp(embedding_dim=8), ("embedding_dim",)),
        (Mlp.model_validate({"regularization": {"spatial_dropout": 0.1}}), ("regularization", "spatial_dropout")),
        (Sequential.model_validate({"layers": ["embedding"]}), ("layers", 0)),
        (Sequential.model_validate({"layers": ["spatial_dropout1d"]}), ("layers", 0)),
        (Sequential.model_validate({"layers": ["conv2d"]}), ("layers", 0)),
    ],
    ids=["embedding_dim", "spatial_dropout", "embedding", "spatial_dropout1d", "conv2d"],
)
def test_what_is_for_other_data_is_refused(family, place):
    assert [where for where, _ in family.issues(signature_of(AGE, MANY))] == [place]


def test_bins_are_for_tables():
    images = Signature("image", (8, 8, 1), 2, 10)
    assert list(Mlp(bins=4).issues(images)) == [(("bins",), "is for features; these data are images")]


@pytest.mark.parametrize("family", [Mlp, Sequential])
def test_the_starter_fits(family):
    assert not list(family.model_validate(family.starter("features")).issues(signature_of(AGE, INCOME, FEW, MANY)))
