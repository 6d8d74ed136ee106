"""Every config in the project: it is valid, says what it reached, and trains."""

import os
import re
from pathlib import Path
from typing import Any, cast

import pytest

from deepcli.api.teaching import copy_lessons
from deepcli.data import DATASETS
from deepcli.data.files import Sources
from deepcli.experiment.load import dump, load, parse, validate
from deepcli.models import MODELS
from deepcli.sweeps.load import validate_file
from deepcli.tasks import TASKS

CONFIGS = Path(__file__).parent.parent.parent / "configs"
LESSONS = CONFIGS.parent / "deepcli" / "lessons"
FILES = sorted([*CONFIGS.glob("*/*.yaml"), *LESSONS.glob("*.yaml")])
FOLDERS = ("own", "language", "series", "translation")
OWN = [path for path in FILES if path.parent.name in FOLDERS or path.stem == "california"]
WITH_DATA = [path for path in FILES if "path: lessons/" in path.read_text(encoding="utf-8")]
"""Lessons that read files, which a copy of them has."""
KNOWN = [path for path in FILES if path not in [*OWN, *WITH_DATA]]
LIKE_OTHERS = (
    "digits/lstm",
    "imdb/cnn-best",
    "imdb/gru",
    "imdb/transformer-best",
    "imdb/sequential",
    "imdb/lstm",
    "imdb/rnn",
    "mnist/gru",
    "mnist/rnn",
    "mnist/transformer",
)
"""Configs whose families `make test` trains on other data of their kind."""


def is_like_another(path: Path) -> bool:
    """Return whether `make test` leaves a config out: another of its family, or of its lesson, is trained there."""
    lesson = path.stem.partition("-")[0]
    later = path.parent == LESSONS and path != min(LESSONS.glob(f"{lesson}-*.yaml"))
    return later or f"{path.parent.name}/{path.stem}" in LIKE_OTHERS


each = pytest.mark.parametrize("path", KNOWN, ids=lambda path: f"{path.parent.name}/{path.stem}")
each_with_data = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.long] * (path.stem not in ("context-16", "season-12")))
        for path in WITH_DATA
    ],
    ids=lambda path: path.stem,
)
each_own = pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)

# Where the data of each config of own data are below DEEPCLI_DATA_DIR/own, and what else is different there.
PLACES = {
    "sign_digits": ["data.path=sign_digits"],
    "sms": ["data.path=text/sms.tsv"],
    "sst2": ["data.path=text/sst2_*.tsv"],
    "housing": ["data.path=tabular/california_housing.csv"],
    "penguins": ["data.path=tabular/penguins.csv"],
    "titanic": ["data.path=tabular/titanic.csv"],
    "mpg": ["data.path=tabular/mpg.csv"],
    "wine": ["data.path=tabular/winequality-red.csv", "data.target=column_12"],  # without a header
    "goemotions": ["data.path=multilabel/goemotions_*.tsv"],
    "etth1": ["data.path=series/ETTh1.csv"],
    "airline": ["data.path=series/airline-passengers.csv"],
    "temperatures": ["data.path=series/daily-min-temperatures.csv"],
    "japanese_vowels": ["data.path=series_classes/JapaneseVowels_*.ts"],
    "italy_power": ["data.path=series_classes/ItalyPowerDemand_*.ts"],
    "shakespeare": ["data.path=language/tinyshakespeare.txt", "training.jit_compile=false"],  # compiled for one step
    "california": ["data.path=tabular/california_housing.csv"],
    "multi30k": ["data.path=translation/multi30k.*.en.gz", "data.target_path=translation/multi30k.*.de.gz"],
}


def placed(path: Path) -> list[str]:
    """Give the overrides that let a config of own data read its real data."""
    folder = Path(os.environ["DEEPCLI_DATA_DIR"]) / "own"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    words = [word.partition("=") for word in PLACES[path.stem]]
    return [f"{name}={folder / value if 'path' in name else value}" for name, _, value in words]


