"""Drawings are cut out, brought to size and centred as those of the data set were."""

from typing import Any, cast

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepcli.data import DATASETS
from deepcli.inputs.drawings import fit_drawing
from deepcli.inputs.shapes import find_shapes
from deepcli.inputs.wanted import wanted_by

MNIST, DIGITS = (wanted_by(cast(Any, DATASETS.select(name))) for name in ("mnist", "digits"))


def canvas(size=(300, 200), ground="white"):
    image = Image.new("RGB", size, ground)
    return image, ImageDraw.Draw(image)


def fitted(image, wanted=MNIST, invert=None):
    pixels, done = fit_drawing(image, wanted.shape, invert, True, **wanted.preparation)
    assert pixels.dtype == np.uint8 and pixels.shape == wanted.shape
    return pixels[..., 0], done


def box_of(pixels):
    rows, columns = (np.flatnonzero((pixels > 127).any(axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def mass_of(pixels):
    return tuple(float((pixels.sum(axis=1 - axis) @ np.arange(28)) / pixels.sum()) for axis in (0, 1))


@pytest.mark.parametrize("size", [(60, 60), (300, 200), (900, 1300)])
@pytest.mark.parametrize(("wide", "high"), [(40, 20), (20, 40), (30, 30)])
def test_a_block_fills_20_pixels_and_keeps_its_sides(size, wide, high):
    image, draw = canvas(size)
    draw.rectangle([7, 9, 7 + wide - 1, 9 + high - 1], fill="black")
    pixels, done = fitted(image)
    top, bottom, left, right = box_of(pixels)
    assert max(bottom - top, right - left) == 20
    assert (bottom - top) / (right - left) == pytest.approx(high / wide, rel=0.11)
    assert all(13.5 <= middle <= 14.5 for middle in mass_of(pixels))
    assert "dark on a bright background" in done[0] and f"of {size[0]}x{size[1]})" in done[-1]


def test_the_centre_of_mass_is_in_the_middle_not_that_of_the_box():
    image, draw = canvas()
    draw.rectangle([50, 40, 149, 79], fill="black")  # a heavy top
    draw.rectangle([50, 80, 69, 139], fill="black")  # and a leg on the left
    pixels, _ = fitted(image)
    top, bottom, left, right = box_of(pixels)
    assert bottom - top == right - left == 20
    assert all(13.5 <= middle <= 14.5 for middle in mass_of(pixels))
    assert (top + bottom) / 2 > 15 and (left + right) / 2 > 15


def l_shape(ink, ground):
    image, draw = canvas((400, 300), ground)
    draw.line([(180, 60), (180, 200), (260, 200)], fill=ink, width=24)
    return image


REFERENCE = fitted(l_shape("black", "white"))[0].astype(float)


@pytest.mark.parametrize(
    ("ink", "ground"),
    [("white", "black"), ("blue", "white"), ("yellow", "white"), ("#e0e0e0", "#f8f8f8"), ((200, 0, 0), (0, 102, 0))],
)
def test_any_ink_on_any_ground_is_the_same_drawing(ink, ground):
    assert np.abs(fitted(l_shape(ink, ground))[0] - REFERENCE).mean() < 3


def test_uneven_light_noise_specks_and_the_edge_of_a_table_change_little():
    pixels = np.asarray(l_shape("black", "white"), float) * 0.85 + 20
    down, across = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 1, 400), indexing="ij")
    pixels *= (1 - 0.5 * across - 0.15 * down)[..., None]
    pixels += np.random.RandomState(0).normal(0, 8, pixels.shape)
    pixels[5:8, 350:353] = pixels[250:252, 20:22] = 0
    pixels[285:] = 30
    assert np.abs(fitted(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))[0] - REFERENCE).mean() < 10


def test_ink_may_differ_less_from_its_ground_than_the_light_varies():
    ink = np.asarray(l_shape("black", "white"), float) < 128
    down, across = np.meshgrid(np.linspace(-1, 1, 300), np.linspace(-1, 1, 400), indexing="ij")
    light = 240 - 40 * across - 20 * down - 50 * across**2 - 40 * down**2
    sheet = light[..., None] * np.where(ink, 0.7, 1.0)
    assert light.min() < 0.4 * light.max()
    assert np.abs(fitted(Image.fromarray(sheet.astype(np.uint8)))[0] - REFERENCE).mean() < 8


