"""Several devices train as one does, or a spec is refused before training. Two logical CPUs show all of it."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deepcli.errors import UsageError
from deepcli.experiment.load import load
from deepcli.optim import OPTIMIZERS
from deepcli.training.device import Choice, Device, choose_jit
from deepcli.training.settings import make_settings

pytestmark = pytest.mark.xdist_group("replicas")  # one process computes what all of them look at

# An epoch of each spec on one device and on two; the last figures and all weights are printed.
COMPARE = """
import json, sys
from pathlib import Path

from deepcli.system.tensorflow_startup import import_tensorflow
import_tensorflow()
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from deepcli.data.files import Sources
from deepcli.training.tensorflow_backend import TensorFlowBackend
from deepcli.training.averaging import averaged_weights
from deepcli.training.device import Choice, Device
from deepcli.training.settings import make_settings
from deepcli.training.context import TrainOptions, class_weights
from deepcli.training.ready import ready_model
from deepcli.training.train import train
from deepcli.errors import TrainingError
from deepcli.experiment.load import load
from deepcli.run.reporter import NullReporter

one = Device(Choice("cpu", "one"), tf.distribute.get_strategy(), None, 1)
two = Device(Choice("cpu", "two"), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), None, 1)


def epoch(experiment, splits, device):
    plan = make_settings(experiment, splits, device)
    backend = TensorFlowBackend(device.strategy)
    model = ready_model(experiment, splits, plan, backend)
    weights = class_weights(experiment, splits.train.y)
    batches = backend.batches(splits.train, plan.order, weights).epoch(0, 0, plan.order.steps)
    for _ in range(0, plan.order.steps, plan.steps_per_execution.value):
        backend.take_steps(model, batches)
    figures = {name: float(value) for name, value in model.get_metrics_result().items()}
    with averaged_weights(model):
        return figures, [np.array(weight.numpy(), np.float64) for weight in model.weights]


def compared(experiment):
    splits = experiment.data.load(Sources())
    (before, first), (after, second) = (epoch(experiment, splits, device) for device in (one, two))
    apart = max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
    return {"one": before, "two": after, "apart": apart}


def origin(experiment):
    try:
        train(experiment, experiment.data.load(Sources()), TrainOptions(Path("run")), NullReporter(), lambda training: two)
    except TrainingError as error:
        return str(error)


def dropped(experiment):
    # Twice what each device keeps of ones.
    splits = experiment.data.load(Sources())
    plan = make_settings(experiment, splits, two)
    model = ready_model(experiment, splits, plan, TensorFlowBackend(two.strategy))
    (layer,) = [layer for layer in model.layers if type(layer).__name__ == "Dropout"]
    keep = tf.function(lambda: layer(np.ones((1, 64), np.float32), training=True))
    draws = [two.strategy.experimental_local_results(two.strategy.run(keep)) for _ in range(2)]
    return [[part.numpy().ravel().tolist() for part in draw] for draw in draws]


SPECIAL = {"diverges": origin, "drops": dropped}
found = {}
for name in sys.argv[1:]:
    experiment = load([Path(name + ".yaml")], []).experiment
    found[name] = SPECIAL.get(name, compared)(experiment)
