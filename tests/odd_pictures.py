"""Pictures of every mode and form that people have, each with a 7 on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def seven(size: tuple[int, int] = (90, 70), ink: int = 0, ground: int = 255) -> Image.Image:
    """Draw a 7 in grey."""
    image = Image.new("L", size, ground)
    width, height = size
    points = [(0.35 * width, 0.2 * height), (0.6 * width, 0.2 * height), (0.45 * width, 0.8 * height)]
    ImageDraw.Draw(image).line(points, fill=ink, width=max(1, height // 10))
    return image


def inked(color: tuple[int, int, int], strength: float = 1.0) -> Image.Image:
    """Draw a 7 on nothing."""
    image = Image.new("RGBA", (90, 70), (*color, 0))
    image.putalpha(seven(ink=round(255 * strength), ground=0))
    return image


def write_odd_pictures(folder: Path) -> list[Path]:
    """Write them all; the files in order. Some cannot be read: `no-…`."""
    grey = seven()
    pixels = np.asarray(grey)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    palette = inked((255, 255, 255)).convert("P")
    palette.info["transparency"] = 0
    sheet = grey.convert("LA")
    sheet.putalpha(Image.new("L", (90, 70), 255))
    sheet.paste((0, 0), (0, 0, 90, 6))
    kinds = {
        "1.png": grey.convert("1"), "l.png": grey, "l-white-ink.png": seven(ink=255, ground=0), "la.png": sheet,
        "p.png": grey.convert("RGB").quantize(4), "p-transparent.png": palette, "rgb.jpg": grey.convert("RGB"),
        "rgba-white.png": inked((255, 255, 255)), "rgba-faint-white.png": inked((255, 255, 255), 0.3),
        "rgba-black.png": inked((0, 0, 0)), "rgba-opaque.png": grey.convert("RGBA"), "no-rgba-dim.png": seven(ink=9, ground=0).convert("RGBA"),
        "rgba-red.png": inked((200, 0, 0)), "rgba-empty.png": inked((9, 9, 9), 0),
        "cmyk.jpg": grey.convert("RGB").convert("CMYK"), "ycbcr.tif": grey.convert("YCbCr"),
        "16-bits.png": Image.fromarray(pixels.astype(np.uint16) * 257),
        "no-12-bits.png": Image.fromarray(pixels.astype(np.uint16) * 16),
        "32-bits.tif": Image.fromarray(pixels.astype(np.int32)),
        "no-32-bits.tif": Image.fromarray(pixels.astype(np.int32) * 1_000_000),
        "float-to-1.tif": Image.fromarray((pixels / np.float32(300)).astype(np.float32)),
        "float-to-255.tif": Image.fromarray(pixels.astype(np.float32)),
        "no-float-to-16.tif": Image.fromarray((pixels / np.float32(16)).astype(np.float32)),
        "no-float-nan.tif": Image.fromarray(np.where(pixels > 9, np.float32(np.nan), np.float32(0))),
        "own-size.png": seven((28, 28), 255, 0), "own-size-dark.png": seven((32, 32)), "no-dim.png": seven(ink=9, ground=0),
        "tiny.png": seven((7, 9)), "one.png": Image.new("L", (1, 1), 200), "wide.png": seven((900, 3)),
        "tall.png": seven((2, 700)), "large.png": seven((1500, 1200)), "blank.png": Image.new("RGB", (50, 40), "pink"),
    }  # fmt: skip
    for name, image in kinds.items():
        image.save(folder / name)
    grey.save(folder / "rotated.jpg", exif=rotated)
    grey.save(folder / "rotated.png", exif=rotated)
    (folder / "no-picture.png").write_bytes(b"seven")
    (folder / "no-torn.png").write_bytes((folder / "large.png").read_bytes()[:300])
    return sorted(folder.iterdir())