def test_thin_strokes_become_those_of_a_pen():
    image, draw = canvas((400, 300))
    draw.line([(180, 60), (180, 200), (260, 200)], fill="black", width=2)
    pixels, _ = fitted(image)
    assert (pixels > 200).sum() > 25


def test_inverting_says_what_is_ink():
    image, draw = canvas((200, 200), "grey")
    draw.rectangle([20, 20, 59, 99], fill="black")
    draw.rectangle([120, 20, 199, 59], fill="white")
    dark, bright = (box_of(fitted(image, invert=invert)[0]) for invert in (True, False))
    assert (dark[1] - dark[0], dark[3] - dark[2]) == (20, 10)
    assert (bright[1] - bright[0], bright[3] - bright[2]) == (10, 20)


def test_two_digits_and_a_border_of_ink_are_spoken_of():
    image, draw = canvas()
    draw.rectangle([40, 40, 79, 159], fill="black")
    draw.rectangle([140, 40, 179, 159], fill="black")
    assert "several shapes side by side, read as one drawing" in fitted(image)[1]
    image, draw = canvas((100, 100))
    draw.rectangle([0, 0, 54, 99], fill="black")
    assert any("hard to distinguish" in line for line in fitted(image)[1])


def test_an_empty_sheet_has_no_drawing():
    assert fit_drawing(canvas()[0], MNIST.shape, None, True, **MNIST.preparation) is None
    assert fit_drawing(Image.new("L", (1, 400), 30), MNIST.shape, None, True, **MNIST.preparation) is None


def test_digits_are_counts_of_bits_in_blocks_of_4x4():
    image, draw = canvas()
    draw.ellipse([80, 40, 139, 139], outline="black", width=16)
    pixels, _ = fitted(image, DIGITS)
    assert set(np.unique(pixels)) <= {round(count * 255 / 16) for count in range(17)}
    assert (pixels.max(axis=1) > 0).all() and (pixels[:, [0, 7]] == 0).all()
    assert np.array_equal(pixels, pixels[:, ::-1])
    narrow, draw = canvas()
    draw.rectangle([80, 40, 99, 139], fill="black")
    assert np.count_nonzero(fitted(narrow, DIGITS)[0].max(axis=0)) == 2


def test_clothes_and_photos_are_not_drawings():
    for name in ("fashion_mnist", "cifar10"):
        assert wanted_by(cast(Any, DATASETS.select(name))).preparation is None
    assert wanted_by(cast(Any, DATASETS.select("mnist")), fit=False).preparation is None


def test_shapes_hang_together_diagonally_too():
    mask = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 0, 1, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 1]], bool)
    labels, shapes = find_shapes(mask)
    assert [shape.area for shape in sorted(shapes, key=lambda shape: shape.area)] == [1, 2, 3, 4]
    assert labels[0, 0] == labels[1, 1] and labels[0, 4] == labels[2, 3] and labels[3, 0] == labels[4, 2]
    assert labels[0, 0] != labels[0, 4] and (labels[~mask] == -1).all()
    corner = next(shape for shape in shapes if shape.area == 3)
    assert (corner.top, corner.left, corner.bottom, corner.right) == (0, 3, 3, 5)


def test_shapes_are_those_of_scipy():
    from scipy import ndimage

    for seed in range(5):
        mask = np.random.RandomState(seed).rand(40, 60) < 0.4
        labels, shapes = find_shapes(mask)
        theirs, count = ndimage.label(mask, np.ones((3, 3)))
        assert len(shapes) == count
        assert len({*zip(labels[mask].tolist(), theirs[mask].tolist(), strict=True)}) == count
        sizes = ndimage.sum_labels(mask, theirs, range(1, count + 1)).astype(int)
        assert sorted(shape.area for shape in shapes) == sorted(sizes.tolist())
