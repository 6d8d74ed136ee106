"""The quick way of decoding JPEG files gives the bits of the slow one, or leaves the file to it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepcli.data.arrays.decoding import decode
from deepcli.data.arrays.fitting import PictureError
from deepcli.data.arrays.quick_jpeg import quick_jpeg

RESIZES = ("crop", "pad", "stretch")


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Draw smooth and sharp parts, with noise."""
    rng = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[:height, :width]
    planes = [255 * x / width, 255 * y / height, 255 * ((x // 5 + y // 3) % 2)]
    pixels = np.stack(planes, -1) * 0.8 + rng.uniform(0, 50, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(picture(33, 21), exif=exif)


ORDINARY = {
    "4:4:4": jpeg(picture(33, 21), subsampling=0),
    "4:2:2": jpeg(picture(33, 21), subsampling=1),
    "4:2:0": jpeg(picture(33, 21), subsampling=2),
    "4:2:0 of even sides": jpeg(picture(32, 48), subsampling=2, quality=95),
    "poor": jpeg(picture(40, 40), quality=3),
    "progressive": jpeg(picture(37, 50), progressive=True, quality=80),
    "optimized, with restarts": jpeg(picture(64, 64), optimize=True, restart_marker_rows=1),
    "grey": jpeg(picture(33, 21, "L")),
    "progressive grey": jpeg(picture(50, 31, "L"), progressive=True),
    "one pixel": jpeg(picture(1, 1)),
    "a line": jpeg(picture(60, 1)),
    "with a comment": jpeg(picture(20, 20), comment=b"x" * 500),
    **{f"orientation {k}": turned(k) for k in range(1, 9)},
}


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_files_have_the_bits_of_pillow(name, channels, resize):
    for size in ((21, 33), (32, 32), (64, 20), (90, 100)):
        quick = quick_jpeg(ORDINARY[name], size, channels, resize)
        assert quick is not None and quick.dtype == np.uint8
        np.testing.assert_array_equal(quick, decode(ORDINARY[name], size, channels, resize))


SAMPLING = b"\x03\x01\x22"
"""In the header of a 4:2:0 file: three components, of which the first has twice the width and height of the others."""
OTHERS = {
    "CMYK": jpeg(picture(20, 20, "CMYK")),
    "a subsampling without a name": jpeg(picture(20, 20), subsampling=2).replace(SAMPLING, b"\x03\x01\x14"),
    "RGB without conversion": jpeg(picture(20, 20), keep_rgb=True),
    "truncated": jpeg(picture(50, 50))[:-200],
    "without an end": jpeg(picture(20, 20))[:-2],
    "a header alone": jpeg(picture(20, 20))[:300],
    "nothing": b"",
    "a PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "large enough to be read reduced": jpeg(picture(128, 128)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_left_to_pillow(name):
    assert quick_jpeg(OTHERS[name], (20, 20), 3, "stretch") is None


@given(
    st.sampled_from(sorted(ORDINARY)),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=3),
    st.sampled_from([1, 3]),
)
def test_damaged_files_are_left_to_pillow_or_read_alike(name, changes, channels):
    content = bytearray(ORDINARY[name])
    for place, value in changes:
        content[place % len(content)] = value
    quick = quick_jpeg(bytes(content), (24, 24), channels, "stretch")
    if quick is None:
        return
    try:
        slow = decode(bytes(content), (24, 24), channels, "stretch")
    except PictureError as error:
        pytest.fail(f"read, though {error}")
    np.testing.assert_array_equal(quick, slow)
