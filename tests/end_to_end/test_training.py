"""A run from its spec to its files, in this process on small data."""

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from deepcli.data.files import Sources
from deepcli.errors import SpecError, TrainingError
from deepcli.evaluation.predictions import Predictions
from deepcli.experiment.load import load
from deepcli.run.checkpoint.file import find, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.evaluate import evaluate
from deepcli.training.state import State
from deepcli.training.train import train


class Told(NullReporter):
    """Keeps what it is told."""

    def __init__(self):
        self.notes, self.rows, self.steps = [], [], []

    def note(self, text):
        self.notes.append(text)

    def due(self):
        return True

    def progress(self, progress):
        self.steps.append(progress)

    def epoch(self, row, best):
        self.rows.append((row, best))


@pytest.fixture
def run(spec, tmp_path):
    """Train a spec on 120 digits; returns the result, the run directory and what was told."""

    def go(text="model: mlp\n", *overrides, output="run"):
        path = spec(text if "data:" in text else "data: {type: digits, limit: 120, batch_size: 16}\n" + text)
        experiment = load([path], overrides).experiment
        told = Told()
        result = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / output), told)
        return result, RunDir.open(tmp_path / output), told

    return go


def evaluated(directory, split="test"):
    checkpoint = open_checkpoint(directory.best)
    return evaluate(checkpoint, checkpoint.experiment.data.load(Sources())[split], split, NullReporter(), 0.0)


def history(directory):
    with directory.history.open() as rows:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(rows)]


def weights(path):
    import h5py

    with h5py.File(io.BytesIO(open_checkpoint(path).read("model.weights.h5"))) as file:
        found: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: found.__setitem__(name, item[()]) if hasattr(item, "dtype") else None)
    return found


def test_a_run_leaves_every_file_it_promises(run):
    result, directory, told = run("model: mlp\ntraining: {epochs: 3}\n")
    files = {str(path.relative_to(directory.path)) for path in directory.path.rglob("*") if path.is_file()}
    assert files == {
        "config.yaml", "environment.json", "history.csv", "metrics.json", "mistakes-test.npz", "predictions-test.npz",
        "schema.json", "train.log",
        "checkpoints/best.keras", "checkpoints/last.keras", ".lock",
    }  # fmt: skip
    assert json.loads(directory.metrics.read_text()) == json.loads(result.to_json())
    environment = json.loads(directory.environment.read_text())
    assert {"versions", "device", "precision", "data", "command", "git_commit", "threads"} <= set(environment)
    assert environment["precision"]["why"]
    rows = history(directory)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert len(told.rows) == 3
    log = directory.log.read_text()
    assert all(note in log for note in told.notes)
    assert log.count("val_loss=") == 3
    assert load([directory.config]).experiment.training.epochs == 3


def test_the_resolved_spec_of_a_run_trains_to_the_same_bits(run, tmp_path):
    first, a, _ = run("model: {type: cnn, filters: [4]}\ntraining: {epochs: 2, precision: float32}\n")
    experiment = load([a.config]).experiment
    second = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / "again"), NullReporter())
    assert first.metrics == second.metrics
    one, two = weights(a.best), weights(tmp_path / "again" / "checkpoints" / "best.keras")
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_the_result_is_that_of_the_best_epoch_and_evaluate_agrees(run):
    result, directory, _ = run("model: mlp\noptimizer: {type: sgd, learning_rate: 0.5}\ntraining: {epochs: 6}\n")
    rows = history(directory)
    best = min(rows, key=lambda row: row["val_loss"])
    assert result.best_epoch == best["epoch"]
    assert result.metrics["validation"] == {"loss": best["val_loss"], "accuracy": best["val_accuracy"]}
    path, _ = find(directory.path)
    checkpoint = open_checkpoint(path)
    splits = checkpoint.experiment.data.load(Sources())
    for split in ("validation", "test"):
        again, measured = evaluate(checkpoint, splits[split], split, NullReporter(), 0.0)
        assert result.metrics[split].items() <= again.metrics[split].items()
        low, high = again.intervals[split]["accuracy"]
        assert low <= again.metrics[split]["accuracy"] <= high
    assert np.array_equal(
        np.load(directory.predictions("test"))["probabilities"], vars(measured.predictions)["probabilities"]
    )


