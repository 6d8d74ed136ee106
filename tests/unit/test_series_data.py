"""Time series as data: times, steps, gaps, splits by place, windows, and what is refused with its place."""

import csv

import numpy as np
import pytest

from deepcli.data import DATASETS
from deepcli.data.files import OFFLINE
from deepcli.data.sources.time_axis import MixedSteps, TimeStep, find_step, read_times, shown_time, step_places
from deepcli.errors import DataError
from tests import own_files


def write(path, rows, head=("day", "load")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def daily(count, first=1):
    return [(f"2024-{1 + k // 28:02d}-{1 + k % 28:02d}", k) for k in range(count)] if count <= 28 else months(count)


def months(count):
    return [(f"{2000 + k // 12}-{1 + k % 12:02d}", k) for k in range(count)]


def section(path, **fields):
    return DATASETS.select({"type": "series", "path": str(path), "window": 4, "horizon": 2, **fields})


def times(values):
    return read_times(values, "", lambda row: f"t.csv:{row + 2}", "day")


@pytest.mark.parametrize(
    ("values", "step", "season", "following"),
    [
        (["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"], "1 hour", 24, "2024-01-01 03:00:00"),
        (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"], "15 minutes", 96, "2024-01-01 00:45:00"),
        (["2024-02-27", "2024-02-28", "2024-02-29"], "1 day", 7, "2024-03-01"),
        (["2024-01-01", "2024-01-08", "2024-01-15"], "1 week", 52, "2024-01-22"),
        (["2023-11", "2023-12", "2024-01"], "1 month", 12, "2024-02"),
        (["2024-01-31", "2024-02-29", "2024-03-31"], "1 month", 12, "2024-04-30"),
        (["2023-03-31", "2023-06-30", "2023-09-30"], "3 months", 4, "2023-12-31"),
        (["2021-01-01", "2022-01-01", "2024-01-01"], "1 year", 1, "2025-01-01"),
        (["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], "1 weekday", 5, "2024-01-10"),
        (["1990", "1991", "1992"], "1 step", 1, "1993"),
        (["20240101", "20240102", "20240103", "20240104", "20240105"], "1 day", 7, "2024-01-06"),
    ],
)
def test_times_are_read_and_go_on_at_their_frequency(values, step, season, following):
    read, written = times(values)
    found = find_step([read], written)
    assert (found.text, found.season) == (step, season)
    assert shown_time(found.after(read[-1], 1), written) == following


def test_weekdays_and_months_go_on_over_many_steps():
    friday, _ = times(["2024-01-05"])
    assert shown_time(TimeStep("weekday").after(friday[0], 6), "iso") == "2024-01-15"
    end, _ = times(["2023-01-31"])
    assert [shown_time(TimeStep("month").after(end[0], k), "iso") for k in (1, 2, 13)] == [
        "2023-02-28",
        "2023-03-31",
        "2024-02-29",
    ]


def test_a_gap_skips_places_and_two_frequencies_are_refused():
    day = TimeStep("second", 86_400.0)
    assert step_places([0.0, 1.0, 4.0, 5.0], day) == [0, 1, 4, 5]
    for wrong in ([0.0, 1.0, 1.5], [0.0, 1.0, 3.0, 5.0, 7.0]):
        with pytest.raises(MixedSteps) as error:
            step_places(wrong, day)
        assert error.value.row == 2


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([("2024-01-01", 1), ("soon", 2)], r"t.csv:3: column 'day': 'soon' is not a time like"),
        ([("x", 1), ("y", 2)], r"t.csv:2: column 'day' holds no times, as in 'x'"),
        ([("2024-01-01", 1), ("", 2)], r"t.csv:3: column 'day' has no time"),
        ([("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-01", 3)], r"t.csv:4: .* occurs twice, first in line 2"),
        (
            [("2024-01-01 00:00", 1), ("2024-01-01 01:00", 2), ("2024-01-01 02:00", 2), ("2024-01-01 02:30", 3)],
            r"t.csv:5: .* is not 1 hour after '2024-01-01 02:00'",
        ),
        ([("2024-01-01", 1), ("2024-01-02", "much")], r"t.csv:3: column 'load': 'much' is not a number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, rows, what):
    with pytest.raises(DataError, match=what):
        _ = section(write(tmp_path / "t.csv", rows), time="day", target="load").data_schema


def test_a_file_whose_frequency_changes_is_refused(tmp_path):
    hours = [(f"2024-01-01 {hour:02d}:00", hour) for hour in range(20)]
    days = [(f"2024-01-{day:02d} 19:00", day) for day in range(2, 9)]
    with pytest.raises(DataError, match=r"t.csv:22: .*is not 1 hour after.*one frequency"):
        _ = section(write(tmp_path / "t.csv", hours + days)).data_schema


def test_windows_lie_in_their_splits_and_only_inputs_reach_back(tmp_path):
    data = section(write(tmp_path / "t.csv", months(40)), split={"validation": 8, "test": 10})
    splits = data.load(OFFLINE)
    assert data.data_schema.counts == {"train": 17, "validation": 7, "test": 9}
    for split, begin, end in ((splits.train, 0, 22), (splits.validation, 22, 30), (splits.test, 30, 40)):
        assert split.y.min() >= begin and split.y.max() < end
        assert np.array_equal(split.y[:, :, 0], split.ids[:, None] + np.arange(2))
        assert np.array_equal(split.x[:, :, 0], split.ids[:, None] + np.arange(-4, 0))
    assert splits.test.ids[0] == 30 and splits.test.x.base is not None
    alone = section(tmp_path / "t.csv", split={"validation": 8, "test": 10}, look_back=False).load(OFFLINE)
    assert alone.test.x.min() == 30 and len(alone.test) == 5


def test_statistics_are_those_of_training_alone(tmp_path):
    data = section(write(tmp_path / "t.csv", months(40)), split={"validation": 8, "test": 10}, season=12)
    schema = data.data_schema
    assert schema.target.means == (np.arange(22).mean(),)
    assert schema.target.scales == pytest.approx((np.arange(22).std(),))
    assert schema.series.seasonal_errors == ((12.0,),)


def test_the_usual_months_of_a_benchmark_are_counted_from_the_first_row(tmp_path):
    data = section(write(tmp_path / "t.csv", months(60)), split={"train": 30, "validation": 10, "test": 10})
    assert data.data_schema.counts == {"train": 25, "validation": 9, "test": 9}
    assert data.load(OFFLINE).test.y.max() == 49


def test_dates_divide_a_series(tmp_path):
    data = section(write(tmp_path / "t.csv", months(60)), split={"validation": "2003-01-01", "test": "2004-01-01"})
    splits = data.load(OFFLINE)
    assert (splits.validation.ids[0], splits.test.ids[0]) == (36, 48)


def test_no_window_reaches_over_a_gap_or_a_missing_value(tmp_path):
    rows = [(day, "NA" if value == 9 else value) for day, value in months(40) if value not in (17, 18)]
    data = section(write(tmp_path / "t.csv", rows), split={"validation": 0, "test": 8})
    splits = data.load(OFFLINE)
    joined = np.concatenate([splits.train.x, splits.train.y], axis=1)[:, :, 0]
    assert (np.diff(joined, axis=1) == 1).all()
    assert {one.code for one in splits.findings} == {"gap", "missing"}
    assert splits.validation is None


def test_rows_are_sorted_and_several_series_stay_apart(tmp_path):
    rows = [(day, value, "b") for day, value in months(30)] + [(day, 100 + value, "a") for day, value in months(20)]
    path = write(tmp_path / "t.csv", rows[::-1], ("day", "load", "shop"))
    splits = section(path, target="load", series="shop", split={"validation": 4, "test": 4}).load(OFFLINE)
    joined = np.concatenate([splits.train.x, splits.train.y], axis=1)[:, :, 0]
    assert ((joined >= 100).all(axis=1) | (joined < 100).all(axis=1)).all()
    assert splits.test.y.min() == 26 and len(splits.test) == 6


def test_known_columns_are_seen_a_horizon_ahead(tmp_path):
    rows = [(day, value, 1000 + value) for day, value in months(30)]
    path = write(tmp_path / "t.csv", rows, ("day", "load", "holiday"))
    splits = section(path, target="load", known="holiday").load(OFFLINE)
    assert np.array_equal(splits.test.x[:, -2:, 1] - 1000, splits.test.y[:, :, 0])
    with pytest.raises(DataError, match=r"data.known: needs a window of at least the horizon"):
        _ = section(path, target="load", known="holiday", window=1).data_schema


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"horizon": 9}, r"data.horizon: the validation split has 3 steps, fewer than the horizon of 9"),
        ({"window": 22}, r"data.window: the train split has 21 steps, in which no window of 22"),
        ({"split": {"test": 31}}, r"data.split: .* do not fit into .*, which has 30 steps"),
        ({"split": {"test": 0}}, r"data.split.test: 0 of the 30 steps of .* leaves nothing to test on"),
        ({"split": {"test": "soon"}}, r"data.split.test: 'soon' is not a date"),
        ({"target": "laod"}, r"no column 'laod'; did you mean 'load'"),
        ({"target": "load", "known": "load"}, r"column 'load' is named for two purposes"),
        ({"time": "load", "target": "day"}, r"column 'day': '2000-01' is not a number"),
    ],
)
def test_fields_that_do_not_fit_are_refused(tmp_path, fields, what):
    with pytest.raises(DataError, match=what):
        _ = section(write(tmp_path / "t.csv", months(30)), **fields).data_schema


def test_several_columns_need_a_target_and_all_takes_the_numbers(tmp_path):
    path = own_files.series(tmp_path / "t.csv", names=("a", "b"))
    with pytest.raises(DataError, match=r"several columns may be the target.*data.target=all: 'a', 'b'"):
        _ = section(path).data_schema
    assert section(path, target="all").data_schema.target.names == ("a", "b")
    assert section(path, target="b", input="all").data_schema.shape == (4, 2)


def test_a_constant_series_is_said_to_have_no_mase(tmp_path):
    rows = [(day, 5) for day, _ in months(30)]
    splits = section(write(tmp_path / "t.csv", rows)).load(OFFLINE)
    assert any("MASE is undefined" in one.text for one in splits.findings)


def test_classes_of_series_are_padded_with_nan_and_keep_the_given_splits(tmp_path):
    path = own_files.labelled_series(tmp_path)
    data = DATASETS.select(str(path))
    assert data.type == "series_classes"
    splits = data.load(OFFLINE)
    assert len(splits.test) == 12 and splits.validation is not None
    x = np.asarray(splits.test.x)
    lengths = (~np.isnan(x[:, :, 0])).sum(axis=1)
    text = (tmp_path / "Waves_TEST.ts").read_text().split("@data\n")[1].splitlines()
    assert lengths.tolist() == [line.split(":")[0].count(",") + 1 for line in text]
    assert np.array_equal(np.isnan(x[:, :, 0]), np.isnan(x[:, :, 1]))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1,2:3,4:fast", None),
        ("1,?:3,4:fast", r"a.ts:3: '\?' is missing; fill it in"),
        ("1,2:3:fast", r"a.ts:3: its columns have different lengths: 2, 1"),
        ("1,x:3,4:fast", r"a.ts:3: 'x' is not a number"),
    ],
)
def test_series_that_cannot_be_read_are_refused_with_their_line(tmp_path, line, what):
    from deepcli.data.sources.series_files import read_series_files

    path = tmp_path / "a.ts"
    path.write_text(f"@classLabel true slow fast\n@data\n{line}\n")
    if what is None:
        (one,) = read_series_files([(path, None)]).series
        assert ([list(column) for column in one.columns], one.label) == ([[1, 2], [3, 4]], "fast")
        return
    with pytest.raises(DataError, match=what):
        read_series_files([(path, None)])


def test_a_single_wrong_time_does_not_make_another_column_of_it(tmp_path):
    rows = [*months(30)]
    rows[7] = ("soon", 7)
    with pytest.raises(DataError, match=r"t.csv:9: column 'day': 'soon' is not a time like those before it"):
        _ = section(write(tmp_path / "t.csv", rows)).data_schema
