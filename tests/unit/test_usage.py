"""The script beside an export reads pictures as `predict` does, where deepcli is not installed."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from deepcli.data import DATASETS
from deepcli.export.usage import reading_code, usage
from deepcli.inputs.reading import ImageReader, ReadOptions
from deepcli.tasks import TASKS

from ..odd_pictures import seven, write_odd_pictures

LOADING = """
SEEN = []


def run(x):
    SEEN.append(x[0])
    np.save(FOLDER / "seen.npy", SEEN)
    return np.eye(10, dtype=np.float32)[:1]
"""
WITHOUT_DEEPCLI = """
import runpy, sys
sys.modules["deepcli"] = None  # whoever imports it gets an ImportError
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def script(data, folder, change=lambda text: text):
    """Write `usage.py` for a model that keeps what it is given."""
    height, width, channels = data.signature.shape
    model = SimpleNamespace(
        input_name="image",
        length=None,
        signature=lambda fixed: SimpleNamespace(shape=(None, height, width, channels)),
    )
    format_ = SimpleNamespace(runtime="nothing", loading=LOADING, fixed=False)
    answer = TASKS.select("classification").usage_code(data.names_of(10), cast(Any, None))
    text = usage(cast(Any, format_), cast(Any, model), data, reading_code(data, None, False), answer)
    (folder / "usage.py").write_text(change(text), encoding="utf-8")
    return folder / "usage.py"


def run(path, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [sys.executable, "-I", "-W", "error", "-c", WITHOUT_DEEPCLI, path, *arguments]
    return subprocess.run([*map(str, words)], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("name", ["mnist", "digits", "fashion_mnist", "cifar10"])
def test_it_sees_every_odd_picture_as_predict_does(name, tmp_path):
    (tmp_path / "odd").mkdir()
    pictures = write_odd_pictures(tmp_path / "odd")
    data: Any = DATASETS.select(name)
    told: list[str] = []
    errors: list[str] = []
    reader = ImageReader(data, ReadOptions(), told.append, errors.append)
    expected = [(example.name, example.x) for example in reader.read(map(str, pictures))]
    done = run(script(data, tmp_path), *pictures)
    assert done.returncode == 1, done.stderr
    assert [line.split("  ")[1] for line in done.stdout.splitlines()] == [name for name, _ in expected]
    for (path, x), theirs in zip(expected, np.load(tmp_path / "seen.npy"), strict=True):
        assert np.array_equal(x, theirs), path
    refused = [str(path) for path in pictures if path.name.startswith("no-")]
    assert [line.split(": ")[0] for line in errors] == refused
    complaints = [line for line in done.stderr.splitlines() if line.split(": ")[0] in refused]
    assert [line.split(": ")[0] for line in complaints] == refused
    assert sum("RANGE in this file" in line for line in complaints) == sum("--range" in line for line in errors) == 5
    notes = [line for line in done.stderr.splitlines() if line not in complaints]
    assert notes == told


def test_ink_on_transparency_is_seen_whatever_its_colour(tmp_path):
    write_odd_pictures(tmp_path)
    told: list[str] = []
    reader = ImageReader(cast(Any, DATASETS.select("fashion_mnist")), ReadOptions(), told.append, print)
    assert list(reader.read([str(tmp_path / "rgba-opaque.png")])) and "transparent" not in told[0]
    seen = {}
    for name in ("l", "rgba-white", "rgba-black", "rgba-red", "rgba-faint-white", "la", "p-transparent"):
        [example] = reader.read([str(tmp_path / f"{name}.png")])
        seen[name] = example.x.astype(float)
    for name in ("rgba-white", "rgba-black", "p-transparent"):
        assert np.abs(seen[name] - seen["l"]).mean() < 4, name
    assert np.abs(seen["rgba-faint-white"] - 0.3 * seen["l"]).mean() < 3
    assert np.abs(seen["la"] - seen["l"]).mean() < 4  # a hole in the sheet does not become ink


def test_pictures_are_turned_upright_by_exif_and_left_alone_at_the_models_own_size(tmp_path):
    for name in ("mnist", "fashion_mnist"):
        reader = ImageReader(cast(Any, DATASETS.select(name)), ReadOptions(), print, print)
        odd = seven((60, 60))
        turned = Image.Exif()
        turned[0x0112] = 6  # to be shown turned by a quarter, clockwise
        odd.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=turned)
        odd.save(tmp_path / "upright.png")
        own = np.zeros((28, 28), np.uint8)
        own[1:9, 2:5] = 200  # not where MNIST has its digits
        Image.fromarray(own).save(tmp_path / "own.png")
        words = [str(tmp_path / f"{word}.png") for word in ("turned", "upright", "own")]
        turned_up, upright, left_alone = (example.x[..., 0] for example in reader.read(words))
        assert np.array_equal(turned_up, upright) and upright.max() > 200
        assert np.array_equal(left_alone, own)


def test_its_first_lines_can_be_changed(tmp_path):
    pictures = tmp_path / "odd"
    pictures.mkdir()
    write_odd_pictures(pictures)
    data: Any = DATASETS.select("fashion_mnist")
    given = script(data, tmp_path, lambda text: text.replace("RANGE = None", "RANGE = (0, 4080)"))
    assert run(given, pictures / "no-12-bits.png").returncode == 0
    [plain] = ImageReader(data, ReadOptions(), print, print).read([str(pictures / "l.png")])
    assert np.array_equal(np.load(tmp_path / "seen.npy")[0], plain.x)
    done = run(given, pictures / "missing.png")
    assert done.returncode == 1 and done.stderr.startswith(f"{pictures / 'missing.png'}: ") and not done.stdout


def test_colours_of_12_bits_in_16_are_refused_and_can_be_given(tmp_path):
    path = tmp_path / "deep.tif"
    write_deep(path, 4095)
    data: Any = DATASETS.select("cifar10")
    errors: list[str] = []
    assert not list(ImageReader(data, ReadOptions(), print, errors.append).read([str(path)]))
    assert "nearly black" in errors[0] and "--range LOW:HIGH" in errors[0]
    [example] = ImageReader(data, ReadOptions(limits=(0, 4095)), print, print).read([str(path)])
    assert example.x.max() > 230
    write_deep(path, 65_535)
    assert [example.x.max() for example in ImageReader(data, ReadOptions(), print, print).read([str(path)])] == [255]


def write_deep(path, high):
    """Write a TIFF of 32x32 pixels with 16 bits a colour, which Pillow reads but does not write."""
    import struct

    content = (np.linspace(0, high, 32 * 32 * 3).astype("<u2")).tobytes()
    tags = [(256, 4, 32), (257, 4, 32), (258, 3, 16), (259, 3, 1), (262, 3, 2), (273, 4, 8), (277, 3, 3), (278, 4, 32),
            (279, 4, len(content))]  # fmt: skip
    at = 8 + len(content)
    extra = at + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack("<HHII", tag, 3, 3, extra) if tag == 258 else struct.pack("<HHII", tag, kind, 1, value)
        for tag, kind, value in tags
    )
    path.write_bytes(
        b"II*\0" + struct.pack("<I", at) + content + struct.pack("<H", len(tags)) + entries + bytes(4)
        + struct.pack("<3H", 16, 16, 16)
    )  # fmt: skip


def test_it_says_that_only_the_first_page_is_read(tmp_path):
    pages = [Image.new("L", (28, 28), level) for level in (200, 40)]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    done = run(script(DATASETS.select("fashion_mnist"), tmp_path), tmp_path / "two.tif")
    assert done.returncode == 0 and "only the first of its 2 pages" in done.stderr