@pytest.mark.parametrize(
    "data", ["{type: digits, limit: 120, batch_size: 16}", "{type: imdb, path: PATH, batch_size: 16, maxlen: 30}"]
)
@pytest.mark.parametrize("loss", ["auto", "sparse_categorical_crossentropy"])
def test_saved_predictions_give_the_figures_again_in_float64(run, tiny_imdb, data, loss):
    """With a unit a class, and with one for two classes."""
    text = f"data: {data.replace('PATH', str(tiny_imdb))}\nmodel: mlp\nloss: {loss}\ntraining: {{epochs: 3}}\n"
    result, directory, _ = run(text)
    saved = Predictions.load(directory.predictions("test"))
    outputs = saved.probabilities.astype(np.float64)
    if outputs.shape[1] == 1:
        outputs = np.hstack([1 - outputs, outputs])
    picked = outputs[np.arange(len(outputs)), saved.labels]
    loss, accuracy = -np.log(picked).mean(), (outputs.argmax(1) == saved.labels).mean()
    again, _ = evaluated(directory)
    for metrics in (result.metrics["test"], again.metrics["test"]):
        assert (metrics["loss"], metrics["accuracy"]) == pytest.approx((loss, accuracy), abs=1e-6)
    assert again.metrics["test"]["log_loss"] == pytest.approx(loss, abs=1e-6)
    assert sum(map(sum, again.confusion_matrix["test"])) == len(saved.labels)
    assert [figures.support for figures in again.classes["test"]] == np.bincount(saved.labels).tolist()
    splits = open_checkpoint(directory.best).experiment.data.load(Sources())
    assert np.array_equal(saved.ids, splits.test.ids)
    assert np.array_equal(saved.labels, splits.test.y)


def test_the_result_keeps_its_promise(run):
    from importlib import resources

    result, directory, _ = run("model: mlp\ntraining: {epochs: 1}\n")
    schema = json.loads(resources.files("deepcli").joinpath("result.schema.json").read_text())
    again, _ = evaluated(directory)
    only = {"intervals", "classes", "confusion_matrix"}
    for one, keys in ((result, set()), (again, only)):
        written = json.loads(one.to_json())
        jsonschema.validate(written, schema)
        assert written.keys() & only == keys


def test_a_split_without_some_of_the_classes_is_evaluated_to_null_and_keeps_the_promise(run):
    from importlib import resources

    _, directory, _ = run("data: {type: digits, limit: 7}\nmodel: mlp\ntraining: {epochs: 1}\n")
    again, _ = evaluated(directory)
    written = json.loads(again.to_json())
    jsonschema.validate(written, json.loads(resources.files("deepcli").joinpath("result.schema.json").read_text()))
    absent = [figures for figures in written["classes"]["test"] if not figures["support"]]
    assert len(absent) >= 3
    assert all(figures["recall"] is None for figures in absent)
    assert written["metrics"]["test"]["roc_auc"] is None
    assert written["metrics"]["test"]["f1_weighted"] is not None


def test_accuracy_is_a_score_of_a_run_that_does_not_measure_it(run):
    result, directory, _ = run("model: mlp\nmetrics: [f1]\ntraining: {epochs: 1}\n")
    again, measured = evaluated(directory)
    assert list(result.metrics["test"]) == ["loss", "f1"]
    assert list(again.metrics["test"])[:3] == ["loss", "f1", "accuracy"]
    right = vars(measured.predictions)["probabilities"].argmax(1) == measured.split.y
    assert again.metrics["test"]["accuracy"] == right.mean()
    low, high = again.intervals["test"]["accuracy"]
    assert low < right.mean() < high


def test_early_stopping_stops_and_keeps_the_best(run):
    text = (
        "model: mlp\noptimizer: {type: sgd, learning_rate: 1e-9}\n"
        "training: {epochs: 20, early_stopping: {monitor: val_accuracy, patience: 2}}\n"
    )
    result, directory, _ = run(text)
    assert (result.epochs, result.best_epoch) == (3, 1)
    assert len(history(directory)) == 3


def test_max_steps_ends_in_mid_epoch(run):
    result, directory, _ = run("model: mlp\ntraining: {epochs: 9, max_steps: 11, steps_per_execution: 4}\n")
    assert result.epochs == 2
    state = State.from_bytes(open_checkpoint(directory.last).read("deepcli/state.npz"))
    assert (state.position.epoch, state.position.step, state.position.total) == (2, 0, 11)


