"""What only a process of its own can show: signals, several devices, a terminal, a full disk."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

DEEPCLI = [str(Path(sys.executable).with_name("deepcli"))]
LONG = "data: {type: digits, batch_size: 8}\nmodel: {type: cnn, filters: [32, 32]}\ntraining: {epochs: 1000}\n"


def start(*words, **options):
    return subprocess.Popen(
        [*DEEPCLI, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def wait_for(path, process, seconds=90):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long)]
)
def test_a_signal_ends_a_run_in_an_orderly_way(spec, number, code):
    process = start("train", spec(LONG), "-o", "a", "--json")
    wait_for(Path("a/checkpoints/last.keras"), process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    result = json.loads(out)
    assert result["status"] == "interrupted"
    assert result["run"] == "a" and result["ended"] == "signal"
    assert re.search(
        r"error: interrupted (in|after) epoch \d+ of 1000; best so far: epoch \d+, val_loss \d\.\d{4}; "
        r"continue with: deepcli train --resume a\n",
        err,
    )
    assert "Traceback" not in err
    assert [path.name for path in Path("a").rglob(".*")] == [".lock"]
    done = subprocess.run([*DEEPCLI, "evaluate", "a/checkpoints/last.keras", "-q"], capture_output=True, check=False)
    assert done.returncode == 0
    again = subprocess.run(
        [*DEEPCLI, "train", spec(LONG), "-o", "a", "--if-exists", "skip"], capture_output=True, text=True, check=False
    )
    assert again.returncode == 2
    assert "has not finished" in again.stderr


INTERRUPTED = """
import contextlib, signal, sys

point, swallowed = sys.argv.pop(1), sys.argv.pop(1) == "swallowed"
sent = False

def interrupt(event, words):
    global sent
    if event == "import" and words[0] == point and not sent:
        sent = True
        with contextlib.suppress(KeyboardInterrupt) if swallowed else contextlib.nullcontext():
            signal.raise_signal(signal.SIGINT)

sys.addaudithook(interrupt)
from deepcli.cli import script
script()
"""


@pytest.mark.parametrize(
    ("point", "how"),
    [
        ("deepcli.cli.app", "raised"),
        ("deepcli.experiment.schema", "swallowed"),
        ("h5py", "swallowed"),  # within Keras
        pytest.param("h5py", "raised", marks=pytest.mark.long),
        pytest.param("deepcli.training.train", "swallowed", marks=pytest.mark.long),
    ],
)
def test_an_interrupt_before_training_is_not_lost(spec, point, how):
    """Imports of large packages swallow a KeyboardInterrupt now and then."""
    words = ["train", spec(LONG), "-o", "a"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, point, how, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("a").exists()


def test_an_interrupt_is_heard_where_the_shell_lets_background_processes_ignore_it(spec):
    """A shell without job control does, so whatever a script begins with `&` has it so."""
    ignored = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    words = [
        sys.executable,
        "-c",
        INTERRUPTED,
        "deepcli.experiment.schema",
        "raised",
        "train",
        str(spec(LONG)),
        "-o",
        "a",
    ]
    done = subprocess.run([sys.executable, "-c", ignored, *words], capture_output=True, check=False, timeout=120)
    assert done.returncode == 130, done.stderr
    assert not Path("a").exists()


STUCK = """
from typing import Literal
from deepcli.optim import LOSSES, Loss


@LOSSES.register
class Stuck(Loss):
    '''Takes a minute a step, in C++.'''

    type: Literal["stuck"] = "stuck"

    def build(self, signature):
        import keras
        import tensorflow as tf

        class Slow(keras.losses.Loss):
            def call(self, y_true, y_pred):
                size = tf.cast(tf.reduce_sum(y_pred) * 0, tf.int32) + 3000
                x = tf.random.stateless_uniform((size, size), (1, 2))
                return tf.reduce_sum(y_pred) + tf.while_loop(lambda _: True, lambda m: m @ x, [x], maximum_iterations=200)[0][0] * 0

        return Slow()
"""


@pytest.mark.long
def test_a_second_interrupt_ends_at_once_even_within_a_step(spec):
    Path("stuck.py").write_text(STUCK)
    process = start("train", spec(LONG + "loss: stuck\n"), "-o", "a", "--plugin", "stuck.py")
    wait_for(Path("a/train.log"), process)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)  # the step itself takes minutes
    assert process.returncode == 130
    assert "press Ctrl-C again to quit immediately" in err


MIRRORED = """
import json, sys
from pathlib import Path
from deepcli.data.files import Sources
from deepcli.experiment.load import load
from deepcli.system.tensorflow_startup import import_tensorflow
import_tensorflow()
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from deepcli.training import device
from deepcli.training.evaluate import Evaluator
from deepcli.run.reporter import NullReporter
from deepcli.training.context import TrainOptions
from deepcli.training.train import train

def two(training):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return device.Device(device.Choice("cpu", "two of them"), strategy, None, 1)

