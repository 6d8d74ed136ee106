"""What callbacks decide from one epoch to the next: the best epoch, the end, and the learning rate."""

import keras
import numpy as np
import pytest

from deepcli.experiment.load import load
from deepcli.experiment.schema import EarlyStopping, Experiment
from deepcli.optim.schedules import ReduceOnPlateau
from deepcli.training.build import learning_rate
from deepcli.training.callbacks import Best, BestSaver, PatientStopping, Plateau

NAN = float("nan")


def best_epochs(monitor, mode, rows):
    """Show rows to `Best`; returns the epoch that was best at each of its saves, and the last with its value."""
    saved = []
    best = Best(monitor, mode)
    saver = BestSaver(best, lambda: saved.append(best.epoch))
    for epoch, row in enumerate(rows):
        best.on_epoch_end(epoch, row)
        saver.on_epoch_end(epoch, row)
    return saved, best.epoch, best.value


ROWS = [
    {"loss": 3.0, "val_loss": 0.9, "accuracy": 0.3, "val_accuracy": 0.5},
    {"loss": 2.0, "val_loss": 0.4, "accuracy": 0.2, "val_accuracy": 0.4},
    {"loss": 1.0, "val_loss": 0.6, "accuracy": 0.9, "val_accuracy": 0.8},
    {"loss": 2.5, "val_loss": 0.8, "accuracy": 0.1, "val_accuracy": 0.8},
]


@pytest.mark.parametrize(
    ("monitor", "mode", "saved"),
    [
        ("val_loss", "min", [1, 2]),
        ("loss", "min", [1, 2, 3]),
        ("val_accuracy", "max", [1, 3]),
        ("accuracy", "max", [1, 3]),
        ("accuracy", "min", [1, 2, 4]),
    ],
)
def test_the_best_epoch_is_the_first_with_the_best_of_what_is_monitored(monitor, mode, saved):
    assert best_epochs(monitor, mode, ROWS) == (saved, saved[-1], ROWS[saved[-1] - 1][monitor])


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("odd", [NAN, float("inf"), -float("inf")])
def test_what_is_no_number_is_never_the_best(odd, mode):
    values = [odd, 0.5, odd, 0.4, 0.6, odd]
    expected = 4 if mode == "min" else 5
    saved, epoch, value = best_epochs("val_loss", mode, [{"val_loss": value} for value in values])
    assert (saved, epoch, value) == ([2, expected], expected, values[expected - 1])
    assert best_epochs("val_loss", mode, [{"val_loss": odd}] * 3)[:2] == ([], None)


@pytest.mark.parametrize(
    ("stopping", "monitor", "mode"),
    [
        ("null", "val_loss", "min"),
        ("{monitor: loss}", "loss", "min"),
        ("{monitor: val_accuracy}", "val_accuracy", "max"),
        ("{monitor: accuracy}", "accuracy", "max"),
        ("{monitor: val_f1}", "val_f1", "max"),
        ("{monitor: val_auc}", "val_auc", "max"),
    ],
)
def test_early_stopping_decides_what_is_monitored_and_the_metric_which_end_is_better(stopping, monitor, mode, spec):
    text = f"data: digits\nmodel: mlp\nmetrics: [accuracy, f1, auc]\ntraining: {{early_stopping: {stopping}}}\n"
    experiment = load([spec(text)]).experiment
    assert experiment.monitor == monitor
    assert experiment.mode(monitor) == mode


def test_without_a_validation_split_the_loss_of_training_is_monitored(spec):
    experiment: Experiment = load([spec("data: {type: digits, validation_split: 0}\nmodel: mlp\n")]).experiment
    assert experiment.monitor == "loss"


def last_epoch(spec, mode, values):
    """Return the epoch, counted from 1, after which early stopping ends training; None if it does not."""
    stopping = PatientStopping(spec, mode)
    stopping.set_model(keras.Model())
    stopping.model.stop_training = False
    stopping.on_train_begin()
    for epoch, value in enumerate(values):
        stopping.on_epoch_end(epoch, {spec.monitor: value})
        if stopping.model.stop_training:
            return epoch + 1
    return None


@pytest.mark.parametrize(
    ("min_delta", "mode", "values", "last"),
    [
        (0.0, "min", [1.0, 0.99, 0.98, 0.97, 0.96], None),
        (0.05, "min", [1.0, 0.99, 0.98, 0.97, 0.96], 3),
        (0.05, "min", [1.0, 0.9, 0.8, 0.79, 0.78, 0.1], 5),
        (0.05, "max", [0.5, 0.6, 0.61, 0.62, 0.9], 4),
        (0.0, "max", [0.5, 0.6, 0.61, 0.62, 0.9], None),
        (0.0, "max", [0.5, 0.4, 0.3, 0.9], 3),
    ],
)
def test_early_stopping_waits_for_an_improvement_of_min_delta(min_delta, mode, values, last):
    assert last_epoch(EarlyStopping(monitor="val_x", patience=2, min_delta=min_delta), mode, values) == last


