"""Converts drawings to images like those of a data set: cropped, resized, and centred.

The text of this file is also part of `usage.py` beside exported models, so it imports only NumPy and Pillow.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageFilter

from deepcli.inputs.ink import Area, find_ink, planes
from deepcli.inputs.shapes import Shape, find_shapes

SEARCHED = 480
"""Pixels of a picture's longer side while it is searched for a drawing."""
MEASURED = 240
"""Pixels of a drawing's longer side while it is measured."""
THINNEST = 0.09
"""Minimum width of strokes as a fraction of the drawing's size, as of pens on paper forms."""


def fit_drawing(
    image: Image.Image,
    shape: tuple[int, int, int],
    invert: bool | None,
    bright_on_dark: bool,
    field: tuple[int, int],
    box: tuple[int, int],
    stretched: bool,
    by_mass: bool,
) -> tuple[np.ndarray, list[str]] | None:
    """Convert a drawing to an image like those of a data set.

    Args:
        image: L or RGB; its ink may be darker or brighter than its background, or of another colour.
        shape: (height, width, channels) of the result.
        invert: True if the drawing is the inverse of the data set's images (dark ink where they are bright on dark),
            False if it is like them; None accepts any ink that differs from the background.
        bright_on_dark: Whether the data set's images are bright on dark.
        field: (height, width) of the bitmap on which the drawing is placed; a multiple of the result's size if each pixel
            of the result counts the inked pixels in a block of the bitmap.
        box: Maximum (height, width) of the drawing on the bitmap.
        stretched: Whether it fills the box in both directions, unless it is narrow; otherwise it keeps its aspect ratio.
        by_mass: Whether its centre of mass is in the middle; otherwise the middle of its box is.

    Returns:
        uint8 (height, width, channels), and notices about what was done; None if no drawing is found.
    """
    found = _cut_out(image, None if invert is None else invert == bright_on_dark)
    if found is None:
        return None
    shares, (left, top, right, bottom), done = found
    canvas = _place(_brought_to_size(_thickened(shares), box, stretched), field, by_mass)
    if field != shape[:2]:
        rows, columns = field[0] // shape[0], field[1] // shape[1]
        bits = (canvas > 127.5).reshape(shape[0], rows, shape[1], columns)
        canvas = bits.mean(axis=(1, 3)) * 255
    pixels = np.round(canvas if bright_on_dark else 255 - canvas).astype(np.uint8)
    size = f"{right - left}x{bottom - top} at {left},{top} of {image.width}x{image.height}"
    done.append(f"cropped ({size}) and fitted like the drawings of the training data")
    return np.repeat(pixels[..., None], shape[2], axis=2), done