results = []
for index, choose in enumerate((two, device.choose)):
    experiment = load([Path(sys.argv[1])], sys.argv[2:]).experiment
    splits = experiment.data.load(Sources())
    result = train(experiment, splits, TrainOptions(Path(f"run{index}")), NullReporter(), choose)
    results.append(result.metrics)
print(json.dumps(results))
"""


@pytest.mark.parametrize(
    "text",
    [
        # 120 examples in batches of 16: the last has 8; 37 in batches of 12: the last has a single one.
        pytest.param("data: {type: digits, limit: 120, batch_size: 16}\nmodel: mlp\n", marks=pytest.mark.long),
        "data: {type: digits, limit: 37, batch_size: 12}\n"
        "model: {type: cnn, filters: [4], regularization: {dropout: 0}}\n",
    ],
)
def test_two_mirrored_devices_train_as_one_does(spec, text):
    overrides = ["training.epochs=3", "training.precision=float32", "optimizer={type: sgd, learning_rate: 0.1}"]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MIRRORED), str(spec(text)), *overrides],
        # oneDNN's max pooling aborts on a second logical CPU device (TensorFlow 2.21); GPUs do not use it.
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    mirrored, single = json.loads(done.stdout.splitlines()[-1])
    assert set(mirrored) == {"train", "validation", "test"}
    for split, figures in single.items():
        assert mirrored[split] == pytest.approx(figures, rel=1e-3)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.long
def test_a_terminal_shows_a_live_bar(spec):
    import pexpect

    child = pexpect.spawn(
        DEEPCLI[0], ["train", str(spec(LONG)), "training.epochs=3", "-o", "a b"], dimensions=(40, 160)
    )
    child.expect("device: cpu", timeout=60)
    child.expect(r"epoch 1/3 .*\d+/162.*loss \d\.\d+.*accuracy.*lr .*samples/s.*ETA \d\d:\d\d", timeout=60)
    child.expect(r"epoch 2/3  loss \d", timeout=60)
    child.expect("test accuracy", timeout=60)
    child.expect(pexpect.EOF, timeout=60)
    child.close()
    assert child.exitstatus == 0


def test_another_keras_backend_is_refused_and_not_ignored(spec):
    done = subprocess.run(
        [*DEEPCLI, "train", str(spec(LONG))],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "KERAS_BACKEND is torch; deepcli trains and evaluates on tensorflow and jax" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"'{DEEPCLI[0]}' list models | head -n 1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("application")
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_on_stdout_is_told():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*DEEPCLI, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


ENDS = """
import sys
from deepcli import cli

def main():
    print("a result")
    if sys.argv[1] == "interrupted":
        raise KeyboardInterrupt
    sys.exit(int(sys.argv[1]))

cli.main = main
cli.script()
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("ends", "where", "code", "says"),
    [
        ("0", "a pipe that nobody reads", 0, ""),
        ("3", "a pipe that nobody reads", 3, ""),
        ("0", "/dev/full", 1, "error: stdout: No space left on device\n"),
        ("interrupted", "/dev/null", 130, ""),
    ],
)
def test_exit_codes_survive_what_is_left_to_the_end_of_the_process(ends, where, code, says):
    """What is still buffered for stdout, and a second Ctrl-C while the first one is reported."""
    if where.startswith("/dev"):
        out = os.open(where, os.O_WRONLY)
    else:
        reader, out = os.pipe()
        os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", ENDS, ends], stdout=out, stderr=subprocess.PIPE, text=True, env=environment, check=False
    )
    os.close(out)
    assert (done.returncode, done.stderr) == (code, says)


def test_a_run_uses_no_more_threads_than_asked_for_and_repeats_to_the_bit(spec):
    figures = []
    for name in ("a", "b"):
        words = ["train", spec(LONG), "training.epochs=2", "training.threads=1", "data.limit=64", "-o", name, "--json"]
        done = subprocess.run([*DEEPCLI, *map(str, words)], capture_output=True, text=True, check=True)
        figures.append(json.loads(done.stdout)["metrics"])
        assert "1 thread;" in done.stderr
        assert json.loads(Path(name, "environment.json").read_text())["threads"] == 1
    assert figures[0] == figures[1]


def test_a_fresh_user_without_data_or_network_is_told_where_it_comes_from(spec):
    environment = {**os.environ, "DEEPCLI_OFFLINE": "0", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*DEEPCLI, "train", spec("data: mnist\nmodel: cnn\n")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "mnist.npz was not found and cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr


TRAINED = """
import sys
sys.argv = ["deepcli", *sys.argv[1:]]
from deepcli.cli import main
try:
    main()
except SystemExit as ended:
    assert ended.code == 0
print(sorted({"sklearn.metrics", "sklearn.datasets"} & set(sys.modules)))
"""


def test_training_does_not_wait_for_what_only_evaluation_needs(spec, tiny_mnist):
    """Keras imports scikit-learn's base by itself; its metrics are ours to leave alone."""
    words = ["train", spec(f"data: {{type: mnist, path: {tiny_mnist}}}\nmodel: mlp\n"), "training.epochs=1", "-q"]
    done = subprocess.run(
        [sys.executable, "-c", TRAINED, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
