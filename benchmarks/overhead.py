"""Train the reference conv net by Keras's `fit`, by deepcli's loop alone, or as a whole deepcli run with its files.

All three get the same model, compiled the same way, the same tf.data batches in the same order, as many steps per call
and the same validation examples in batches of the same size. What is timed is training after the first epoch: that one
traces and compiles, which is start-up. The last line printed is JSON: seconds, CPU seconds, validation accuracy.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from deepcli import loading
from deepcli.data.files import Sources
from deepcli.data.pipeline import PREFETCH, TrainingBatches, gatherer
from deepcli.data.splits import Split
from deepcli.engine.backend import TensorFlowBackend
from deepcli.engine.device import choose
from deepcli.engine.evaluate import BATCH_SIZE
from deepcli.engine.loop import Loop
from deepcli.engine.plan import make_plan
from deepcli.engine.session import Job, Request, Session
from deepcli.engine.state import Position
from deepcli.engine.train import ready_model
from deepcli.reporting import Silent
from deepcli.run import RunDir

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


def by_fit(job: Job, model: keras.Model, watch: Stopwatch) -> None:
    order = job.plan.order
    batches = TrainingBatches(job.splits.train, order, None, job.plan.device.strategy)
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
    """Batch a split as deepcli does for its predictions, with the labels that Keras's `evaluate` wants beside them."""
    gather, labels = gatherer(split.x), tf.constant(split.y)
    options = tf.data.Options()
    options.autotune.enabled = False
    positions = tf.data.Dataset.from_tensor_slices(np.arange(len(split))).batch(BATCH_SIZE)
    batches = positions.map(lambda part: (gather(part), tf.gather(labels, part)))
    return batches.with_options(options).prefetch(PREFETCH)


def by_loop(job: Job, model: keras.Model, watch: Stopwatch) -> None:
    validation, signals = job.splits.validation, job.request.signals
    Loop(job.experiment, model, job.backend, job.batches(), validation, job.reporter, signals, Position()).run([watch])


def by_run(job: Job, model: keras.Model, watch: Stopwatch) -> None:
    session = Session(job, model)
    session.callbacks.append(watch)
    session.complete()


WAYS = {"fit": by_fit, "loop": by_loop, "run": by_run}


def prepare(words: list[str], folder: Path) -> tuple[Job, keras.Model]:
    """Go the way of `deepcli train` up to the first step."""
    experiment = loading.load([CONFIG], words).experiment
    splits = experiment.data.load(Sources(offline=True))
    device = choose(experiment.training)
    plan = make_plan(experiment, splits, device)
    backend = TensorFlowBackend(device.strategy)
    model = ready_model(experiment, splits, plan, backend)
    run = RunDir.create(folder / "run", loading.dump(experiment), {})
    return Job(experiment, splits, run, backend, plan, Request(run.path), Silent()), model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="mnist.npz")
    parser.add_argument("--by", choices=WAYS, required=True)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="so many examples of each split, for quick trials")
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
        "precision": job.plan.precision.value,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