def test_every_family_has_a_config_on_mnist_and_on_imdb():
    for data in ("mnist", "imdb"):
        specs = [load([path]).experiment for path in FILES if path.parent.name == data]
        fitting = {name for name in MODELS if not list(MODELS[name].example().issues(specs[0].signature))}
        fitting.add("sequential")  # its example is for images
        fitting -= {"autoencoder"}  # in a folder of its own
        assert {spec.model.type for spec in specs} >= fitting
        # Of a folder of their own, for larger images, and for series.
        assert set(MODELS) - fitting <= {"autoencoder", "application", "linear"}
    assert len([path for path in FILES if path.parent.name == "digits"]) >= 3
    others = {"autoencoder", "language", "lessons", "own", "series", "sweeps", "translation"}
    assert {path.parent.name for path in FILES} <= {*DATASETS, *others}


def test_every_lesson_names_what_to_compare_and_differs_from_it_in_one_section(tmp_path):
    lessons = [path for path in copy_lessons([], tmp_path) if path.suffix == ".yaml"]
    topics = {path.stem.partition("-")[0] for path in lessons}
    assert topics == {
        "activation", "attention", "clipping", "context", "initialization", "latent", "optimizer", "overfitting",
        "schedule", "season",
    }  # fmt: skip
    for topic in topics:
        group = [path for path in lessons if path.stem.startswith(f"{topic}-")]
        specs = [load([path]).experiment.model_dump(exclude={"name"}) for path in group]
        assert all(topic in path.read_text().partition("data:")[0] for path in group)
        differences = [[sum(one[key] != other[key] for key in one) for other in specs] for one in specs]
        assert any(sorted(row) == [0] + [1] * (len(group) - 1) for row in differences), (topic, differences)


def test_every_task_of_the_textbooks_has_a_lesson(tmp_path):
    lessons = [path for path in copy_lessons([], tmp_path) if path.suffix == ".yaml"]
    tasks = {load([path]).experiment.resolved_task.type for path in lessons}
    assert tasks >= {"classification", "language_model", "sequence_to_sequence", "forecasting", "reconstruction"}


@each
def test_is_valid_and_survives_being_resolved(path):
    loaded = validate_file([path])
    assert loaded.notices == ()
    assert loaded.experiment.data.type in (path.parent.name, "digits") or path.parent.name == "autoencoder"
    assert validate(parse(dump(loaded.experiment), "x")) == loaded.experiment


@pytest.mark.parametrize("path", [*KNOWN, *WITH_DATA], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_says_what_it_reached(path):
    header = path.read_text().partition("data:")[0]
    tree = parse(path.read_text(encoding="utf-8"), path.name).tree
    measured = (
        r"# Test (mean_squared_error|mean_absolute_error|perplexity) [\d.]+ ± [\d.]+.* in \d+ s on (one core|\w+ cores)"
        if tree.get("task", "classification") != "classification"
        else r"# Test accuracy (\d\d\.\d+( ± \d+\.\d+)? %.* in \d+ s on (one core|\w+ cores)|none: \d of \d seeds diverged)"
    )
    assert re.search(measured, header), header


@each_own
def test_a_config_of_own_data_says_what_it_reached(path):
    """With the spread of its seeds, as `benchmarks/configs.py` writes it."""
    header = path.read_text(encoding="utf-8").partition("\ntask:")[0]
    measured = r"^# Test \w+ [\d.]+ ± [\d.]+( %)? \(validation [\d.]+ ± .* in \d+ s on \w+ cores? .*; \d seeds\.$"
    assert re.search(measured, header, re.MULTILINE), header


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.long] * is_like_another(path)) for path in KNOWN],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_trains(path, tiny, tmp_path):
    from deepcli.run.reporter import NullReporter
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    data = load([path]).experiment.data.type
    overrides = [
        *tiny(data if path.parent.name == "autoencoder" else path.parent.name),
        "training.max_steps=1",
        "optimizer.learning_rate=1e-4",
    ]
    experiment = load([path], overrides).experiment
    result = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / "run"), NullReporter())
    assert result.status == "completed"
    assert set(result.metrics) == {"train", "validation", "test"}


