"""Decoding: pictures of every mode, orientation, size and kind of damage, with pixel values worked out by hand."""

import contextlib
import io
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from deepcli.data.arrays import decoding
from deepcli.data.arrays.decoding import decode
from deepcli.data.arrays.fitting import ANIMATION, DARK, PAGES, PictureError, resized
from deepcli.data.arrays.lean_jpeg import lean
from deepcli.data.arrays.picture_sizes import PictureSize, found_channels, found_size, measure

CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255], [128, 128, 128]]], np.uint8)
"""Two rows: red, green, blue; black, white, grey."""
GREYS = np.array([[76, 150, 29], [0, 255, 128]], np.uint8)
"""Their luma: 0.299 red + 0.587 green + 0.114 blue."""


def stored(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def blocks(pixels, side=16):
    """Enlarge every pixel, so that JPEG keeps colours."""
    return Image.fromarray(pixels.repeat(side, 0).repeat(side, 1))


def test_colours_stay_what_they_are_in_their_own_size():
    for format in ("PNG", "BMP", "TIFF"):
        assert (decode(stored(Image.fromarray(CORNERS), format), (2, 3), 3, "crop") == CORNERS).all(), format
    lossless = stored(Image.fromarray(CORNERS), "WEBP", lossless=True)
    assert (decode(lossless, (2, 3), 3, "pad") == CORNERS).all()
    assert (decode(stored(Image.fromarray(CORNERS)), (2, 3), 1, "stretch")[..., 0] == GREYS).all()


def test_the_ending_does_not_matter(tmp_path):
    (tmp_path / "a.jpg").write_bytes(stored(Image.fromarray(CORNERS)))
    found = decode(tmp_path / "a.jpg", (2, 3), 3, "crop")
    assert found.dtype == np.uint8 and (found == CORNERS).all()


def centres(content, height, width, channels=3, notes=None):
    """Decode to three pixels a block and take the middle ones, which no other block reaches."""
    return decode(content, (3 * height, 3 * width), channels, "stretch", notes)[1::3, 1::3]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG", "BMP", "GIF"])
def test_grey_is_the_same_in_every_channel(format):
    content = stored(blocks(np.array([[0, 255, 128]], np.uint8)), format)
    three, one = centres(content, 1, 3), centres(content, 1, 3, 1)
    assert three.shape == (1, 3, 3) and one.shape == (1, 3, 1)
    assert (np.abs(three.astype(int) - [[[0] * 3, [255] * 3, [128] * 3]]) <= 2).all()
    assert (three[..., :1] == one).all() and (three == three[..., :1]).all()


def test_black_and_white():
    content = stored(Image.fromarray(np.array([[0, 255, 0]], np.uint8)).convert("1"))
    assert decode(content, (1, 3), 1, "crop").ravel().tolist() == [0, 255, 0]


def test_16_bits_keep_the_upper_8():
    pixels = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    for format in ("PNG", "TIFF"):
        found = decode(stored(Image.fromarray(pixels), format), (1, 5), 1, "crop")
        assert found.ravel().tolist() == [0, 0, 1, 128, 255], format
    big_endian = Image.frombytes("I;16B", (5, 1), pixels.astype(">u2").tobytes())
    assert decode(stored(big_endian, "TIFF"), (1, 5), 3, "crop")[0, :, 2].tolist() == [0, 0, 1, 128, 255]


def png(pixels, kind, bits):
    """Write a PNG by hand, as Pillow writes no colours of 16 bits."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_colours_of_16_bits_keep_the_upper_8():
    pixels = np.array([[[0x1234, 0xFF00, 0x00FF], [0xFFFF, 0x8000, 0]]], ">u2")
    assert decode(png(pixels, 2, 16), (1, 2), 3, "crop").tolist() == [[[0x12, 0xFF, 0], [0xFF, 0x80, 0]]]
    half = np.array([[[0, 0, 0, 0], [0xFFFF, 0, 0, 0xFFFF]]], ">u2")
    assert decode(png(half, 6, 16), (1, 2), 3, "crop").tolist() == [[[255, 255, 255], [255, 0, 0]]]


def test_a_tiff_in_which_zero_is_white():
    for pixels, white in ((np.array([[0, 65535]], np.uint16), [255, 0]), (np.array([[0, 255]], np.uint8), [255, 0])):
        content = stored(Image.fromarray(pixels), "TIFF", tiffinfo={262: 0})
        # Pillow writes 8-bit pixels turned round for this tag, and 16-bit pixels as they are.
        raw = white if pixels.dtype == np.uint16 else [0, 255]
        assert decode(content, (1, 2), 1, "crop").ravel().tolist() == raw


def test_16_bit_pictures_that_are_nearly_black_are_noted():
    notes: list[str] = []
    decode(stored(Image.fromarray(np.array([[0, 4095]], np.uint16))), (1, 2), 1, "crop", notes)
    assert notes == [DARK]
    decode(stored(Image.fromarray(np.array([[0, 4096]], np.uint16))), (1, 2), 1, "crop", notes)
    assert notes == [DARK]


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.int32), np.ones((2, 2), np.float32)])
def test_numbers_without_a_known_range_are_refused(pixels):
    with pytest.raises(PictureError, match="black and white are unknown"):
        decode(stored(Image.fromarray(pixels), "TIFF"), (2, 2), 1, "crop")


def test_palettes():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 9, 9, 9])
    image.putdata([2, 0, 1])
    for format in ("PNG", "GIF", "BMP", "TIFF"):
        assert decode(stored(image, format), (1, 3), 3, "crop").tolist() == [[[9, 9, 9], [255, 0, 0], [0, 255, 0]]]


def test_transparency_is_over_white():
    pixels = np.array([[[255, 0, 0, 0], [255, 0, 0, 255], [0, 0, 0, 51]]], np.uint8)
    expected = [[[255, 255, 255], [255, 0, 0], [204, 204, 204]]]  # 255 * (1 - 51 / 255)
    assert decode(stored(Image.fromarray(pixels)), (1, 3), 3, "crop").tolist() == expected
    assert (
        decode(stored(Image.fromarray(pixels), "WEBP", lossless=True, exact=True), (1, 3), 3, "crop").tolist()
        == expected
    )
    grey = np.array([[[0, 0], [7, 255], [0, 51]]], np.uint8)
    for channels in (1, 3):
        assert decode(stored(Image.fromarray(grey)), (1, 3), channels, "crop")[0, :, 0].tolist() == [255, 7, 204]


def test_a_transparent_colour_is_white():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    for format in ("PNG", "GIF"):
        assert decode(stored(image, format, transparency=1), (1, 2), 3, "crop").tolist() == [[[255, 0, 0], [255] * 3]]
    for found, key in ((Image.fromarray(GREYS), 0), (Image.fromarray(CORNERS), (0, 0, 0))):
        assert (decode(stored(found, transparency=key), (2, 3), 3, "crop")[1, 0] == 255).all()


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    image = blocks(CORNERS).convert("CMYK")
    found = centres(stored(image, format, **({"quality": 98} if format == "JPEG" else {})), 2, 3)
    inked = np.asarray(image.convert("RGB"))[8::16, 8::16]
    assert (np.abs(found.astype(int) - inked) <= 8).all()


def test_other_colour_spaces():
    image = blocks(CORNERS).convert("YCbCr")
    found = centres(stored(image, "TIFF"), 2, 3)
    assert (np.abs(found.astype(int) - CORNERS) <= 8).all()


TURNS = {
    1: CORNERS, 2: CORNERS[:, ::-1], 3: CORNERS[::-1, ::-1], 4: CORNERS[::-1],
    5: CORNERS.swapaxes(0, 1), 6: np.rot90(CORNERS, -1), 7: CORNERS[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(CORNERS),
}  # fmt: skip


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_rotation_is_applied(format, turn, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"quality": 98, "subsampling": 0} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    content = stored(blocks(CORNERS, 32), format, exif=exif, **options)
    expected = TURNS[turn]
    found = centres(content, *expected.shape[:2])
    assert (np.abs(found.astype(int) - expected) <= 8).all()
    (tmp_path / "a").write_bytes(content)
    assert measure([tmp_path / "a"])[0][:2] == (expected.shape[0] * 32, expected.shape[1] * 32)


def test_leaving_out_metadata_changes_no_pixel():
    image = Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 50, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "words"
    for picture in (image, image.convert("L"), image.convert("CMYK")):
        for options in ({}, {"progressive": True}, {"exif": exif, "icc_profile": b"x" * 70_000, "comment": b"hello"}):
            content = stored(picture, "JPEG", **options)
            short, turn = lean(content)
            assert turn == (6 if "exif" in options else 1)
            assert len(short) <= len(content) and b"words" not in short
            with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(short)) as after:
                assert np.array_equal(np.asarray(before), np.asarray(after))


def test_unusual_jpeg_files_are_left_to_pillow():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = stored(Image.fromarray(CORNERS), "JPEG", exif=exif)
    with_xmp = stored(Image.fromarray(CORNERS), "JPEG", xmp=b'<x tiff:Orientation="6"/>')
    for odd in (
        with_xmp,
        content.replace(b"MM\0*", b"XX\0*"),
        content[:40],
        b"",
        b"\xff\xd8\xff",
        stored(Image.fromarray(CORNERS)),
    ):
        assert lean(odd) == (odd, None)
    turned = stored(blocks(CORNERS), "JPEG", xmp=b'<x tiff:Orientation="6"/>', quality=98)
    assert np.abs(centres(turned, 3, 2).astype(int) - TURNS[6]).max() <= 30


def test_damaged_exif_does_not_spoil_a_picture():
    content = stored(Image.fromarray(CORNERS), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(20), quality=98)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(content, (2, 3), 3, "crop").shape == (2, 3, 3)


def test_of_animations_and_pages_the_first_is_read():
    first, second = Image.new("RGB", (4, 4), (200, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 200))
    for format, note in (("GIF", ANIMATION), ("PNG", ANIMATION), ("WEBP", ANIMATION), ("TIFF", PAGES)):
        notes: list[str] = []
        options = {"lossless": True} if format == "WEBP" else {}
        content = stored(first, format, save_all=True, append_images=[second], **options)
        assert (decode(content, (4, 4), 3, "crop", notes) == [200, 0, 0]).all(), format
        assert notes == [note]
        assert decode(stored(first, format), (4, 4), 3, "crop", notes) is not None and notes == [note]


def test_a_camera_file_with_a_preview_is_an_ordinary_picture():
    notes: list[str] = []
    content = stored(blocks(CORNERS), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))], quality=98)
    found = centres(content, 2, 3, notes=notes)
    assert np.abs(found.astype(int) - CORNERS).max() <= 30 and notes == []


def test_crop_keeps_the_middle():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10], wide[:, 10:20], wide[:, 20:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    assert (decode(stored(Image.fromarray(wide)), (10, 10), 3, "crop") == (0, 255, 0)).all()
    tall = stored(Image.fromarray(wide.swapaxes(0, 1)))
    assert (decode(tall, (10, 10), 3, "crop") == (0, 255, 0)).all()
    assert (decode(tall, (5, 5), 3, "crop")[1:-1] == (0, 255, 0)).all()


def test_crop_of_the_same_scale_moves_no_pixel():
    pixels = np.random.RandomState(0).randint(0, 256, (9, 12, 3), np.uint8)
    assert (decode(stored(Image.fromarray(pixels)), (9, 9), 3, "crop") == pixels[:, 1:10]).all()


def test_pad_adds_black_around_the_whole_picture():
    found = decode(stored(Image.new("RGB", (40, 20), "white")), (8, 8), 3, "pad")
    assert (found[2:6] == 255).all() and (found[:2] == 0).all() and (found[6:] == 0).all()
    assert decode(stored(Image.new("L", (1, 500), 255)), (8, 8), 1, "pad").sum() == 8 * 255


def test_stretch_uses_the_whole_picture():
    wide = np.zeros((10, 20, 3), np.uint8)
    wide[:, 10:] = 255
    found = decode(stored(Image.fromarray(wide)), (4, 4), 3, "stretch")
    assert (found[:, 0] == 0).all() and (found[:, 3] == 255).all()


def test_shrinking_averages():
    fine = np.indices((256, 256)).sum(0) % 2 * 255
    found = decode(stored(Image.fromarray(fine.astype(np.uint8))), (8, 8), 1, "crop")
    assert (np.abs(found.astype(int) - 127) <= 3).all()


def test_enlarging_works():
    assert (decode(stored(Image.new("RGB", (1, 1), (1, 2, 3))), (20, 30), 3, "crop") == (1, 2, 3)).all()


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("turn", [1, 6])
def test_large_jpegs_are_decoded_in_a_smaller_size_with_the_same_result(resize, turn, monkeypatch):
    y, x = np.mgrid[:600, :900]
    pixels = np.stack([x * 255 // 900, y * 255 // 600, (x + y) * 255 // 1500], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    content = stored(Image.fromarray(pixels), "JPEG", quality=95, exif=exif)
    sizes = []
    load = Image.Image.load
    reduced = decode(content, (40, 60), 3, resize)
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda self, mode, size: sizes.append(size))
    whole = decode(content, (40, 60), 3, resize)
    assert load is Image.Image.load and len(sizes) == 1 and min(sizes[0]) >= 40
    assert np.abs(reduced.astype(int) - whole).max() <= 8
    assert np.abs(reduced.astype(int) - whole).mean() <= 1


def test_a_reduced_jpeg_is_still_twice_as_large_as_the_result(monkeypatch):
    found = []
    monkeypatch.setattr(decoding, "resized", lambda image, *args: found.append(image.size) or resized(image, *args))
    content = stored(Image.new("RGB", (1600, 800)), "JPEG")
    decode(content, (50, 50), 3, "crop")
    decode(content, (50, 50), 3, "pad")
    assert found == [(200, 100), (200, 100)]  # not below 2 x 50 on the shorter side; not below 2 x 50 on the longer


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_truncated_and_damaged_files_have_a_reason(format):
    noise = np.random.RandomState(0).randint(0, 256, (60, 60, 3), np.uint8)
    content = stored(Image.fromarray(noise), format)
    for length in (0, 1, 3, 10, 30, len(content) // 2, len(content) - len(content) // 8):
        with pytest.raises(PictureError) as failure:
            decode(content[:length], (60, 60), 3, "crop")
        assert str(failure.value).startswith(("is damaged", "cannot be read as an image", "is empty"))
    rng = np.random.RandomState(1)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.randint(0, len(content), 5):
            damaged[place] = rng.randint(256)
        with contextlib.suppress(PictureError):
            assert decode(bytes(damaged), (20, 20), 3, "crop").shape == (20, 20, 3)


def test_what_cannot_be_opened_has_a_reason(tmp_path):
    for source, why in (
        (b"GIF89a, or not", "cannot be read as an image; supported formats: JPEG"), (b"", "is empty"),
        (tmp_path / "absent.png", "does not exist"), (tmp_path, "Is a directory|not a plain file|Permission"),
    ):  # fmt: skip
        with pytest.raises(PictureError, match=why):
            decode(source, (2, 2), 3, "crop")


def test_bombs_are_refused():
    huge = png(np.zeros((1, 1, 3), np.uint8), 2, 8)
    for side in (12_000, 60_000):
        head = struct.pack(">II", side, side) + huge[24:29]
        bomb = huge[:16] + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + huge[33:]
        with pytest.raises(PictureError, match="more than 134,217,728"):
            decode(bomb, (2, 2), 3, "crop")


def test_files_that_are_too_large_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(stored(Image.fromarray(CORNERS)))
    monkeypatch.setattr(decoding, "MAX_FILE_BYTES", 10)
    with pytest.raises(PictureError, match="is larger than"):
        decode(tmp_path / "a.png", (2, 3), 3, "crop")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_pipe_does_not_hang(tmp_path):
    import os

    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(PictureError, match="not a plain file"):
        decode(tmp_path / "a.png", (2, 3), 3, "crop")


def size(height, width, grey=False):
    return PictureSize(height, width, "L" if grey else "RGB", grey)


def test_the_size_that_nearly_all_have_is_found():
    assert found_size([size(100, 120)] * 95 + [size(3000, 3000)] * 5) == (100, 120)


def test_else_the_medians_are_found_of_those_that_can_be_read():
    assert found_size([size(10, 40), size(20, 50), size(30, 60), None]) == (20, 50)


def test_no_side_is_longer_than_224():
    assert found_size([size(448, 1000)] * 3) == (100, 224)
    assert found_size([size(1000, 1000)]) == (224, 224)
    assert found_size([size(1, 100_000)]) == (1, 224)
    with pytest.raises(ValueError, match="none of the pictures"):
        found_size([None])


def test_channels_are_found_by_modes_and_palettes(tmp_path):
    palette = Image.new("P", (2, 2))
    palette.putpalette([0, 0, 0, 99, 99, 99])
    coloured = Image.new("P", (2, 2))
    coloured.putpalette([0, 0, 0, 99, 99, 98])
    images = [
        Image.new("L", (2, 2)), Image.new("1", (2, 2)), Image.fromarray(np.zeros((2, 2), np.uint16)), Image.new("LA", (2, 2)),
        palette, coloured, Image.new("RGB", (2, 2)),
    ]  # fmt: skip
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number}.png")
    (tmp_path / "7.png").write_bytes(b"nothing")
    found = measure([tmp_path / f"{number}.png" for number in range(8)])
    assert [one and one.grey for one in found] == [True] * 5 + [False] * 2 + [None]
    assert found_channels(found[:5]) == 1 and found_channels(found[:5] + found[7:]) == 1 and found_channels(found) == 3
