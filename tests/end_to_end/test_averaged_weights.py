"""Weights that are averages: every reader of a checkpoint uses them, and only resuming uses those of training."""

import csv
import io
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from deepcli.data.files import Sources
from deepcli.errors import CheckpointError, Interrupted
from deepcli.experiment.load import load
from deepcli.export.portable import load_portable
from deepcli.run.checkpoint.file import STATE, WEIGHTS, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.evaluate import evaluate, load_model
from deepcli.training.state import State
from deepcli.training.train import train
from tests.torture.runs import Cut, begin, fingerprint, go_on, position

MODEL = "model: {type: mlp, hidden_units: [16]}\n"
DATA = "data: {type: digits, limit: 120, batch_size: 16, validation_split: 0.2}\n"
AVERAGES = {
    "ema": "optimizer: {type: sgd, learning_rate: 0.1, momentum: 0.9, use_ema: true, ema_momentum: 0.9}\n",
    "schedule_free": "optimizer: {type: schedule_free_adamw, learning_rate: 1e-2, weight_decay: 0.01}\n",
}
TRAINING = "training: {epochs: 3, steps_per_execution: 2, checkpoint: {keep: 3}}\n"


@pytest.fixture(params=AVERAGES, scope="module")
def text(request):
    """A spec whose optimizer averages weights."""
    return DATA + MODEL + AVERAGES[request.param] + TRAINING


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
    """A run of it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "spec.yaml").write_text(text)
    begin(folder / "spec.yaml", [], folder / "run")
    return folder / "run"


@pytest.fixture
def directory(trained, tmp_path):
    """A copy of that run."""
    shutil.copytree(trained, tmp_path / "run")
    return RunDir.open(tmp_path / "run")


def measured(path, split="validation"):
    checkpoint = open_checkpoint(path)
    return evaluate(checkpoint, checkpoint.experiment.data.load(Sources())[split], split, NullReporter(), 0.0)[
        1
    ].metrics


def validated(directory):
    """Return what the history says of each epoch's validation."""
    with directory.history.open() as file:
        return [{name: float(row[f"val_{name}"]) for name in ("loss", "accuracy")} for row in csv.DictReader(file)]


def arrays(path):
    """Return the first layer's kernel in a checkpoint, and the optimizer's variables in their order."""
    with h5py.File(io.BytesIO(open_checkpoint(path).read(WEIGHTS))) as file:
        layer = next(name for name in file["layers"] if name.startswith("dense"))
        variables = file["optimizer/vars"]
        return file["layers"][layer]["vars/0"][()], [variables[str(i)][()] for i in range(len(variables))]


def averaged(path):
    """Work the averaged kernel out from a checkpoint that training goes on with."""
    kernel, variables = arrays(path)
    first = next(variable for variable in variables if variable.shape == kernel.shape)
    return first if open_checkpoint(path).experiment.optimizer.use_ema else (kernel - 0.1 * first) / 0.9