@each_with_data
def test_a_lesson_brings_its_data(path, tmp_path):
    """Into a folder with a space in its name."""
    from deepcli.run.reporter import NullReporter
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    spec = copy_lessons([path.stem], tmp_path / "a folder")[0]
    loaded = validate_file([spec])
    assert loaded.notices == ()
    assert validate(parse(dump(loaded.experiment), "x")) == loaded.experiment
    experiment = load([spec], ["data.limit=60", "training.epochs=1", "training.max_steps=1"]).experiment
    result = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / "run"), NullReporter())
    assert result.status == "completed"
    assert set(result.metrics) == {"train", "validation", "test"}


def test_the_two_reference_runs_are_to_the_letter():
    cnn, lstm = (cast(Any, load([CONFIGS / name]).experiment) for name in ("mnist/cnn.yaml", "imdb/lstm.yaml"))
    assert (cnn.data.batch_size, cnn.data.validation_split, cnn.data.split_seed, cnn.training.epochs) == (
        128,
        0.2,
        7,
        10,
    )
    assert (cnn.model.filters, cnn.model.kernel_size, cnn.model.padding, cnn.model.pool_size) == (
        (32, 64),
        3,
        "valid",
        2,
    )
    assert (cnn.model.hidden_units, cnn.model.global_pooling, cnn.optimizer.type) == ((), None, "adam")
    assert (lstm.data.num_words, lstm.data.maxlen, lstm.data.batch_size, lstm.training.epochs) == (10000, 200, 64, 10)
    assert (lstm.model.embedding_dim, lstm.model.units) == (50, (100,))
    regularization = lstm.model.regularization
    assert (regularization.dropout, regularization.recurrent_dropout) == (0.2, 0.2)
    assert (lstm.training.early_stopping.monitor, lstm.training.early_stopping.patience) == ("val_loss", 5)


def test_every_task_has_a_config_of_own_data():
    tasks = {parse(path.read_text(encoding="utf-8"), path.name).tree["task"] for path in OWN}
    assert tasks == set(TASKS) - {"auto"}
    assert {path.stem for path in OWN} == set(PLACES)


@each_own
def test_a_config_of_own_data_says_how_to_get_them(path):
    header, _, spec = path.read_text(encoding="utf-8").partition("\ntask:")
    place = parse(f"task:{spec}", path.name).tree["data"]["path"]
    assert re.search(r"^#   .*https://|^#     +https://", header, re.MULTILINE), header
    assert place.startswith("data/")
    assert place.replace("*", "$split") in header, f"the commands do not write {place}"


@each_own
def test_a_config_of_own_data_that_do_not_exist_names_them(path, cli):
    """In an empty folder."""
    place = parse(path.read_text(encoding="utf-8"), path.name).tree["data"]["path"]
    for command in ("validate", "train"):
        done = cli(command, path)
        assert done.code == 2
        assert re.fullmatch(rf"error: \S*{re.escape(place)}: no (such file|such folder|table there)\b.*\n", done.err), (
            done.err
        )
    assert not list(Path().iterdir())


@pytest.mark.real_data
@each_own
def test_a_config_of_own_data_is_valid_and_survives_being_resolved(path):
    loaded = validate_file([path], placed(path))
    assert loaded.notices == ()
    assert validate(parse(dump(loaded.experiment), "x")) == loaded.experiment


@pytest.mark.real_data
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.long] * (path.stem in ("multi30k", "shakespeare"))) for path in OWN],
    ids=lambda path: path.stem,
)
def test_a_config_of_own_data_trains(path, tmp_path):
    from deepcli.run.reporter import NullReporter
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train

    quick = ["data.limit=48", "data.batch_size=16", "training.epochs=1", "training.max_steps=1", "schedule.warmup=0"]
    experiment = load([path], [*placed(path), *quick]).experiment
    result = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / "run"), NullReporter())
    assert result.status == "completed"
    assert set(result.metrics) == {"train", "validation", "test"}
