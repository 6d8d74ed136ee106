"""Draws pictures of each class in a grid, with the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepcli.system.atomic import replacing

COLUMNS, MOST_CLASSES = 8, 50
SIDE, LARGEST = 64, 160
"""Pixels of the longer side that small pictures are enlarged to at least, and that large ones are reduced to."""
GAP, NAME = 4, 140
PAPER, INK = 255, 0
LETTERS = 20


def draw_sheet(images: np.ndarray, classes: Sequence[Sequence[int]], names: Sequence[str], path: Path) -> None:
    """Write a PNG with a row for each class: its name, then some of its pictures at equal distances.

    Args:
        images: uint8 (examples, height, width, channels).
        classes: The places of the examples of each class; without classes, all in one.
        names: The names of the classes.
        path: The file.

    Raises:
        TrainingError: The file cannot be written.
    """
    rows = [(name, _chosen(places)) for name, places in zip(names, classes, strict=True) if len(places)][:MOST_CLASSES]
    height, width = _size(images.shape[1:3])
    columns = max(len(chosen) for _, chosen in rows)
    paper = Image.new("RGB", (NAME + columns * (width + GAP), GAP + len(rows) * (height + GAP)), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default()
    for row, (name, chosen) in enumerate(rows):
        top = GAP + row * (height + GAP)
        draw.text((GAP, top + height // 2 - 6), _drawable(name), fill=(INK,) * 3, font=font)
        for column, place in enumerate(chosen):
            paper.paste(_picture(images[place], (width, height)), (NAME + column * (width + GAP), top))
    with replacing(path) as temporary:
        paper.save(temporary, "PNG")


def _chosen(places: Sequence[int]) -> list[int]:
    step = max(len(places) // COLUMNS, 1)
    return list(places[::step][:COLUMNS])


def _size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width at which pictures are drawn."""
    longest = max(size)
    scale = -(-SIDE // longest) if longest < SIDE else min(1.0, LARGEST / longest)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _picture(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    whole = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image[..., :3]))
    # Small pictures keep their pixels as they are; large ones are reduced smoothly.
    way = Image.Resampling.NEAREST if size[0] >= whole.width else Image.Resampling.BILINEAR
    return whole.convert("RGB").resize(size, way)


def _drawable(name: str) -> str:
    """Return a name in the letters of Pillow's own font: others are escaped."""
    text = name.encode("latin-1", "backslashreplace").decode("latin-1")
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."
