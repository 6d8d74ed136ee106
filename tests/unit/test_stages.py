"""Training in two stages: what trains, at which rate, and the same weights however often the run is interrupted."""

import keras
import numpy as np
import pytest

from deepcli import train
from deepcli.errors import SpecError
from deepcli.experiment.load import load
from deepcli.run.checkpoint.file import open_checkpoint
from deepcli.spec.plugins import import_plugins
from deepcli.training.state import Position, begins_stage, trained_stage

FAMILY = '''
from typing import Literal
from deepcli.models import MODELS, Head, Model
from deepcli.models.base import Stage

@MODELS.register
class Staged(Model):
    """A hidden layer that trains from epoch 2 on."""

    type: Literal["staged"] = "staged"

    @property
    def stages(self):
        return Stage(), Stage(2, 1e-4)

    def build(self, signature, head: Head):
        import keras

        inputs = keras.Input(signature.shape, dtype="uint8", name="image")
        x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(inputs))
        x = keras.layers.Dropout(0.2)(keras.layers.Dense(8, "relu", name="hidden")(x))
        model = keras.Model(inputs, self.dense_output(x, head))
        self.enter(model, 0)
        return model

    def enter(self, model, stage):
        model.get_layer("hidden").trainable = stage == 1
'''
SPEC = """
data: {type: digits, limit: 96, batch_size: 32}
model: staged
optimizer: {type: adam, learning_rate: 1e-2, SOME}
schedule: {type: cosine, warmup: 2}
training: {epochs: 4, precision: float32, steps_per_execution: 1}
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "staged.py"
    path.write_text(FAMILY)
    return str(path)


class StopAfter(keras.callbacks.Callback):
    """Asks to stop after a number of steps, as a signal does."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)


def weights_of(path):
    """Every array of a checkpoint, of the optimizer too."""
    import io

    import h5py

    found = {}
    content = open_checkpoint(path).read("model.weights.h5")
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, thing: found.update({name: thing[()]} if isinstance(thing, h5py.Dataset) else {}))
    return found


@pytest.mark.long
@pytest.mark.parametrize("some", ["clipnorm: 1.0", "use_ema: true", "gradient_accumulation_steps: 2"])
def test_an_interrupted_run_ends_in_the_same_bits(some, plugin, spec, tmp_path):
    from deepcli.errors import Interrupted

    path = spec(SPEC.replace("SOME", some))
    whole = train(path, output=tmp_path / "whole", plugins=[plugin], progress=False)
    wanted = weights_of(tmp_path / "whole" / "checkpoints" / "last.keras")
    for steps in (4, 6, 7):  # in the first stage, at its end, and one step into the second
        output = tmp_path / f"after-{steps}"
        with pytest.raises(Interrupted):
            train(path, output=output, plugins=[plugin], progress=False, callbacks=[StopAfter(steps)])
        resumed = train(resume=output, plugins=[plugin], progress=False)
        found = weights_of(output / "checkpoints" / "last.keras")
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{steps}: {name}")
        assert resumed.result.metrics == whole.result.metrics


def test_each_stage_trains_its_layers_at_its_rate(plugin, spec, tmp_path):
    path = spec(SPEC.replace("SOME", "clipnorm: 1.0"))
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            hidden = np.array(self.model.get_layer("hidden").kernel)
            seen.append((hidden, len(self.model.trainable_variables), logs["learning_rate"]))

    run = train(path, output=tmp_path / "run", plugins=[plugin], progress=False, callbacks=[Watch()])
    kernels, counts, rates = zip(*seen, strict=True)
    assert counts == (2, 2, 4, 4)
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])
    assert rates[0] > 5e-3
    assert rates[1] == rates[3] == 0, "the cosine of each stage ends at its own end"
    assert 0 < rates[2] < 1e-4
    assert "stage 2 begins after epoch 2: 610 weights train; learning rate 0.0001" in run.path.joinpath(
        "train.log"
    ).read_text(encoding="utf-8")


