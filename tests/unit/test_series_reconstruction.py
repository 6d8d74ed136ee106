"""Series that are given back: their windows, what is behind their end, their errors, and what makes no sense for them."""

import math
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from deepcli.data import DATASETS
from deepcli.data.files import Sources
from deepcli.data.input_layout import InputLayout
from deepcli.data.schema import Column
from deepcli.data.schema_reading import read_schema
from deepcli.data.signature import Signature
from deepcli.errors import DataError, DeepcliError, UsageError
from deepcli.evaluation.input_values import errors_of_values, values_of
from deepcli.evaluation.shown_inputs import chosen
from deepcli.evaluation.shown_windows import WindowExamples
from deepcli.experiment.load import load, parse
from deepcli.inputs.example import Example
from deepcli.inputs.reading import ReadOptions, reader_for
from deepcli.models import MODELS
from deepcli.nn.batch_normalization import BatchNormalization
from deepcli.nn.input_errors import InputLoss, kept_errors
from deepcli.nn.sequences import MaskedBatchNormalization
from deepcli.tasks import Reconstruction
from tests import own_files

COLUMNS = (Column(name="a", type="number", mean=10.0, scale=2.0), Column(name="b", type="number", mean=-1.0, scale=0.5))
LAYOUT = InputLayout.of(Signature("series", (3, 2), 2, 10, columns=COLUMNS))


def dataset(path, **fields):
    section = {"path": str(path), "window": 10, "target": "all", **fields}
    return Reconstruction().source_of(section), series_of(section).bound("inputs")


def series_of(section: dict[str, Any]) -> Any:
    return DATASETS.select({"type": "series", **section})


def test_a_table_with_a_window_or_a_time_is_read_as_series():
    task = Reconstruction()
    kinds: list[dict[str, Any]] = [
        {"path": "a.csv"}, {"path": "a.csv", "target": "b"}, {"path": "a.csv", "window": 4}, {"path": "a.csv", "time": "t"},
        {"path": "a.ts", "window": 4}, {"path": "a.csv", "stride": 2},
    ]  # fmt: skip
    assert [task.source_of(one) for one in kinds] == ["", "", "series", "series", "", "series"]


def test_errors_are_means_over_the_steps_that_a_series_has():
    x = np.array([[[12, -1], [10, 0], [math.nan, math.nan]], [[10, -1], [10, -1], [14, -2]]], np.float32)
    values, known = values_of(LAYOUT, x)
    assert values.tolist() == [[1, 0, 0, 2, 0, 0], [0, 0, 0, 0, 2, -2]]
    assert known.tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    outputs = np.full((2, 3, 2), 1.0, np.float32)
    outputs[0, 2] = 1e6  # behind the end
    squares, distances = [(0 + 1 + 1 + 1) / 4, (4 + 1 + 9) / 6], [3 / 4, (4 + 1 + 3) / 6]
    found = errors_of_values(LAYOUT, x, outputs)
    assert found[:, 0].tolist() == pytest.approx(squares)
    assert found[:, 1].tolist() == pytest.approx(distances)
    kept = keras.ops.convert_to_numpy(kept_errors(LAYOUT, "mean_squared_error", 1.0)(x, outputs))
    np.testing.assert_allclose(kept, np.stack([squares, distances, [math.nan] * 2, squares], axis=1), rtol=1e-6)
    assert float(InputLoss(LAYOUT.plain(), "mean_squared_error")(x, outputs)) == pytest.approx(np.mean(squares))


def test_windows_lie_inside_one_split_and_are_their_own_targets(tmp_path):
    path = own_files.series(tmp_path / "load.csv", 120, ("load", "price"))
    kind, data = dataset(path, stride=3)
    assert kind == "series" and not list(data.issues())
    splits = data.load(Sources())
    borders = {"train": (0, 84), "validation": (84, 96), "test": (96, 120)}
    for name, (begin, end) in borders.items():
        split = splits[name]
        stride = 3 if name == "train" else 1
        assert split.ids.tolist() == list(range(begin, end - 10 + 1, stride))
        assert split.predicts_inputs and split.x.shape == (len(split.ids), 10, 2)
    rows = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(1, 2))
    np.testing.assert_allclose(splits.test.x[2], rows[98:108], rtol=1e-6)
    columns = data.data_schema.columns
    np.testing.assert_allclose([one.mean for one in columns], rows[:84].mean(axis=0))
    np.testing.assert_allclose([one.scale for one in columns], rows[:84].std(axis=0))
    assert data.data_schema.counts == {name: len(splits[name]) for name in borders}
    assert (data.data_schema.series.horizon, data.signature.predicted.kind) == (0, "inputs")


def test_what_a_user_wrote_for_forecasts_is_kept_for_them(tmp_path):
    path = str(own_files.series(tmp_path / "load.csv"))
    written = {"path": path, "window": 8, "horizon": 4}
    assert series_of(written).bound(None).horizon == 4
    assert series_of({**written, "horizon": 12}).bound(None) == series_of({"path": path, "window": 8})


