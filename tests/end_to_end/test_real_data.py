"""The real MNIST and IMDB, through the command line, for a few steps; and the digits run in full."""

import json
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from deepcli.data.encoding import look_up, split_words

from .conftest import trained

CONFIGS = Path(__file__).parent.parent.parent / "configs"


def test_the_embedded_default_reaches_97_percent(cli):
    done = cli("train", CONFIGS / "digits" / "cnn.yaml", "-o", "run", "--json", "-q")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] >= 0.97


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("config", "overrides", "least"),
    [
        ("mnist/cnn", ["data.limit=6000", "training.epochs=4"], 0.93),
        pytest.param("imdb/mlp", ["data.limit=6000", "training.epochs=4"], 0.78, marks=pytest.mark.long),
    ],
)
def test_a_few_steps_on_real_data_already_learn(cli, config, overrides, least):
    done = cli("train", CONFIGS / f"{config}.yaml", *overrides, "-o", "run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] > least
    environment = json.loads(Path("run/environment.json").read_text())
    assert environment["data"]["verified"] is config.startswith("mnist")
    assert ("differs from the published file" in done.err) is config.startswith("imdb")
    assert cli("evaluate", "run", "--split", "validation", "-q").code == 0


@pytest.fixture(scope="module")
def mnist_run(tmp_path_factory):
    """A conv net that knows MNIST."""
    folder = tmp_path_factory.mktemp("runs") / "mnist"
    words = [
        CONFIGS / "mnist" / "cnn.yaml",
        f"data.path={os.environ['DEEPCLI_DATA_DIR']}",
        "data.limit=20000",
        "training.epochs=3",
    ]
    return trained(folder, *words)


def written(digit, size, place=(0.5, 0.5), font="DejaVuSans.ttf", ink="black", ground="white"):
    """Draw a digit of 200 pixels' height on a square canvas; its place is a share of the room around it."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
    zero = ImageFont.truetype(path, 200).getbbox("0")
    chosen = ImageFont.truetype(path, round(200 * 200 / (zero[3] - zero[1])))
    left, top, right, bottom = chosen.getbbox(str(digit))
    corner = [share * (size - high) for share, high in zip(place, (right - left, bottom - top), strict=True)]
    image = Image.new("RGB", (size, size), ground)
    ImageDraw.Draw(image).text((corner[0] - left, corner[1] - top), str(digit), fill=ink, font=chosen)
    return image


def photographed(image):
    """Light a sheet from one side, and add noise."""
    pixels = np.asarray(image, float)
    down, across = np.meshgrid(*(np.linspace(0, 1, size) for size in pixels.shape[:2]), indexing="ij")
    light = 1 - 0.45 * across - 0.2 * down - 0.3 * ((down - 0.5) ** 2 + (across - 0.5) ** 2)
    noise = np.random.RandomState(0).normal(0, 8, pixels.shape)
    return Image.fromarray(((20 + 0.85 * pixels) * light[..., None] + noise).clip(0, 255).astype(np.uint8))


def noisy(image):
    noise = np.random.RandomState(0).normal(0, 40, (*image.size[::-1], 3))
    return Image.fromarray((np.asarray(image, float) + noise).clip(0, 255).astype(np.uint8))


WRITTEN: dict[str, Callable[[int], Image.Image]] = {
    **{f"{size}": partial(written, size=size) for size in (220, 300, 600, 1200)},
    **{f"{size} off centre": partial(written, size=size, place=(0.85, 0.1)) for size in (220, 300, 600, 1200)},
    "white on black": partial(written, size=300, place=(0.2, 0.7), ink="white", ground="black"),
    "blue": partial(written, size=300, place=(0.2, 0.7), ink=(20, 40, 200)),
    "yellow": partial(written, size=300, place=(0.2, 0.7), ink=(255, 240, 0)),
    "red on green": partial(written, size=300, ink=(200, 0, 0), ground=(0, 102, 0)),
    "bold": partial(written, size=600, font="DejaVuSans-Bold.ttf"),
    "thin": lambda digit: written(digit, 300).filter(ImageFilter.MaxFilter(15)),
    "noise": lambda digit: noisy(written(digit, 600, (0.1, 0.8))),
    "uneven light": lambda digit: photographed(written(digit, 600, (0.9, 0.3))),
}  # fmt: skip


@pytest.mark.real_data
@pytest.mark.xdist_group("mnist run")  # one process trains it for both
def test_peoples_own_digits_are_read(cli, mnist_run):
    Path("digits").mkdir()
    for name, draw in WRITTEN.items():
        for digit in range(10):
            draw(digit).save(f"digits/{name}-{digit}.png")
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    for digit in range(10):
        written(digit, 300, (0.2, 0.3)).rotate(180).save(f"digits/turned by EXIF-{digit}.png", exif=upside_down)
    done = cli("predict", mnist_run, "digits", "--json", "-q")
    rows = [json.loads(line) for line in done.out.splitlines()]
    right = Counter(Path(row["input"]).stem[:-2] for row in rows if row["input"][-5] == row["name"])
    assert len(rows) == 10 * (len(WRITTEN) + 1)
    assert {name: right[name] for name in [*WRITTEN, "turned by EXIF"] if right[name] < 9} == {}


@pytest.mark.real_data
@pytest.mark.xdist_group("mnist run")  # one process trains it for both
def test_fitting_leaves_mnists_own_pictures_alone_and_finds_enlarged_ones(cli, mnist_run):
    with np.load(Path(os.environ["DEEPCLI_DATA_DIR"]) / "mnist.npz") as file:
        x, y = file["x_test"][:300], file["y_test"][:300]
    for folder in ("own", "enlarged"):
        Path(folder).mkdir()
    for number, pixels in enumerate(x):
        Image.fromarray(pixels).save(f"own/{number:03d}.png")
        sheet = Image.new("L", (250, 200), "white")
        large = Image.fromarray(255 - pixels).resize((140, 140), Image.Resampling.BICUBIC)
        sheet.paste(large, (number % 110, (7 * number) % 60))
        sheet.save(f"enlarged/{number:03d}.png")
    accuracy = {}
    for folder, fit in (("own", "auto"), ("own", "none"), ("enlarged", "auto"), ("enlarged", "none")):
        done = cli("predict", mnist_run, folder, "--json", "-q", "--fit", fit)
        accuracy[folder, fit] = np.mean([json.loads(line)["class"] for line in done.out.splitlines()] == y)
    assert accuracy["own", "auto"] == accuracy["own", "none"] > 0.96
    assert accuracy["enlarged", "auto"] > 0.95 > accuracy["enlarged", "none"]


@pytest.mark.real_data
def test_raw_reviews_are_read_as_their_ids_are(cli):
    """Reviews of the test split, spelled out with all their words, get the probabilities that they got as ids.

    But for those with words that were left out of the data as they were written, and are read today: in single quotes, or
    with a typographic apostrophe.
    """
    words = ["data.limit=3000", "training.epochs=1", "optimizer.learning_rate=1e-2", "-o", "run", "-q"]
    assert cli("train", CONFIGS / "imdb" / "mlp.yaml", *words).code == 0
    folder = Path(os.environ["DEEPCLI_DATA_DIR"])
    lexicon = {rank: word for word, rank in json.loads((folder / "imdb_word_index.json").read_text()).items()}
    with np.load(folder / "imdb.npz", allow_pickle=True) as file:
        reviews = file["x_test"]
    kept = np.load("run/predictions-test.npz")
    known = {word for rank, word in lexicon.items() if rank + 3 < 10_000}
    ids = dict.fromkeys(known, 1)
    plain = [word in known or look_up(word, ids) is None for word in lexicon.values()]
    as_written = {
        rank for (rank, word), same in zip(lexicon.items(), plain, strict=True) if same and split_words(word) == [word]
    }
    places = [place for place, k in enumerate(kept["ids"][:400].tolist()) if as_written.issuperset(reviews[k])]
    assert len(places) > 100
    chosen, expected = kept["ids"][places].tolist(), kept["probabilities"][places, 0]
    Path("raw.txt").write_text("\n".join(" ".join(lexicon[rank] for rank in reviews[k]) for k in chosen))
    done = cli("predict", "run", "raw.txt", "--lines", "--json", "--probabilities")
    said = [json.loads(line)["classes"][1]["probability"] for line in done.out.splitlines()]
    assert np.abs(np.array(said) - expected).max() < 1e-3  # bfloat16 rounds batches apart
    assert np.mean(np.array(said) > 0.5) == np.mean(expected > 0.5)


@pytest.mark.real_data
@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "least"),
    [
        ("mnist/cnn", 0.986),
        ("mnist/lstm", 0.98),
        ("mnist/gru", 0.98),
        ("mnist/transformer", 0.98),
        ("mnist/ngram", 0.97),
        ("imdb/fast", 0.91),
        ("imdb/mlp", 0.86),
        ("imdb/cnn", 0.86),
        ("imdb/transformer", 0.86),
        ("imdb/gru", 0.86),
        ("imdb/rnn", 0.80),
        ("imdb/lstm", 0.835),
    ],
)
def test_a_config_reaches_its_bar(cli, config, least):
    done = cli("train", CONFIGS / f"{config}.yaml", "-o", "run", "--json", "-q")
    assert json.loads(done.out)["metrics"]["test"]["accuracy"] >= least
