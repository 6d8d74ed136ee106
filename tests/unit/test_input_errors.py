"""Reconstruction errors: what inputs become, in a model's graph and in NumPy, with right values computed by hand."""

import math

import keras
import numpy as np
import pytest

from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Column
from deepcli.data.signature import Signature
from deepcli.evaluation.assumed_outputs import Assumption
from deepcli.evaluation.input_baselines import fit_pca, mean_errors
from deepcli.evaluation.input_values import KINDS, LIMIT, assumed_inputs, errors_of_values, values_of
from deepcli.nn import table_columns
from deepcli.nn.input_errors import InputError, InputLoss, errors_of, kept_errors

COLUMNS = (
    Column(name="age", type="number", mean=40.0, scale=10.0),
    Column(name="town", type="category", categories=("a", "b", "c")),
    Column(name="day", type="date", mean=100.0, scale=50.0),
)
TABLE = InputLayout.of(Signature("features", (3,), 2, 10, columns=COLUMNS))
IMAGES = InputLayout.of(Signature("image", (1, 2, 1), 2, 10))


def test_a_table_has_a_value_for_each_number_and_each_category():
    assert TABLE.shape == (5,)
    assert (TABLE.places, TABLE.codes, TABLE.sizes) == ((0, 1, 1, 1, 2), (0, 1, 2, 3, 0), (1, 3, 3, 3, 1))
    values, known = values_of(TABLE, np.array([[50, 2, 0], [math.nan, 0, 1e9], [40, 9, 100]], np.float32))
    assert values.tolist() == [[1, 0, 1, 0, -2], [0, 0, 0, 0, LIMIT], [0, 0, 0, 0, 0]]
    assert known.tolist() == [[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 1]]
    assert LIMIT == table_columns.LIMIT


def test_the_error_of_a_row_is_the_mean_over_the_columns_that_are_known():
    rows = np.array([[50, 2, 0], [math.nan, 0, 100]], np.float32)
    outputs = np.array([[0, 0.5, 0.5, 0, -1], [9, 9, 9, 9, 3]], np.float32)
    squares = [(1 + (0.25 + 0.25) + 1) / 3, 9.0]
    distances = [(1 + (0.5 + 0.5) + 1) / 3, 3.0]
    found = errors_of_values(TABLE, rows, outputs)
    assert found[:, 0].tolist() == pytest.approx(squares)
    assert found[:, 1].tolist() == pytest.approx(distances)
    assert np.isnan(found[:, 2:]).all()


def test_a_row_of_which_nothing_is_known_has_no_error():
    row = np.array([[math.nan, 0, math.nan]], np.float32)
    assert errors_of_values(TABLE, row, np.ones((1, 5)))[0, :2].tolist() == [0, 0]
    assert float(keras.ops.squeeze(errors_of(TABLE, "huber", row, np.ones((1, 5), np.float32)))) == 0


def test_pixels_are_compared_from_0_to_1():
    pixels = np.array([[[[0], [255]]], [[[51], [51]]]], np.uint8)
    outputs = np.array([[[[0.5], [1.0]]], [[[0.2], [0.4]]]], np.float32)
    found = errors_of_values(IMAGES, pixels, outputs)
    assert found[:, 0].tolist() == pytest.approx([0.125, 0.02])
    assert found[:, 1].tolist() == pytest.approx([0.25, 0.1])
    grey = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8)), -(0.2 * math.log(0.4) + 0.8 * math.log(0.6))
    assert found[:, 2].tolist() == pytest.approx([math.log(2) / 2, sum(grey) / 2], rel=1e-4)