def rewritten(path, target, change):
    """Copy a checkpoint, with a function that changes the content of some members."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for info in source.infolist():
            copy.writestr(info, change(info.filename, source.read(info)), info.compress_type)
    return target


def without_mark(name, content):
    """Make a state one of those that do not say which weights are beside it."""
    return State(**{**vars(State.from_bytes(content)), "weights": None}).to_bytes() if name == STATE else content


each_precision = pytest.mark.parametrize(
    "precision", ["mixed_float16", pytest.param("float32", marks=pytest.mark.long)]
)


@each_precision
def test_every_checkpoint_is_worth_what_the_history_says(precision, text, spec, tmp_path):
    result = begin(spec(text), [f"training.precision={precision}"], tmp_path / "run")
    directory = RunDir.open(tmp_path / "run")
    rows = validated(directory)
    steps = sorted(directory.checkpoints.glob("step-*.keras"))
    assert len(steps) == 3
    assert [measured(path) for path in steps] == rows
    assert measured(directory.last) == rows[-1]
    assert measured(directory.best) == rows[result.best_epoch - 1] == result.metrics["validation"]
    assert measured(directory.best, "test") == result.metrics["test"]
    raw, _ = arrays(directory.last)
    assert np.abs(raw - averaged(directory.last)).max() > 1e-3, "the two hardly differ, so nothing was tested"


def test_every_reader_uses_averaged_weights(directory):
    checkpoint, expected = open_checkpoint(directory.last), averaged(directory.last)
    model = load_model(checkpoint).model
    np.testing.assert_allclose(model.trainable_variables[0], expected, rtol=1e-6, atol=1e-7)
    assert getattr(model, "optimizer", None) is None
    exported = load_portable(checkpoint, None).model
    np.testing.assert_array_equal(exported.trainable_variables[0], model.trainable_variables[0])


@each_precision
def test_a_new_run_begins_with_averaged_weights_whatever_its_optimizer_and_precision(
    precision, directory, spec, tmp_path
):
    still = spec(DATA + MODEL + "optimizer: {type: sgd, learning_rate: 1e-30}\n", "still.yaml")
    words = ["training.epochs=1", f"training.precision={precision}", f"training.initial_weights={directory.last}"]
    begin(still, words, tmp_path / "next")
    begun = arrays(tmp_path / "next/checkpoints/last.keras")[0]
    np.testing.assert_allclose(begun, averaged(directory.last), rtol=1e-5, atol=1e-7)
    [row] = validated(RunDir.open(tmp_path / "next"))
    if precision == "float32":
        assert row == measured(directory.last)


@each_precision
def test_a_resumed_run_goes_on_to_the_bits_with_the_weights_of_training(precision, text, spec, tmp_path):
    words = [f"training.precision={precision}", "training.epochs=2", "training.checkpoint.keep=1"]
    path = spec(text)
    begin(path, words, tmp_path / "whole")
    with pytest.raises(Interrupted):
        begin(path, words, tmp_path / "cut", Cut(3))
    assert position(tmp_path / "cut").step
    go_on(tmp_path / "cut")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")


def test_a_run_that_ends_before_its_first_step_is_worth_its_initial_weights(text, spec, tmp_path):
    with pytest.raises(Interrupted):
        begin(spec(text), [], tmp_path / "run", Cut(1))
    assert position(tmp_path / "run").total == 0
    last = tmp_path / "run/checkpoints/last.keras"
    kernel = load_model(open_checkpoint(last)).model.trainable_variables[0].numpy()
    assert np.any(kernel)
    np.testing.assert_allclose(kernel, arrays(last)[0], rtol=1e-5, atol=1e-7)


def test_best_weights_that_waited_in_memory_are_averages_too(spec, text, tmp_path):
    experiment = load([spec(text)]).experiment
    request = TrainOptions(tmp_path / "run", seconds_between_saves=1000.0)
    result = train(experiment, experiment.data.load(Sources()), request, NullReporter())
    directory = RunDir.open(tmp_path / "run")
    assert measured(directory.best) == result.metrics["validation"]
    assert measured(directory.last) == validated(directory)[-1]


def test_training_is_not_resumed_from_averaged_weights(directory):
    shutil.copy(directory.best, directory.last)
    with pytest.raises(CheckpointError, match=r"last\.keras: holds averaged weights, .*training\.initial_weights"):
        go_on_longer(directory)


def go_on_longer(directory):
    from deepcli.run.resuming import resume

    experiment = load([directory.config], ["training.epochs=4"]).experiment
    request = TrainOptions(directory.path, resumption=resume(directory, experiment))
    return train(experiment, experiment.data.load(Sources()), request, NullReporter())


def test_older_checkpoints_are_worth_what_their_history_says(directory, tmp_path):
    """They were measured on moving averages, but not on those of schedule-free AdamW."""
    old = rewritten(directory.last, tmp_path / "old.keras", without_mark)
    kernel = load_model(open_checkpoint(old)).model.trainable_variables[0].numpy()
    if open_checkpoint(old).experiment.optimizer.use_ema:
        np.testing.assert_allclose(kernel, averaged(directory.last), rtol=1e-6)
        best = rewritten(directory.best, tmp_path / "best.keras", without_mark)
        assert measured(best) == measured(directory.best)
    else:
        np.testing.assert_array_equal(kernel, arrays(directory.last)[0])
    rewritten(directory.last, tmp_path / "last.keras", without_mark).replace(directory.last)
    assert go_on_longer(directory).epochs == 4
    assert measured(directory.last) == validated(directory)[-1]


def test_a_checkpoint_that_lacks_its_averages_is_refused(directory, tmp_path):
    def change(name, content):
        if name != WEIGHTS:
            return content
        stream = io.BytesIO(content)
        with h5py.File(stream, "r+") as file:
            del file["optimizer/vars/1"]
        return stream.getvalue()

    broken = rewritten(directory.last, tmp_path / "broken.keras", change)
    with pytest.raises(CheckpointError, match=r"broken\.keras: its weights do not fit the model"):
        load_model(open_checkpoint(broken))


def test_tokens_are_averaged_without_a_warning(spec, tiny_imdb, tmp_path):
    path = spec(
        f"data: {{type: imdb, path: {tiny_imdb}, batch_size: 16, maxlen: 30}}\nmodel: mlp\n"
        "optimizer: {type: schedule_free_adamw, learning_rate: 1e-2}\ntraining: {epochs: 8}\n"
    )
    result = begin(path, [], tmp_path / "run")
    assert result.metrics["test"]["accuracy"] > 0.9
    directory = RunDir.open(tmp_path / "run")
    assert measured(directory.last) == validated(directory)[-1]


@pytest.mark.parametrize(
    ("optimizer", "normalization", "said"),
    [
        ("{type: schedule_free_adamw}", "batch", True),
        ("{type: adam, use_ema: true}", "batch", True),
        ("{type: adam, use_ema: true}", "layer", False),
        ("{type: adam}", "batch", False),
    ],
)
def test_a_run_says_where_batch_normalization_does_not_go_with_averages(optimizer, normalization, said, spec, tmp_path):
    model = f"model: {{type: mlp, hidden_units: [4], regularization: {{normalization: {normalization}}}}}\n"
    begin(spec(DATA + model + f"optimizer: {optimizer}\ntraining: {{epochs: 1}}\n"), [], tmp_path / "run")
    log = (tmp_path / "run/train.log").read_text()
    assert ("notice: batch normalization keeps statistics of the training weights" in log) is said