@pytest.mark.parametrize("steps", [1, 3, 8, 50])
def test_steps_per_execution_changes_nothing_but_speed(run, steps):
    text = "model: {type: mlp, regularization: {dropout: 0.3}}\ntraining: {epochs: 2, steps_per_execution: %d}\n"
    result, *_ = run(text % steps, output=f"run{steps}")
    reference, *_ = run(text % 2, output="reference")
    for split in ("validation", "test"):
        assert result.metrics[split]["loss"] == pytest.approx(reference.metrics[split]["loss"], rel=1e-5)


def test_checkpoints_are_kept_and_pruned(run):
    text = "model: mlp\ntraining: {epochs: 2, steps_per_execution: 1, checkpoint: {every_steps: 3, keep: 3}}\n"
    _, directory, _ = run(text)
    names = sorted(path.name for path in directory.checkpoints.iterdir())
    assert names == ["best.keras", "last.keras", "step-00000012.keras", "step-00000015.keras", "step-00000016.keras"]
    for name in names:
        assert open_checkpoint(directory.checkpoints / name).experiment.name == "spec"
    assert directory.last.read_bytes() == (directory.checkpoints / "step-00000016.keras").read_bytes()


def test_a_diverging_run_fails_and_says_what_to_do(run, tmp_path):
    text = "model: mlp\noptimizer: {type: sgd, learning_rate: 1e30}\ntraining: {epochs: 5}\n"
    with pytest.raises(
        TrainingError, match=r"diverged: (val_)?loss became (nan|inf) in epoch 1.*lower optimizer.learning_rate"
    ):
        run(text)
    result = RunDir.open(tmp_path / "run").result()
    assert (result.status, result.checkpoint) == ("failed", None)
    assert "diverged" in result.error


def test_averaged_weights_are_evaluated_and_raw_ones_go_on(run):
    text = "model: mlp\noptimizer: {type: sgd, learning_rate: 0.1, use_ema: true, ema_momentum: 0.9}\ntraining: {epochs: 3}\n"
    result, directory, _ = run(text)
    best, last = weights(directory.best), weights(directory.last)
    kernels = [name for name in best if name.startswith("layers/") and best[name].ndim == 2]
    assert kernels
    assert result.best_epoch == 3
    assert all(not np.array_equal(best[name], last[name]) for name in kernels)
    again, _ = evaluated(directory)
    assert result.metrics["test"].items() <= again.metrics["test"].items()


@pytest.mark.parametrize(("monitor", "better"), [("val_accuracy", max), ("val_loss", min), ("accuracy", max)])
def test_the_best_epoch_is_that_of_the_monitored_metric(monitor, better, run):
    training = f"training: {{epochs: 4, early_stopping: {{monitor: {monitor}, patience: 4}}}}\n"
    result, directory, _ = run(f"model: mlp\noptimizer: {{type: adam, learning_rate: 0.2}}\n{training}")
    values = [row[monitor] for row in history(directory)]
    assert result.best_epoch == 1 + values.index(better(values))
    state = State.from_bytes(open_checkpoint(directory.best).read("deepcli/state.npz"))
    assert (state.best["monitor"], state.best["value"]) == (monitor, better(values))
    split, name = ("validation", monitor[4:]) if monitor.startswith("val_") else ("train", monitor)
    assert result.metrics[split][name] == better(values)