print(json.dumps(found))
"""

EVEN = "{type: digits, limit: 90, batch_size: 32}"  # the last batch has 26 examples
UNEVEN = "{type: digits, limit: 91, batch_size: 32}"  # 27
SINGLE = "{type: digits, limit: 37, batch_size: 12}"  # one, so that a device has none
MLP = "{type: mlp, hidden_units: [8]}"
NORMALIZED = "regularization: {dropout: 0, normalization: batch}"
SGD = "{type: sgd, learning_rate: 0.1"
SPECS = {
    **{f"optimizer {name}": (UNEVEN, MLP, f"{{type: {name}, learning_rate: 0.01}}", "") for name in OPTIMIZERS},
    "clipnorm": (EVEN, MLP, SGD + ", clipnorm: 0.1}", ""),
    "global_clipnorm": (UNEVEN, MLP, SGD + ", global_clipnorm: 0.1}", ""),
    "clipvalue": (UNEVEN, MLP, SGD + ", clipvalue: 0.01}", ""),
    "loss_scale_factor": (UNEVEN, MLP, SGD + ", loss_scale_factor: 8, weight_decay: 0.1}", ""),
    "average": (UNEVEN, MLP, SGD + ", use_ema: true, ema_momentum: 0.5}", ""),
    "class weights": (UNEVEN, MLP, SGD + "}", ", class_weight: {0: 5, 3: 0.2}"),
    "single": (SINGLE, MLP, SGD + "}", ""),
    "penalties": (UNEVEN, "{type: cnn, filters: [4], regularization: {dropout: 0, l2: 0.01, activity_l2: 0.01}}",
                  SGD + "}", ""),
    "normalized": (SINGLE, f"{{type: cnn, filters: [4], {NORMALIZED}}}", SGD + "}", ""),
    "normalized texts": ("TEXTS", f"{{type: cnn, filters: [4], embedding_dim: 4, {NORMALIZED}}}",
                         SGD + ", clipnorm: 0.1}", ""),
    "recurrent texts": ("TEXTS", "{type: rnn, units: [4], embedding_dim: 4}", SGD + ", global_clipnorm: 0.1}", ""),
}  # fmt: skip


# They step each weight by itself, as adam and sgd do; new ones are not among them.
LIKE_ADAM = ("adadelta", "adagrad", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop")
# What they cover is covered by a clipped norm of all weights, and by texts with uneven shares.
LIKE_OTHERS = ("clipnorm", "clipvalue", "single", "normalized", "recurrent texts")
LATER = {*(f"optimizer {name}" for name in LIKE_ADAM), *LIKE_OTHERS}


@pytest.fixture(scope="module")
def found(request, tmp_path_factory, tiny_imdb):
    """What a fresh process found; TensorFlow's devices cannot be changed in one that has used it."""
    folder = tmp_path_factory.mktemp("replicas")
    texts = f"{{type: imdb, path: '{tiny_imdb}', num_words: 150, limit: 25, batch_size: 12}}"
    specs = {
        name: f"data: {texts if data == 'TEXTS' else data}\nmodel: {model}\noptimizer: {optimizer}\n"
        f"training: {{precision: float32{training}}}\nmetrics: [accuracy, auc]\n"
        for name, (data, model, optimizer, training) in SPECS.items()
        if any(f"[{name}]" in item.name for item in request.session.items)
    }
    specs["diverges"] = f"data: {SINGLE}\nmodel: {MLP}\noptimizer: {{type: sgd, learning_rate: 1.0e+30}}\n"
    specs["drops"] = f"data: {SINGLE}\nmodel: {{type: mlp, hidden_units: [64], regularization: {{dropout: 0.5}}}}\n"
    for name, text in specs.items():
        (folder / f"{name}.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, *specs],
        # oneDNN's max pooling aborts on a second logical CPU device (TensorFlow 2.21); GPUs do not use it.
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in LATER else []) for name in SPECS]
)
@pytest.mark.long
def test_two_devices_take_the_steps_of_one(found, name):
    """Whatever the shares: weights after an epoch, averages where they are kept, loss and metrics."""
    assert found[name]["apart"] < 1e-5
    assert found[name]["two"] == pytest.approx(found[name]["one"], abs=1e-5)


def test_where_a_run_on_two_devices_diverged_is_found(found):
    assert "it began in step " in found["diverges"]
    assert "of the layer" in found["diverges"]


def test_each_device_drops_units_of_its_own(found):
    """Or an example of one share would always lose what its neighbour in the other share loses."""
    kept = [tuple(part) for draw in found["drops"] for part in draw]
    assert {value for part in kept for value in part} == {0, 2}
    assert len(set(kept)) == 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("optimizer: {type: adam, gradient_accumulation_steps: 4}", "optimizer.gradient_accumulation_steps: "),
        ("optimizer: {use_ema: true, ema_overwrite_frequency: 2}", "optimizer.ema_overwrite_frequency: "),
        ("training: {jit_compile: true}", "training.jit_compile: XLA cannot compile a step on 2 devices"),
        ("training: {steps_per_execution: 4}", "training.steps_per_execution: several steps cannot be taken"),
        ("data: {type: digits, batch_size: 1}", "data.batch_size: 1 leaves a device without examples on 2 devices"),
    ],
)
def test_what_two_devices_cannot_do_is_refused_before_training(spec, lines, message):
    from deepcli.data.files import Sources

    data = "" if "data:" in lines else "data: digits\n"
    experiment = load([spec(f"{data}model: mlp\n{lines}\n")], []).experiment
    splits = experiment.data.load(Sources())
    with pytest.raises(UsageError, match=f"^{message}.*; train on one") as refused:
        make_settings(experiment, splits, gpus(2))
    assert refused.value.exit_code == 2
    make_settings(experiment, splits, gpus(1))


def test_a_training_step_of_a_plugins_own_is_refused_and_not_replaced():
    import keras

    from deepcli.training.replicas import mirror

    class Own(keras.Model):
        def train_step(self, data):
            return {}

    inputs = keras.Input((2,))
    with pytest.raises(UsageError, match="a training step of its own"):
        mirror(Own(inputs, keras.layers.Dense(1)(inputs)))


def test_xla_is_left_out_on_several_devices(spec):
    experiment = load([spec("data: mnist\nmodel: cnn\n")], []).experiment
    choices = [
        choose_jit(experiment.training, experiment.model, experiment.signature, gpus(n), "float32") for n in (1, 2)
    ]
    assert [choice.value for choice in choices] == [True, False]
    assert "several devices" in choices[1].why


def gpus(count):
    return Device(Choice("gpu", "pretended"), SimpleNamespace(num_replicas_in_sync=count), (8, 0), 1)