@pytest.mark.parametrize("layout", [TABLE, IMAGES], ids=["table", "images"])
def test_a_graph_computes_what_numpy_computes(layout):
    rng = np.random.RandomState(0)
    if layout.is_image:
        x, outputs = rng.randint(0, 256, (20, 1, 2, 1)).astype(np.uint8), rng.uniform(0, 1, (20, 1, 2, 1))
    else:
        x = np.stack([rng.normal(40, 30, 20), np.arange(20) % 5, rng.normal(100, 50, 20)], axis=1).astype(np.float32)
        x[3, 0] = x[4, 1] = x[5, 2] = math.nan
        outputs = rng.normal(0, 1, (20, 5))
    outputs = outputs.astype(np.float32)
    expected = errors_of_values(layout, x, outputs)
    kept = keras.ops.convert_to_numpy(kept_errors(layout, "mean_absolute_error", 1.0)(x, outputs))
    np.testing.assert_allclose(kept[:, :3], expected[:, :3], rtol=2e-5)
    np.testing.assert_allclose(kept[:, 3], expected[:, 1], rtol=2e-5)
    for name in KINDS[: 3 if layout.is_image else 2]:
        metric = InputError(layout.plain(), name, name)
        metric.update_state(x[:7], outputs[:7])
        metric.update_state(x[7:], outputs[7:])
        column = expected[:, KINDS.index(name)]
        assert float(metric.result()) == pytest.approx(column.mean(), rel=1e-5)
        assert float(InputLoss(layout.plain(), name)(x, outputs)) == pytest.approx(column.mean(), rel=1e-5)


def test_huber_is_quadratic_up_to_delta_and_linear_beyond():
    rows = np.array([[40, 0, math.nan]], np.float32)
    for apart, expected in ((0.3, 0.045), (3.0, 0.5 * 3.0 - 0.125)):
        outputs = np.array([[apart, 0, 0, 0, 0]], np.float32)
        assert float(InputLoss(TABLE.plain(), "huber", 0.5)(rows, outputs)) == pytest.approx(expected)


def test_what_is_assumed_goes_from_guessing_to_what_is_right():
    rows = np.array([[50, 2, 0], [math.nan, 0, 100]], np.float32)
    assert errors_of_values(TABLE, rows, assumed_inputs(TABLE, rows, Assumption(1.0)))[:, 0].tolist() == [0, 0]
    guess = errors_of_values(TABLE, rows, assumed_inputs(TABLE, rows, Assumption()))[:, 0]
    assert guess.tolist() == pytest.approx([(1 + 1 + 4) / 3, 0])
    pixels = np.array([[[[0], [255]]]], np.uint8)
    assert assumed_inputs(IMAGES, pixels, Assumption()).tolist() == [[[[0.5], [0.5]]]]


def test_the_mean_of_training_leaves_out_what_is_missing():
    train = np.array([[30, 1, 100], [50, 1, math.nan], [math.nan, 2, 200], [60, 0, 100]], np.float32)
    errors = mean_errors(TABLE, train, np.array([[40, 1, 100]], np.float32))
    age, town, day = (-1 + 1 + 2) / 3, (2 / 3, 1 / 3, 0), 2 / 3
    squares = (age**2 + ((1 - town[0]) ** 2 + town[1] ** 2) + day**2) / 3
    assert errors[0, 0] == pytest.approx(squares, rel=1e-5)


def test_pca_gives_back_what_lies_in_a_plane_and_is_as_good_as_scikit_learns():
    from sklearn.decomposition import PCA

    from deepcli.data.arrays.splits import Split

    rng = np.random.RandomState(0)
    plane = rng.normal(0, 25, (300, 5)) @ rng.normal(0, 1, (5, 16))
    x = np.clip(128 + plane + rng.normal(0, 4, (300, 16)), 0, 255).astype(np.uint8).reshape(300, 4, 4, 1)
    signature = Signature("image", (4, 4, 1), 2, 300)
    split = Split(x, x, np.arange(300))
    predict, notes = fit_pca(signature, split, 5, 0)
    flat = x.reshape(300, 16) / 255
    model = PCA(5, svd_solver="full").fit(flat)
    expected = ((np.clip(model.inverse_transform(model.transform(flat)), 0, 1) - flat) ** 2).mean(axis=1)
    np.testing.assert_allclose(predict(split)[:, 0], expected, atol=1e-4)
    assert predict(split)[:, 0].mean() == pytest.approx(expected.mean(), rel=1e-2)
    assert notes == ["5 components"]
    whole, _ = fit_pca(signature, split, 400, 0)
    assert whole(split)[:, 0].max() < 1e-9
