"""Models for other programs: a folder that has all they need, a script that runs, and a look whether it is right."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from deepcli.formats import FORMATS
from deepcli.tasks import TASKS

from ..odd_pictures import write_odd_pictures

INSTALLED = [name for name in FORMATS if all(map(importlib.util.find_spec, FORMATS[name].packages))]


def usage(folder, *arguments):
    """Run the script beside an export, as somebody would who has never heard of deepcli."""
    words = [sys.executable, str(folder / "usage.py"), *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]


each_format = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name == "savedmodel")) for name in INSTALLED]
)


@pytest.mark.filterwarnings("ignore")  # of the converters, about themselves
@each_format
def test_an_exported_image_model_is_verified_and_its_script_says_what_predict_says(cli, digits, tmp_path, name):
    done = cli("export", digits, "--format", name, "--output", tmp_path / "an export", "--verify", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    kept = np.load(digits / "predictions-test.npz")
    right = (kept["probabilities"].argmax(axis=1) == kept["labels"]).mean()
    assert told["verified"]["difference"] < 1e-4 and told["verified"]["accuracy_change"] == 0
    assert told["verified"]["accuracy"] == pytest.approx(right, abs=0.01)
    facts = json.loads((tmp_path / "an export" / "export.json").read_text())
    assert facts["input"]["name"] == "image" and facts["input"]["dtype"] == "uint8"
    assert (tmp_path / "an export" / facts["file"]).exists() and facts["classes"] == [str(k) for k in range(10)]
    (tmp_path / "odd").mkdir()
    pictures = [path for path in write_odd_pictures(tmp_path / "odd") if not path.name.startswith("no-")]
    predicted = [line.split() for line in cli("predict", digits, *pictures).out.splitlines()]
    said = [[*words.split(), path] for words, path in usage(tmp_path / "an export", *pictures)]
    assert [[line[0], line[2]] for line in said] == [[line[0], line[2]] for line in predicted]
    shares = [[float(line[1]) for line in lines] for lines in (said, predicted)]
    assert shares[0] == pytest.approx(shares[1], abs=2e-4)


@pytest.mark.filterwarnings("ignore")
@each_format
def test_an_exported_text_model_reads_raw_text_without_deepcli(cli, reviews, tmp_path, name):
    done = cli("export", reviews, "--format", name, "--output", tmp_path / "texts", "--verify")
    assert done.code == 0, done.err
    texts = ["Great, word9!", "don't", "word3 word199 nobody's", "“Great”—word9…", "‘don’t’"]  # noqa: RUF001
    long = [1, *[7] * 250, 9, 9, 8]
    rows = {
        "before": [0, 0, 1, 9, 20],
        "behind": [1, 9, 20, 0, 0],
        "alone": [1, 9, 20],
        "long": long,
        "end": long[-200:],
    }
    for row, ids in rows.items():
        np.save(tmp_path / f"{row}.npy", np.array([ids]))
        np.save(tmp_path / "texts" / f"{row}.npy", np.array(ids))
    arrays = [tmp_path / f"{row}.npy" for row in rows]
    predicted = [line.split()[:2] for line in cli("predict", reviews, *texts, *arrays, "--quiet").out.splitlines()]
    said = [
        said.split() for said, _ in usage(tmp_path / "texts", *texts, *(tmp_path / "texts" / a.name for a in arrays))
    ]
    assert said == predicted and len(said) == 10
    assert said[5] == said[6] == said[7] and said[8] == said[9] and said[0] == said[3] and said[1] == said[4]
    np.save(tmp_path / "zeros.npy", np.array([1, 0, 9]))
    words = [sys.executable, str(tmp_path / "texts" / "usage.py"), str(tmp_path / "zeros.npy")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "0 between ids" in done.stderr


def test_an_export_goes_into_the_run_and_may_be_made_again(cli, digits):
    for _ in range(2):
        done = cli("export", digits, "--format", "keras")
        assert (done.code, done.out) == (0, f"{digits}/export/keras/model.keras\n"), done.err
    assert sorted(path.name for path in (digits / "export").iterdir()) == ["keras"]
    assert cli("runs", digits.parent).code == 0


def test_a_difference_above_the_tolerance_fails(cli, digits, monkeypatch, tmp_path):
    keras_format = FORMATS["keras"]
    monkeypatch.setattr(keras_format, "open", lambda self, path, name: lambda x: np.full((len(x), 10), 0.1, np.float32))
    words = ["export", digits, "--format", "keras", "--output", tmp_path / "e", "--verify"]
    done = cli(*words)
    assert done.code == 1 and "largest difference" in done.out and "more than 0.0001" in done.err
    assert cli(*words, "--tolerance", "2").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "onyx"], "did you mean 'onnx'"),
        (["--format", "keras", "--output", "full"], "contains something other"),
        (["--format", "keras", "--output", "file"], "contains something other"),
    ],
)
def test_bad_words(cli, digits, words, says):
    from pathlib import Path

    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("mine")
    done = cli("export", digits, *words)
    assert done.code == 2 and says in done.err
    assert Path("full/mine.txt").read_text() == Path("file").read_text() == "mine"


@pytest.mark.skipif("litert" not in INSTALLED, reason="LiteRT is not installed")
def test_a_format_that_fixes_the_length_asks_for_it(cli, tiny_imdb, spec, tmp_path):
    words = [f"data.path={tiny_imdb}", "data.maxlen=null", "training.epochs=1", "--output", tmp_path / "r", "--quiet"]
    assert cli("train", spec("data: imdb\nmodel: ngram\n"), *words).code == 0
    done = cli("export", tmp_path / "r", "--format", "litert")
    assert done.code == 2 and "--length" in done.err
    assert not (tmp_path / "r" / "export" / "litert").exists()


def test_an_export_is_verified_on_examples_of_every_class():
    """A split as IMDB's is: sorted by class, and larger than what is tried."""
    from deepcli.data.arrays.splits import Split
    from deepcli.export import exporting

    y = np.repeat([0, 1, 2], [3000, 1500, 500]).astype(np.int32)
    split = Split(np.arange(5000, dtype=np.float32)[:, None], y, np.arange(5000))
    seen = []

    class Format:
        fixed, file = False, "model"

        def open(self, path, name):
            return lambda rows: seen.append(rows[:, 0].astype(int)) or np.eye(3, dtype=np.float32)[y[seen[-1]]]

    class Experiment:
        resolved_task, signature = TASKS.select("classification"), None

    class Model:
        model, length, input_name = None, None, "image"

    class Backend:
        def function(self, model):
            return lambda rows: np.eye(3, dtype=np.float32)[y[rows[:, 0].astype(int)]]

    for _ in range(2):
        verdict = exporting.verify(
            cast(Any, Experiment()), cast(Any, Model()), cast(Any, Format()), Path(), cast(Any, Backend()), split
        )
        assert (verdict.examples, verdict.accuracy, verdict.accuracy_change, verdict.difference) == (1000, 1.0, 0, 0)
    tried = np.concatenate(seen)
    assert np.bincount(y[tried[:1000]]).tolist() == [600, 300, 100]
    assert np.array_equal(tried[:1000], tried[1000:])  # the same every time