def test_a_diverged_run_is_searched_through_both_stages(plugin, spec, tmp_path):
    from deepcli.errors import TrainingError

    class Break(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                kernel = self.model.get_layer("output").kernel
                kernel.assign(kernel * np.nan)

    path = spec(SPEC.replace("SOME", "clipnorm: 1.0").replace("epochs: 4", "epochs: 4, checkpoint: {every_epochs: 9}"))
    with pytest.raises(TrainingError, match="the run diverged"):
        train(path, output=tmp_path / "run", plugins=[plugin], progress=False, callbacks=[Break()])


def test_a_position_says_its_stage(plugin, spec):
    import_plugins([plugin])
    experiment = load([spec(SPEC.replace("SOME", "clipnorm: 1.0"))]).experiment
    positions = [Position(0, 0, 0), Position(1, 2, 5), Position(2, 0, 6), Position(2, 1, 7), Position(3, 0, 9)]
    assert [trained_stage(experiment, position) for position in positions] == [0, 0, 0, 1, 1]
    assert [begins_stage(experiment, position) for position in positions] == [None, None, 1, None, None]
    assert experiment.stage_steps(3) == (6, 6)


def application(spec, model, training):
    return spec(
        f"data: cifar10\nmodel: {{type: application, architecture: mobilenet, {model}}}\ntraining: {{{training}}}\n"
    )


@pytest.mark.parametrize(
    ("model", "training", "wrong"),
    [
        ("weights: imagenet, fine_tuning: {after_epochs: 5}", "epochs: 5", "fine-tuning would begin after epoch 5"),
        ("freeze: all", "epochs: 5", "would stay random; set model.weights or training.initial_weights"),
        (
            "weights: imagenet, fine_tuning: {after_epochs: 2}",
            "epochs: 5, max_steps: 9",
            "ends after 9 steps, before the last of its 2 stages begins",
        ),
    ],
)
def test_stages_that_cannot_be_are_refused(model, training, wrong, spec):
    with pytest.raises(SpecError, match=wrong):
        load([application(spec, model, training)])


def test_a_warm_up_must_fit_into_each_stage(spec):
    path = application(spec, "weights: imagenet, fine_tuning: {after_epochs: 1}", "epochs: 9")
    with pytest.raises(SpecError, match="a warm-up of 900 steps takes the whole stage of 704"):
        load([path], ["schedule.warmup=900"])


@pytest.mark.long
def test_a_network_is_fine_tuned_and_resumed(spec, tmp_path):
    """With weights of a file, a frozen stage and a second one, interrupted in both."""

    from deepcli.data.arrays.splits import Provenance, Split, Splits

    rng = np.random.RandomState(0)
    split = Split(
        rng.randint(0, 256, (24, 32, 32, 3)).astype(np.uint8), (np.arange(24) % 10).astype(np.int32), np.arange(24)
    )
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in network.layers:
        layer.momentum = 0.0
    network(split.x, training=True)  # statistics of real images; with those of none, activations vanish
    network.save_weights(tmp_path / "net.weights.h5")
    experiment = load(
        [
            application(
                spec,
                f"weights: {tmp_path / 'net.weights.h5'}, fine_tuning: {{after_epochs: 1, freeze: 3}}",
                "epochs: 2, precision: float32",
            )
        ]
    ).experiment
    from deepcli.run.reporter import NullReporter
    from deepcli.training.context import TrainOptions
    from deepcli.training.train import train as run_of

    splits = Splits(split, split, split, Provenance("nowhere", True, "0" * 64, "0" * 64))
    result = run_of(experiment, splits, TrainOptions(tmp_path / "run"), NullReporter())
    assert result.status == "completed"
    stored = weights_of(tmp_path / "run" / "checkpoints" / "last.keras")
    given, kept = network.get_weights(), [value for name, value in stored.items() if not name.startswith("optimizer")]

    def is_kept(weight):
        return any(np.array_equal(weight, value) for value in kept)

    assert is_kept(given[0]), "the first convolution stays frozen"
    assert not is_kept(given[-5]), "the last one is fine-tuned"
    assert is_kept(given[-1]), "stored statistics stay"
