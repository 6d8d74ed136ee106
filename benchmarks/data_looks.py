"""Time `deepcli data` on made data: a table of 100,000 rows and 10 columns, and 10,000 JPEG of 100x100.

Usage: python benchmarks/data_looks.py [--times N]; each run begins with an empty cache. Prints wall and CPU seconds.
"""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import measure, spread
from PIL import Image

ROWS, PICTURES, CLASSES = 100_000, 10_000, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        table, photos = write_table(Path(folder)), write_photos(Path(folder))
        for name, words in {"table": [table, "data.target=label"], "pictures": [photos]}.items():
            used = []
            for number in range(times):
                os.environ["DEEPCLI_CACHE_DIR"] = f"{folder}/cache {name} {number}"
                used.append(measure([sys.executable, "-m", "deepcli", "data", *words]))
            print(f"{name:<10} wall {spread([one.wall for one in used])} s  CPU {spread([one.cpu for one in used])} s")


def write_table(folder: Path) -> str:
    """Write six numbers, two categories, a date and a class for each row."""
    draw = random.Random(0)
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("a,b,c,d,e,f,city,kind,day,label\n")
        for n in range(ROWS):
            numbers = [draw.gauss(0, 1) for _ in range(6)]
            city, kind, label = (
                draw.choice(["Paris", "Rome", "Oslo"]),
                draw.choice("xyz"),
                numbers[0] + draw.gauss(0, 1) > 0,
            )
            day = f"2020-{1 + n % 12:02d}-{1 + n % 28:02d}"
            file.write(",".join([*(f"{one:.4f}" for one in numbers), city, kind, day, "yes" if label else "no"]) + "\n")
    return str(path)


def write_photos(folder: Path) -> str:
    """Write pictures of smooth noise in ten classes."""
    draw = np.random.RandomState(0)
    for label in range(CLASSES):
        (folder / "photos" / str(label)).mkdir(parents=True)
        for n in range(PICTURES // CLASSES):
            small = Image.fromarray(draw.randint(0, 255, (12, 12, 3)).astype(np.uint8))
            small.resize((100, 100), Image.Resampling.BICUBIC).save(
                folder / "photos" / str(label) / f"{n}.jpg", quality=90
            )
    return str(folder / "photos")


if __name__ == "__main__":
    main()
