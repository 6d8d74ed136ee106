"""A model that was traced for another run comes to the same bits as one that was not, in every family."""

import pytest

from deepcli.data.files import Sources
from deepcli.experiment.load import load
from deepcli.models import MODELS
from deepcli.run.reporter import NullReporter
from deepcli.spec.yaml12 import dump
from deepcli.training.compiled import CompiledModels
from deepcli.training.context import TrainOptions
from deepcli.training.train import train
from tests.torture.runs import ALWAYS, FAMILIES, features, fingerprint

from .test_models import DATA, VARIANTS, experiment_for, fields_of, suits

LAST = {
    (fields_of(variant)["type"], kind): fields_of(variant)
    for variant in VARIANTS
    for kind in DATA
    if suits(variant, kind)
}
"""The variant of each family that has the most switched on, for each kind of data."""

SECTIONS = """
optimizer: {type: adam, use_ema: true, ema_momentum: 0.9}
training: {epochs: 2, early_stopping: {monitor: val_loss, patience: 1}}
"""


QUICK = [("ngram", "tokens"), ("cnn", "image"), ("mlp", "features")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=[] if (name, kind) in QUICK else [pytest.mark.long])
        for name in MODELS
        for kind in DATA
        if kind in MODELS[name].kinds and name != "application"
    ],
)
def test_a_model_that_was_traced_before(name, kind, spec, tmp_path, tiny_imdb, tiny_table):
    experiment = experiment_for(LAST[name, kind], kind)
    plain = experiment.model_dump(mode="json")
    small = {"limit": 48, "batch_size": 16} | ({"path": str(tiny_imdb)} if kind == "tokens" else {})
    sections = {"task": plain["task"], "data": {**plain["data"], **small}, "model": plain["model"]}
    check(spec(dump(sections) + SECTIONS), [], tmp_path)


def check(path, overrides, folder):
    wanted = load([path], overrides).experiment
    other = load([path], [*overrides, "seed=5", "optimizer.learning_rate=0.05", "schedule=cosine"]).experiment
    splits, models = wanted.data.load(Sources()), CompiledModels()
    train(wanted, splits, TrainOptions(folder / "alone"), NullReporter())
    train(other, splits, TrainOptions(folder / "before", models=models), NullReporter())
    seconds = 1e6  # its best weights wait in memory to the end
    train(wanted, splits, TrainOptions(folder / "after", models=models, seconds_between_saves=seconds), NullReporter())
    assert len(models) == 1, "the second run had a model of its own"
    assert fingerprint(folder / "after") == fingerprint(folder / "alone")


@pytest.mark.parametrize(
    "family",
    [pytest.param(name, marks=[pytest.mark.long] if name != "cnn" else []) for name in FAMILIES],
)
def test_with_everything_that_draws_or_remembers(family, spec, tmp_path, tiny_mnist, tiny_imdb):
    data = tiny_mnist if family == "cnn" else tiny_imdb
    overrides = [word for words in features(family).values() for word in words if not word.startswith("schedule=")]
    check(spec(FAMILIES[family].replace("PATH", str(data))), [*ALWAYS, *overrides], tmp_path)