def test_class_weights_change_the_loss_and_balanced_follows_counts(run):
    from deepcli.training.context import class_weights

    plain, *_ = run("model: mlp\ntraining: {epochs: 1}\n", output="plain")
    weighted, *_ = run("model: mlp\ntraining: {epochs: 1, class_weight: {0: 9.0}}\n", output="weighted")
    assert plain.metrics["train"]["loss"] != weighted.metrics["train"]["loss"]
    experiment = load([Path(plain.run) / "config.yaml"]).experiment
    balanced = experiment.model_copy(
        update={"training": experiment.training.model_copy(update={"class_weight": "balanced"})}
    )
    labels = np.array([0] * 6 + [1] * 3 + list(range(2, 10)))
    expected = len(labels) / (10 * np.bincount(labels))
    np.testing.assert_allclose(class_weights(balanced, labels), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "model: mlp\nloss: {type: auto, label_smoothing: 0.1}\n",
        "model: mlp\nloss: categorical_crossentropy\n",
        "model: mlp\noptimizer: {type: adamw, gradient_accumulation_steps: 2}\nschedule: {type: cosine, warmup: 0.2}\n",
        "model: mlp\noptimizer: {type: rmsprop, global_clipnorm: 1.0}\nschedule: step\n",
        "data: {type: digits, limit: 60, validation_split: 0}\nmodel: mlp\n",
        "data: {type: digits, limit: 60, batch_size: 100}\nmodel: mlp\n",
        "model: {type: cnn, filters: [4]}\ntraining: {precision: mixed_bfloat16}\n",
        "model: {type: cnn, filters: [4]}\ntraining: {precision: mixed_float16}\n",
        "model: mlp\nmetrics: []\n",
        "model: mlp\ntraining: {deterministic: false, jit_compile: false, device: cpu}\n",
    ],
)
def test_many_kinds_of_spec_train_and_evaluate_to_the_same_figures(run, text):
    result, directory, _ = run(text, "training.epochs=1")
    checkpoint = open_checkpoint(directory.best)
    assert result.precision == State.from_bytes(checkpoint.read("deepcli/state.npz")).precision
    again, _ = evaluated(directory)
    assert result.metrics["test"].items() <= again.metrics["test"].items()
    assert ("validation" in result.metrics) is ("validation_split: 0" not in text)


PLAIN = "data: {type: digits, limit: 100, batch_size: 8}\nmodel: mlp\noptimizer: {type: sgd, learning_rate: 0.1}\n"


def test_accumulation_trains_as_larger_batches_do(run):
    """13 batches of 8 in groups of 4, the last group one of 4 examples: 4 batches of 32, the last one of 4."""
    words = ("training.epochs=3", "training.precision=float32")
    large, *_ = run(PLAIN, *words, "data.batch_size=32", output="large")
    small, *_ = run(PLAIN, *words, "optimizer.gradient_accumulation_steps=4", output="small")
    for split in ("validation", "test"):
        assert small.metrics[split]["loss"] == pytest.approx(large.metrics[split]["loss"], rel=1e-4)
    assert small.best_epoch == large.best_epoch


@pytest.mark.parametrize(
    "schedule",
    [
        "cosine",
        *(
            pytest.param(schedule, marks=pytest.mark.long)
            for schedule in ("{type: constant, warmup: 20}", "{type: step, decay_steps: 15}")
        ),
    ],
)
def test_accumulation_leaves_the_rates_at_the_ends_of_epochs_alone(run, schedule):
    words = (f"schedule={schedule}", "training.epochs=3")
    rates = []
    for group in ("null", "4", "13"):
        _, directory, told = run(PLAIN, *words, f"optimizer.gradient_accumulation_steps={group}", output=f"run {group}")
        rates.append([row["learning_rate"] for row in history(directory)])
        assert told.steps[-1].logs["learning_rate"] == pytest.approx(rates[-1][-1])
    assert rates[0] == rates[1] == rates[2]
    assert len(set(rates[0])) > 1


def test_max_steps_ends_with_an_update(run):
    """Six batches, in groups of 4: an update after 4 and one after the 2 that are left."""
    words = ("training.max_steps=6", "optimizer.gradient_accumulation_steps=4", "training.checkpoint.every_steps=4")
    _, directory, _ = run(PLAIN, *words, "training.checkpoint.keep=2", "training.steps_per_execution=1")
    four, six = (weights(directory.checkpoints / f"step-0000000{step}.keras") for step in (4, 6))
    assert any(not np.array_equal(four[name], six[name]) for name in four if "layers" in name)


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("optimizer.gradient_accumulation_steps=14", "optimizer.gradient_accumulation_steps: 14 batches per update"),
        ("schedule.warmup=39", "schedule.warmup: a warm-up of 39 steps takes the whole run of 39"),
        ("optimizer={type: schedule_free_adamw, warmup_steps: 39}", "optimizer.warmup_steps: a warm-up of 39 updates"),
    ],
)
def test_a_run_that_is_too_short_for_its_spec_is_refused_once_the_data_are_read(run, tiny_mnist, tmp_path, word, field):
    """A spec with a `data.path` cannot tell how many examples there are: here 360, 13 batches."""
    text = f"data: {{type: mnist, path: {tiny_mnist}, batch_size: 28}}\nmodel: mlp\ntraining: {{epochs: 3}}\n"
    with pytest.raises(SpecError, match=re.escape(field)):
        run(text, word)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("schedule", "notice"),
    [
        (
            "{type: step, decay_steps: 39}",
            "schedule.decay_steps: the rate never drops, as 39 steps are not reached in 39",
        ),
        (
            "{type: piecewise_constant, boundaries: [20, 39, 500], values: [1, 0.5, 0.2, 0.1]}",
            "schedule.boundaries: 39, 500 not reached in 39 steps",
        ),
        ("{type: step, decay_steps: 38}", None),
        ("{type: piecewise_constant, warmup: 9, boundaries: [0.5, 29]}", None),
    ],
)
def test_a_schedule_that_is_longer_than_the_run_is_noticed(run, schedule, notice):
    _, _, told = run(PLAIN, "training.epochs=3", f"schedule={schedule}")
    assert [note for note in told.notes if "reached" in note] == ([f"notice: {notice}"] if notice else [])