def _cut_out(image: Image.Image, dark: bool | None) -> tuple[np.ndarray, tuple[int, int, int, int], list[str]] | None:
    """Find and crop the drawing: how much ink each pixel has, its box (left, top, right, bottom), and notices."""
    factor = -(-max(image.size) // SEARCHED)
    small = image.reduce(factor) if factor > 1 else image
    smooth = planes(small.filter(ImageFilter.BoxBlur(1)) if min(small.size) >= 64 else small)
    ink = find_ink(smooth, dark)
    mask = ink.shares(smooth) > 0.6 if ink else np.zeros(1, bool)
    if ink is None or not mask.any():
        return None
    done = [f"read as {'dark on a bright' if ink.dark else 'bright on a dark'} background"]
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    if border.mean() > 0.3:
        done.append("drawing and background are hard to distinguish")
    mask, shapes = _drawn(mask)
    if _side_by_side(shapes):
        done.append("several shapes side by side, read as one drawing")
    near = Image.fromarray(np.uint8(255) * mask).filter(ImageFilter.MaxFilter(5))
    left, top, right, bottom = near.getbbox() or (0, 0, *near.size)
    box = (left * factor, top * factor, min(right * factor, image.width), min(bottom * factor, image.height))
    area = Area(box[1] / image.height, box[0] / image.width, box[3] / image.height, box[2] / image.width)
    part = image.crop(box)
    factor = -(-max(part.size) // MEASURED)
    part = part.reduce(factor) if factor > 1 else part
    allowed = near.crop((left, top, right, bottom)).resize(part.size, Image.Resampling.NEAREST)
    shares = ink.shares(planes(part), area) * (np.asarray(allowed) > 0)
    return (shares, box, done) if (shares > 0.5).any() else None


def _extent(shape: Shape) -> int:
    return max(shape.bottom - shape.top, shape.right - shape.left)


def _drawn(mask: np.ndarray) -> tuple[np.ndarray, list[Shape]]:
    """Choose the shapes of a mask that make up the drawing, without specks, edges of the sheet or the table under it."""
    labels, shapes = find_shapes(mask)
    height, width = mask.shape

    def is_edge(shape: Shape) -> bool:
        touched = (shape.top == 0) + (shape.left == 0) + (shape.bottom == height) + (shape.right == width)
        long = shape.bottom - shape.top > 0.9 * height or shape.right - shape.left > 0.9 * width
        return bool(touched > 1 and long)

    inner = [shape for shape in shapes if not is_edge(shape)]
    if not inner or max(map(_extent, inner)) < min(height, width) / 20:
        inner = shapes
    largest = max(inner, key=_extent)
    kept = [shape for shape in inner if _extent(shape) >= _extent(largest) / 5 and shape.area >= largest.area / 50]
    numbers = [number for number, shape in enumerate(shapes) if shape in kept]
    return np.isin(labels, numbers), kept


def _side_by_side(shapes: list[Shape]) -> bool:
    """Return whether two tall shapes have a gap between them, like the digits of a number."""
    tall = max(shape.bottom for shape in shapes) - min(shape.top for shape in shapes)
    high = sorted((shape for shape in shapes if shape.bottom - shape.top > 0.6 * tall), key=lambda shape: shape.left)
    return any(before.right < after.left for before, after in pairwise(high))


def _thickened(shares: np.ndarray) -> np.ndarray:
    """Widen strokes that are thinner than those of pens; takes and returns ink (height, width) from 0 to 1."""
    mask = np.pad(shares > 0.5, 1)
    inner = np.asarray(Image.fromarray(np.uint8(255) * mask).filter(ImageFilter.MinFilter(3))) > 0
    area = np.count_nonzero(mask)
    wider = round(THINNEST * max(shares.shape) - 2 * area / (area - np.count_nonzero(inner)))
    if wider < 1:
        return shares
    margin = (wider + 1) // 2
    padded = Image.fromarray(np.round(np.pad(shares, margin) * 255).astype(np.uint8))
    return np.asarray(padded.filter(ImageFilter.MaxFilter(2 * margin + 1)), np.float64) / 255


def _brought_to_size(shares: np.ndarray, box: tuple[int, int], stretched: bool) -> np.ndarray:
    """Scale a drawing to fill a box, with smooth edges; returns levels from 0 to 255."""
    rows, columns = (np.flatnonzero((shares > 0.5).any(axis=axis)) for axis in (1, 0))
    shares = shares[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = shares.shape
    if stretched and width > 0.4 * height:
        tall, wide = box
    else:
        scale = min(box[0] / height, box[1] / width)
        tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    image = Image.fromarray(np.round(shares * 255).astype(np.uint8))
    levels = np.asarray(image.resize((wide, tall), Image.Resampling.LANCZOS), np.float64)
    return np.asarray(levels * (255 / max(levels.max(), 1)))


def _place(levels: np.ndarray, field: tuple[int, int], by_mass: bool) -> np.ndarray:
    """Place a drawing on a black field, moved by whole pixels and without crossing the edges."""
    middles = [(size - 1) / 2 for size in levels.shape]
    if by_mass:
        total = levels.sum()
        middles = [float(levels.sum(axis=1 - axis) @ np.arange(levels.shape[axis]) / total) for axis in (0, 1)]
        targets = [size / 2 for size in field]
    else:
        targets = [(size - 1) / 2 for size in field]
    starts = [
        min(max(round(target - middle), 0), size - own)
        for target, middle, size, own in zip(targets, middles, field, levels.shape, strict=True)
    ]
    canvas = np.zeros(field)
    canvas[starts[0] : starts[0] + levels.shape[0], starts[1] : starts[1] + levels.shape[1]] = levels
    return canvas
