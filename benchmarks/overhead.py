"""Train the reference conv net with Keras's `fit`, with deepcli's loop alone, or as a whole deepcli run with its files.

All three get the same model, compiled in the same way, the same tf.data batches in the same order, the same number of
steps per call, and the same validation examples in batches of the same size. Only training after the first epoch is
timed, because the first one traces and compiles. The last line printed is JSON: seconds, CPU seconds, validation accuracy.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from deepcli.data.arrays.splits import Split
from deepcli.data.files import Sources
from deepcli.experiment import load
from deepcli.run.directory import RunDir
from deepcli.run.reporter import NullReporter
from deepcli.training.backend import make_backend
from deepcli.training.context import RunContext, TrainOptions
from deepcli.training.device import choose
from deepcli.training.evaluate import BATCH_SIZE
from deepcli.training.loop import Loop
from deepcli.training.pipeline import PREFETCH, TrainingBatches, gatherer
from deepcli.training.ready import ready_model
from deepcli.training.session import Session
from deepcli.training.settings import make_settings
from deepcli.training.state import Position

CONFIG = Path(__file__).parent.parent / "configs" / "mnist" / "cnn.yaml"


class Stopwatch(keras.callbacks.Callback):  # type: ignore[misc]
    """Times training from the end of the first epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.accuracy = logs["val_accuracy"]
        if epoch == 0:
            self.began = time.perf_counter(), time.process_time()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.seconds = time.perf_counter() - self.began[0]
        self.cpu_seconds = time.process_time() - self.began[1]


def by_fit(job: RunContext, model: keras.Model, watch: Stopwatch) -> None:
    order = job.settings.order
    batches = TrainingBatches(job.splits.train, order, None, job.settings.device.strategy)
    arrange = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.arrange(epoch))
    model.fit(
        batches.dataset(0, order.steps),
        epochs=job.experiment.training.epochs,
        validation_data=validation_batches(job.splits["validation"]),
        shuffle=False,
        callbacks=[arrange, watch],
        verbose=0,
    )


def validation_batches(split: Split) -> tf.data.Dataset:
    """Batch a split as deepcli does for its predictions, with the labels that Keras's `evaluate` needs."""
    gather, labels = gatherer(split.x), tf.constant(split.y)
    options = tf.data.Options()
    options.autotune.enabled = False
    positions = tf.data.Dataset.from_tensor_slices(np.arange(len(split))).batch(BATCH_SIZE)
    batches = positions.map(lambda part: (gather(part), tf.gather(labels, part)))
    return batches.with_options(options).prefetch(PREFETCH)


def by_loop(job: RunContext, model: keras.Model, watch: Stopwatch) -> None:
    validation, signals = job.splits.validation, job.options.signals
    position, batches = Position(), job.batches()

    def enter(stage: int) -> None:
        raise NotImplementedError("this model has one stage")

    Loop(job.experiment, model, job.backend, batches, validation, job.reporter, signals, position, enter).run([watch])


def by_run(job: RunContext, model: keras.Model, watch: Stopwatch) -> None:
    session = Session(job, model)
    session.callbacks.append(watch)
    session.complete()


WAYS = {"fit": by_fit, "loop": by_loop, "run": by_run}


def prepare(words: list[str], folder: Path) -> tuple[RunContext, keras.Model]:
    """Do what `deepcli train` does before the first step."""
    experiment = load.load([CONFIG], words).experiment
    splits = experiment.data.load(Sources(offline=True))
    device = choose(experiment.training)
    settings = make_settings(experiment, splits, device)
    backend = make_backend(device)
    model = ready_model(experiment, splits, settings, backend)
    run = RunDir.create(folder / "run", load.dump(experiment), {})
    return RunContext(experiment, splits, run, backend, settings, TrainOptions(run.path), NullReporter()), model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="mnist.npz")
    parser.add_argument("--by", choices=WAYS, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="maximum number of examples per split, for quick trials")
    options = parser.parse_args()

    words = [f"data.path={json.dumps(options.data)}", f"seed={options.seed}", f"training.epochs={options.epochs}"]
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        job, model = prepare([*words, *([f"data.limit={options.limit}"] if options.limit else [])], Path(folder))
        WAYS[options.by](job, model, watch)
    result = {
        "training_seconds": watch.seconds,
        "training_cpu_seconds": watch.cpu_seconds,
        "validation_accuracy": watch.accuracy,
        "precision": job.settings.precision.value,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
