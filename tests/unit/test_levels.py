"""Which range numbers have is judged only where it is clear."""

import numpy as np
import pytest

from deepcli.errors import DataError
from deepcli.inputs.images import survey
from deepcli.inputs.levels import PixelError, UnknownRange, Values, judge, to_bytes
from deepcli.inputs.picture import Wanted

RAMP = np.linspace(0, 1, 64)


@pytest.mark.parametrize(
    ("pixels", "limits"),
    [
        (np.arange(256, dtype=np.uint8), (0, 255)),
        (np.array([3, 40], np.uint8), (0, 255)),
        (np.arange(256, dtype=np.int64), (0, 255)),
        (np.arange(256, dtype=np.float32), (0, 255)),
        (RAMP, (0, 1)),
        (RAMP.astype(np.float16) / 2, (0, 1)),
        (np.array([False, True]), (0, 1)),
        (np.array([0, 1]), (0, 1)),
        (np.array([0.0, 1.0]), (0, 1)),
        (np.zeros(3), (0, 1)),
        (np.array([0, 65_535], np.uint16), (0, 65_535)),
        (np.array([0, 20_000], np.int32), (0, 65_535)),
    ],
)
def test_a_clear_range_is_taken(pixels, limits):
    assert judge(Values.of(pixels)) == limits


@pytest.mark.parametrize(
    "pixels",
    [
        RAMP * 16,
        RAMP * 100,
        RAMP / 255,
        RAMP * 1.02,
        RAMP * 65_535,
        RAMP * 2 - 1,
        np.arange(17),
        np.arange(17, dtype=np.uint8),
        np.array([0, 1], np.uint8),
        np.array([-128, 127], np.int8),
        np.array([0, 1023], np.uint16),
        np.array([0, 4095], np.uint16),
        np.array([0, 16_383], np.uint16),
        np.array([0, 65_536], np.int32),
        np.array([0, 2**32 - 1], np.uint32),
    ],
)
def test_a_doubtful_range_is_refused(pixels):
    with pytest.raises(UnknownRange, match="its values range from"):
        judge(Values.of(pixels))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_even_with_a_range(odd):
    pixels = np.array([0, odd, 1])
    with pytest.raises(PixelError, match="NaN or infinity"):
        judge(Values.of(pixels).joined(Values.of(RAMP)))
    with pytest.raises(PixelError):
        to_bytes(pixels, (0, 1))


def test_the_limits_are_black_and_white():
    assert to_bytes(np.array([-1, 0, 1]), (-1, 1)).tolist() == [0, 128, 255]
    assert to_bytes(np.array([0, 8, 16], np.uint8), (0, 16)).tolist() == [0, 128, 255]
    assert to_bytes(np.array([1.0000001, -1e-9]), (0, 1)).tolist() == [255, 0]
    with pytest.raises(PixelError, match="range from 0 to 2, outside 0 to 1"):
        to_bytes(np.array([0, 2]), (0, 1))


def looked(*pieces, bright_on_dark=True, invert=None, limits=None):
    told: list[str] = []
    images = survey(pieces, Wanted((6, 6, 1), bright_on_dark), invert, limits, "x.npy", told.append)
    return np.concatenate([images.take(rows, "x.npy") for rows in pieces])[..., 0], told


def drawn(count, ground=0.0, ink=1.0):
    x = np.full((count, 6, 6), ground)
    x[:, 2:4, 2:4] = ink
    return x


def test_the_range_is_judged_over_the_whole_file():
    x, told = looked(drawn(3, ink=0.1), drawn(1))
    assert x[0, 2, 2] == 26 and x[3, 2, 2] == 255
    assert told == ["x.npy: values read as 0 (black) to 1 (white)"]
    x, told = looked(drawn(3), drawn(1, ink=200.0))
    assert x[0, 2, 2] == 1 and x[3, 2, 2] == 200 and "0 (black) to 255 (white)" in told[0]


def test_bytes_are_taken_as_they_are_without_a_word():
    x, told = looked(drawn(3, ink=200).astype(np.uint8))
    assert x.max() == 200 and not told


def test_a_given_range_that_leaves_all_black_is_spoken_of():
    assert looked(drawn(3), limits=(0, 255))[1] == ["x.npy: nearly black in the given range; its highest value is 1"]
    assert not looked(drawn(3), limits=(0, 1))[1]


def test_the_ground_is_judged_over_the_whole_file():
    x, told = looked(drawn(30, ground=1.0, ink=0.0), drawn(2))
    assert x[0, 0, 0] == 0 and x[0, 2, 2] == 255 and x[31, 0, 0] == 255
    assert told[1] == "x.npy: its images were inverted because they are dark on a bright background"
    with pytest.raises(DataError, match=r"x.npy: 60% .* bright background and 40% a dark one.*--invert or --no-invert"):
        looked(drawn(6, ground=1.0, ink=0.0), drawn(4))
    assert looked(drawn(6, ground=1.0, ink=0.0), drawn(4), invert=False)[0][0, 0, 0] == 255
    assert looked(drawn(6), invert=True)[0][0, 0, 0] == 255
    assert looked(drawn(6, ground=1.0, ink=0.0), bright_on_dark=None)[0][0, 0, 0] == 255
    assert looked(drawn(6), bright_on_dark=False)[0][0, 0, 0] == 255


def test_noise_has_no_ground_to_quarrel_about():
    x = np.random.RandomState(0).randint(0, 256, (50, 6, 6))
    assert looked(x)[0].shape == (50, 6, 6)
