"""Specs to torment, and a fingerprint of everything that a run has come to."""

from pathlib import Path

from deepcli.data.files import Sources
from deepcli.experiment.load import load
from deepcli.run import run_bits
from deepcli.run.checkpoint.file import STATE, open_checkpoint
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.run.resuming import resume
from deepcli.system.signals import Signals
from deepcli.training.context import TrainOptions
from deepcli.training.state import State
from deepcli.training.train import train

IMAGES = "data: {type: mnist, path: PATH, limit: 100, batch_size: 16}\n"
TOKENS = "data: {type: imdb, path: PATH, limit: 100, batch_size: 16, maxlen: 20, num_words: 300}\n"
FAMILIES = {
    "cnn": IMAGES + "model: {type: cnn, filters: [4, 4], hidden_units: 8, regularization: {normalization: batch}}\n",
    "lstm": TOKENS + "model: {type: lstm, embedding_dim: 4, units: 5, bidirectional: true}\n",
    "gru": TOKENS + "model: {type: gru, embedding_dim: 4, units: 5}\n",
    "transformer": TOKENS
    + "model: {type: transformer, hidden_dim: 8, num_heads: 2, intermediate_dim: 8, num_layers: 1}\n",
}
ALWAYS = [
    "training.epochs=4",
    "training.steps_per_execution=1",
    "training.early_stopping.patience=3",
    "metrics=[accuracy, f1]",
    "training.checkpoint.keep=2",
]


def features(family: str) -> dict[str, list[str]]:
    """Return the overrides that switch each thing with a memory on."""
    images, recurrent = family == "cnn", family in ("lstm", "gru")
    return {
        "dropout": ["model.regularization.dropout=0.3"]
        + ["model.regularization.recurrent_dropout=0.2"] * recurrent
        + ["model.regularization.gaussian_noise=0.1"] * images,
        "augmentation": ["data.augmentation={rotation: 0.1, translation: 0.1, erasing: 0.2}"]
        if images
        else ["data.augmentation={word_dropout: 0.2}"],
        "adam_ema": ["optimizer={type: adam, learning_rate: 5e-3, use_ema: true, ema_momentum: 0.9, clipnorm: 1.0}"],
        # Seven steps an epoch: its last group is one of three.
        "accumulation": ["optimizer.gradient_accumulation_steps=4"],
        "schedule": ["schedule={type: reduce_on_plateau, patience: 1, factor: 0.5, min_delta: 0.1}"]
        if family == "gru"
        else ["schedule={type: cosine, warmup: 0.2}"],
    }


class Cut(Signals):
    """Asks the run to end when it looks for signals the n-th time: at a step, in validation, at an epoch's end."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__()
        self.looked, self._at = 0, at

    def check(self) -> None:
        self.looked += 1
        if self.looked == self._at:
            self.stop = 15
        super().check()


def begin(spec: Path, overrides: list[str], output: Path, signals: Signals | None = None, reporter=None):
    """Train from a spec."""
    experiment = load([spec], overrides).experiment
    request = TrainOptions(output, signals=signals or Signals())
    return train(experiment, experiment.data.load(Sources()), request, reporter or NullReporter())


def go_on(output: Path, signals: Signals | None = None, reporter=None):
    """Resume a run by its own spec."""
    run = RunDir.open(output)
    experiment = load([run.config]).experiment
    request = TrainOptions(output, resumption=resume(run, experiment), signals=signals or Signals())
    return train(experiment, experiment.data.load(Sources()), request, reporter or NullReporter())


def fingerprint(output: Path) -> dict[str, str]:
    """Hash what must not depend on interruptions, thing by thing."""
    return run_bits.fingerprint(RunDir.open(output))


def position(output: Path):
    """Tell where the last checkpoint is."""
    return State.from_bytes(open_checkpoint(RunDir(output).last).read(STATE)).position