class Plateaus:
    """A model that `Plateau` watches, without a step of training.

    Args:
        peak: The learning rate.
        spec: Fields of `reduce_on_plateau`.
        mode: Which end is better.
    """

    def __init__(self, peak=1e-3, mode="min", **spec):
        self.spec = ReduceOnPlateau(**{"patience": 1, "factor": 0.1, **spec})
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(learning_rate(self.spec, peak, 100)))
        model.optimizer.build(model.trainable_variables)
        self.optimizer, self.scale = model.optimizer, model.optimizer._learning_rate.scale
        self.callback = Plateau(self.spec, mode)
        self.callback.set_model(model)
        self._epoch = 0

    def after(self, value):
        """Return the rate after an epoch with such a value."""
        self.callback.on_epoch_end(self._epoch, {self.spec.monitor: value})
        self._epoch += 1
        return float(self.optimizer.learning_rate)

    def course(self, *values):
        return [self.after(value) for value in values]


def same(rates, expected):
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_the_rate_falls_after_patience_epochs_without_improvement():
    same(Plateaus(patience=2).course(1, 1, 1, 1, 1), [1e-3, 1e-3, 1e-4, 1e-4, 1e-5])
    same(Plateaus(patience=2).course(1, 1, 0.5, 0.5, 0.5), [1e-3, 1e-3, 1e-3, 1e-3, 1e-4])


def test_epochs_of_a_cooldown_do_not_count():
    same(Plateaus().course(1, 1, 1, 1, 1), [1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
    same(Plateaus(cooldown=1).course(1, 1, 1, 1, 1), [1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
    same(Plateaus(cooldown=3).course(1, 1, 1, 1, 1, 1, 1), [1e-3, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5])


def test_a_plateau_counts_as_keras_does():
    """Its own callback, which cannot change the rate of a schedule, is the reference."""
    rng = np.random.RandomState(0)
    for _ in range(30):
        fields = {
            "patience": int(rng.randint(1, 4)),
            "cooldown": int(rng.randint(0, 4)),
            "min_delta": float(rng.choice([0, 0.05, 0.3])),
            "factor": 0.5,
            "min_lr": float(rng.choice([0, 1e-4, 5e-4])),
        }
        mode = str(rng.choice(["min", "max"]))
        values = np.round(rng.uniform(size=15), 2).tolist()
        reference = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", mode=mode, **fields)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-3))
        reference.set_model(model)
        reference.on_train_begin()
        expected = []
        for epoch, value in enumerate(values):
            reference.on_epoch_end(epoch, {"val_loss": value})
            expected.append(float(model.optimizer.learning_rate))
        np.testing.assert_allclose(
            Plateaus(mode=mode, **fields).course(*values), expected, rtol=1e-6, err_msg=str(fields)
        )


@pytest.mark.parametrize(("mode", "sign"), [("min", -1), ("max", 1)])
def test_an_improvement_of_less_than_min_delta_is_none(mode, sign):
    values = [1 + sign * step for step in (0, 0.1, 0.2, 0.3)]
    same(Plateaus(mode=mode, min_delta=0.05).course(*values), [1e-3] * 4)
    same(Plateaus(mode=mode, min_delta=0.15).course(*values), [1e-3, 1e-4, 1e-4, 1e-5])


def test_the_rate_stops_at_min_lr():
    same(Plateaus(min_lr=3e-5).course(1, 1, 1, 1, 1), [1e-3, 1e-4, 3e-5, 3e-5, 3e-5])


@pytest.mark.parametrize("min_lr", [1e-3, 1e-2])
def test_a_min_lr_that_is_not_below_the_rate_leaves_it_alone(min_lr):
    same(Plateaus(min_lr=min_lr).course(1, 1, 1, 1), [1e-3] * 4)


def test_a_rate_that_rollbacks_have_brought_below_min_lr_is_not_raised():
    plateaus = Plateaus(min_lr=4e-4)
    plateaus.scale.assign(0.25)
    same(plateaus.course(1, 1, 1), [2.5e-4] * 3)


def test_a_reduction_during_warm_up_neither_raises_the_rate_nor_takes_it_below_min_lr():
    plateaus = Plateaus(warmup=10, min_lr=4e-4, factor=0.5)
    rates = []
    for step in range(20):
        plateaus.optimizer._iterations.assign(step)
        before = float(plateaus.optimizer.learning_rate)
        after = plateaus.after(1)
        assert after <= before
        assert after >= min(before, 4e-4) * (1 - 1e-6)
        rates.append(after)
    # At 0.5e-3, in the fifth step, it is first above 0.4e-3 and reduced to that; so it is after each rise from there on.
    same(rates[:6], [1e-4, 2e-4, 3e-4, 4e-4, 4e-4, 4e-4])
    same(rates[-1], 4e-4)


def test_a_rate_that_is_never_reduced_and_one_that_rises_are_noticed(spec):
    text = "data: digits\nmodel: mlp\nschedule: {type: reduce_on_plateau, min_lr: 0.01}\n"
    assert load([spec(text)]).notices == (
        "schedule.min_lr: 0.01 is not below optimizer.learning_rate (0.001), so the learning rate is never reduced",
    )
    assert load([spec(text)], ["optimizer.learning_rate=0.1"]).notices == ()
    text = "data: digits\nmodel: mlp\nschedule: {type: polynomial, end_learning_rate: 0.01}\n"
    assert load([spec(text)]).notices == (
        "schedule.end_learning_rate: 0.01 is above optimizer.learning_rate (0.001), so the learning rate rises",
    )