def test_tokens_train_to_something(spec, tiny_imdb, tmp_path):
    path = spec(f"data: {{type: imdb, path: {tiny_imdb}, batch_size: 16, maxlen: 30}}\nmodel: mlp\n")
    experiment = load([path], ["training.epochs=25", "optimizer.learning_rate=1e-2"]).experiment
    splits = experiment.data.load(Sources())
    assert not splits.provenance.verified
    result = train(experiment, splits, TrainOptions(tmp_path / "run"), NullReporter())
    assert result.metrics["test"]["accuracy"] > 0.9


def test_images_train_to_something(spec, tiny_mnist, tmp_path):
    path = spec(f"data: {{type: mnist, path: {tiny_mnist}, batch_size: 16}}\nmodel: {{type: cnn, filters: [8, 8]}}\n")
    experiment = load([path], ["training.epochs=8", "optimizer.learning_rate=5e-3"]).experiment
    result = train(experiment, experiment.data.load(Sources()), TrainOptions(tmp_path / "run"), NullReporter())
    assert result.metrics["test"]["accuracy"] > 0.9


def test_progress_is_told_with_everything_it_should_show(run):
    _, _, told = run("model: mlp\ntraining: {epochs: 2, steps_per_execution: 1}\n")
    assert [progress.step for progress in told.steps] == [*range(1, 9), *range(1, 9)]
    last = told.steps[-1]
    assert set(last.logs) == {"loss", "accuracy", "learning_rate"}
    assert last.samples_per_second > 0
    assert told.steps[0].seconds_left is None  # the first step compiles, so it says nothing of the others
    assert last.seconds_left > 0  # its validation is still to come


def test_the_rate_is_reduced_on_a_plateau_and_the_checkpoint_remembers(run):
    text = (
        "model: mlp\noptimizer: {type: sgd, learning_rate: 1e-6}\n"
        "schedule: {type: reduce_on_plateau, factor: 0.5, patience: 1, min_delta: 1.0, min_lr: 3e-7}\n"
        "training: {epochs: 5}\n"
    )
    _, directory, _ = run(text)
    rates = [row["learning_rate"] for row in history(directory)]
    np.testing.assert_allclose(rates, [1e-6, 1e-6, 5e-7, 3e-7, 3e-7], rtol=1e-5)
    state = State.from_bytes(open_checkpoint(directory.last).read("deepcli/state.npz"))
    assert float(state.variables["learning_rate/scale"]) == pytest.approx(0.3)
    assert state.callbacks["plateau"]["wait"] == 0


def test_every_metric_is_measured_on_every_split_in_the_order_of_the_spec(run):
    names = ["f1", "accuracy", "precision", "recall", "auc", "top_k_accuracy"]
    result, directory, _ = run(f"model: mlp\nmetrics: [{', '.join(names)}]\ntraining: {{epochs: 1}}\n")
    assert list(history(directory)[0])[1:8] == ["loss", *names]
    for split in ("train", "validation", "test"):
        assert list(result.metrics[split]) == ["loss", *names]


@pytest.mark.parametrize(
    "loss",
    ["mean_squared_error", "kl_divergence", "hinge", "huber", "mean_absolute_error", "categorical_focal_crossentropy"],
)
def test_other_losses_train_a_classifier(run, loss):
    result, *_ = run(
        f"model: mlp\nloss: {loss}\noptimizer: {{type: adam, learning_rate: 1e-2}}\ntraining: {{epochs: 8}}\n"
    )
    assert result.metrics["train"]["accuracy"] > 0.6