@pytest.mark.parametrize("words", [{}, {"horizon": None, "look_back": False}])
def test_a_section_that_was_saved_means_the_same(tmp_path, words):
    _, data = dataset(own_files.series(tmp_path / "load.csv"), **words)
    again = series_of(data.model_dump()).bound("inputs")
    assert again == data and not list(again.issues()) and again.horizon is None and not again.look_back


REFUSED = {
    "data: {path: load.csv, window: 8, horizon: 12}": r"a.yaml:2:\d+: data.horizon: steps after a window are for forecasting",
    "data: {path: load.csv, window: 8, look_back: true}": r"a.yaml:2:\d+: data.look_back: windows that are given back lie",
    "data: {path: load.csv, window: 8, season: 7}": r"a.yaml:2:\d+: data.season: is for scores of forecasts",
    "data: {path: load.csv, window: 8, known: load}": r"a.yaml:2:\d+: data.known: columns that are known ahead are for",
    "data: {path: load.csv, window: 8, input: all}": r"a.yaml:2:\d+: data.input: all columns .* name them in data.target$",
    "data: {path: load.csv, window: 100}": "data.window: the train split has 84 steps, in which no window of 100 fits",
    "data: {path: load.csv, window: 20}": "the validation split has 12 steps, in which no window of 20 fits; set a shorter "
    "window, or data.split.validation to more",
    "data: {path: load.csv, window: 8, target: laod}": "no column 'laod'; did you mean 'load'",
    "data: {path: load.csv, window: 8}\nmodel: mlp": r"a.yaml:3:8: model: `mlp` cannot give back its inputs",
    "data: {path: load.csv, window: 8}\ntraining: {class_weight: balanced}": r"training.class_weight: weighs classes",
    "data: {path: load.csv, window: 8}\nloss: binary_crossentropy": "is for pixels from 0 to 1; use mean_squared_error",
    "data: {path: load.csv, window: 8}\nmodel: {type: autoencoder, filters: [4], kernel_size: 9}": "a kernel of 9 is larger "
    "than the 8 steps of a series",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense_for_series_is_refused_with_its_place(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files.series(Path("load.csv"))
    model = "" if "\nmodel" in text else "\nmodel: autoencoder"
    with pytest.raises(DeepcliError) as raised:
        load([parse(f"task: reconstruction\n{text}{model}\n", "a.yaml")])
    assert re.search(REFUSED[text], str(raised.value)), raised.value


def test_forecasting_needs_a_horizon(tmp_path):
    path = own_files.series(tmp_path / "load.csv")
    with pytest.raises(
        DeepcliError, match=r"data.horizon: should be a number of steps; null is for task: reconstruction"
    ):
        load([parse(f"task: forecasting\ndata: {{path: {path}, horizon: null}}\nmodel: linear\n", "a.yaml")])


def test_group_normalization_is_refused_where_series_may_end_earlier():
    signature = Reconstruction().posed(Signature("series", (12, 2), 3, 24, columns=COLUMNS))
    spec = {"type": "autoencoder", "filters": [4], "regularization": {"normalization": "group"}}
    ((place, why),) = MODELS.select(spec).issues(signature)
    assert place == ("regularization", "normalization") and "would mix padding into a series" in why


def coder(**fields):
    signature = Reconstruction().posed(Signature("series", (7, 2), 3, 24, columns=COLUMNS))
    task = Reconstruction()
    spec = MODELS.select({"type": "autoencoder", "latent": 3, "hidden_units": [6], **fields})
    assert not list(spec.issues(signature))
    head = task.head(task.choose_loss(load_auto(), signature), signature)
    return spec.build(signature, head)


def load_auto():
    from deepcli.optim import LOSSES

    return LOSSES.select("auto")


def test_steps_of_odd_number_are_halved_and_doubled_again():
    model = coder(filters=[4, 5], kernel_size=3)
    assert model.output_shape == (None, 7, 2)
    assert model.get_layer("encoder_conv_2").output.shape == (None, 2, 5)
    assert isinstance(model.get_layer("encoder_conv_1"), keras.layers.Conv1D)


def test_what_is_behind_the_end_is_in_no_statistic_and_gets_no_noise():
    model = coder(filters=[4], kernel_size=3, regularization={"normalization": "batch"}, noise={"gaussian": 1.0})
    normalization = model.get_layer("encoder_conv_1_normalization")
    assert isinstance(normalization, MaskedBatchNormalization)
    assert isinstance(
        model.get_layer("decoder_maps_normalization"), BatchNormalization | keras.layers.BatchNormalization
    )
    x = np.random.RandomState(0).normal(10, 2, (6, 7, 2)).astype(np.float32)
    x[:, 3:] = math.nan
    taken = keras.Model(model.input, [model.get_layer("ended").output, model.get_layer("encoder_conv_1").output])
    ended, maps = (keras.ops.convert_to_numpy(part) for part in taken(x, training=False))
    noisy = keras.ops.convert_to_numpy(taken(x, training=True)[0])
    assert (ended[:, 3:] == 0).all() and (noisy[:, 3:] == 0).all() and np.abs(noisy[:, :3] - ended[:, :3]).max() > 0.5
    expected = maps[:, :2].mean(axis=(0, 1))  # two steps of three remain with a stride of 2
    layer = MaskedBatchNormalization(momentum=0.0)
    layer(maps, keras.ops.convert_to_tensor(np.arange(4)[None] < np.full((6, 1), 2)), training=True)
    np.testing.assert_allclose(layer.moving_mean, expected, rtol=1e-4, atol=1e-5)
    lengths = keras.Model(model.input, model.get_layer("encoder_conv_1_lengths").output)(x)
    assert np.asarray(lengths).tolist() == [2] * 6


def test_every_step_of_a_file_is_in_a_window_and_none_reaches_over_a_gap(tmp_path):
    path = own_files.series(tmp_path / "load.csv", 120)
    _, data = dataset(path)
    lines = path.read_text().splitlines()
    new = tmp_path / "new.csv"
    new.write_text("\n".join([*lines[:26], *lines[40:53], *lines[60:65]]) + "\n")

    def spans(**options):
        notes, problems = list[str](), list[str]()
        reader = reader_for(data, None, ReadOptions(**options), notes.append, problems.append)
        found = list(reader.read([str(new)]))
        assert reader.has_times and not problems and all(isinstance(one, Example) for one in found)
        return found, notes

    found, notes = spans()
    days = [line.partition(",")[0] for line in lines]
    firsts = [1, 11, 16, 40, 43]
    assert [one.span for one in found] == [(days[first], days[first + 9]) for first in firsts]
    assert found[2].x[0, 0] == pytest.approx(float(lines[16].split(",")[1]), rel=1e-6)
    assert any("5 steps are in no window, as gaps are around them" in note for note in notes)
    assert [one.span[0] for one in spans(stride=1)[0]] == [days[first] for first in (*range(1, 17), *range(40, 44))]
    new.write_text("\n".join(lines[:9]) + "\n")
    problems = list[str]()
    assert not list(reader_for(data, None, ReadOptions(), print, problems.append).read([str(new)]))
    assert problems == [f"{new}: has 8 steps, and a window takes 10; give a longer series"]


def test_options_of_other_models_are_refused(tmp_path):
    path = own_files.series(tmp_path / "load.csv", 120)
    _, data = dataset(path)
    with pytest.raises(UsageError, match="--horizon: does not apply"):
        reader_for(data, None, ReadOptions(horizon=3), print, print)
    with pytest.raises(UsageError, match="--stride: does not apply"):
        reader_for(
            DATASETS.select({"type": "series", "path": str(path), "window": 8}),
            None,
            ReadOptions(stride=3),
            print,
            print,
        )


def test_windows_that_are_shown_do_not_overlap():
    errors = np.array([0.1, 0.9, 0.95, 0.9, 0.2, 0.3, 0.4, 0.8])
    places, groups = chosen(errors, np.arange(8), 3)
    for group in range(3):
        mine = np.sort(places[groups == group])
        assert len(mine) and (np.diff(mine) >= 3).all()
    assert places[0] == 0 and 2 in places[groups == 2]


def examples(**changes):
    fields = {
        "ids": np.array([3, 9]), "groups": np.array([0, 2]), "errors": np.array([0.1, 0.5]),
        "before": np.ones((2, 4), np.float32), "after": np.ones((2, 4), np.float32), "columns": np.array(["a", "b"]),
        "times": np.array(["1 to 4", "9 to 12"]), "samples": np.zeros((0, 4), np.float32),
    }  # fmt: skip
    return WindowExamples(**{**fields, **changes})


def test_saved_windows_are_read_again_and_what_cannot_be_is_refused(tmp_path):
    examples().save(tmp_path / "a.npz")
    again = WindowExamples.load(tmp_path / "a.npz")
    assert again.times.tolist() == ["1 to 4", "9 to 12"] and np.array_equal(again.before, np.ones((2, 4)))
    for changes in (
        {"groups": np.array([0, 3])}, {"after": np.ones((2, 5), np.float32)}, {"ids": np.arange(3)},
        {"samples": np.zeros((99, 4), np.float32)}, {"before": np.ones((2, 4), np.int64)},
    ):  # fmt: skip
        examples(**changes).save(tmp_path / "b.npz")
        with pytest.raises(DataError, match="is not a mistakes file"):
            WindowExamples.load(tmp_path / "b.npz")


def test_a_schema_that_contradicts_itself_is_refused(tmp_path):
    _, data = dataset(own_files.series(tmp_path / "load.csv"))
    schema = data.data_schema
    assert read_schema(schema.model_dump_json().encode()) == schema
    for facts in ({"horizon": 3}, {"seasonal_errors": ((1.0,),)}):
        wrong = schema.model_copy(update={"series": schema.series.model_copy(update=facts)})
        with pytest.raises(ValueError, match="series: "):
            read_schema(wrong.model_dump_json().encode())
