"""Devices in a process that has used TensorFlow before, as a notebook has, and what is chosen for a device."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import deepcli
from deepcli.errors import DeviceError
from deepcli.experiment.load import load
from deepcli.experiment.schema import Training
from deepcli.training import device, tensorflow_device
from tests import own_files


@pytest.fixture
def fixed(monkeypatch):
    """Make TensorFlow report a GPU, and refuse any change of its devices."""

    def refuse(*_):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
    real = tf.config.list_physical_devices
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [gpu] if kind == "GPU" else real(kind))
    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    return gpu


def test_the_cpu_is_used_beside_gpus_that_can_no_longer_be_hidden(fixed):
    chosen = device.choose(Training(device="cpu"))
    assert isinstance(chosen.strategy, tf.distribute.OneDeviceStrategy)
    assert (chosen.choice.value, chosen.is_gpu) == ("cpu", False)


def test_gpus_that_were_hidden_are_left_out_with_a_reason_or_an_error(fixed):
    chosen = device.choose(Training(device="auto"))
    assert str(chosen.choice) == "cpu (TensorFlow already runs without GPUs in this process)"
    with pytest.raises(DeviceError, match="--device gpu: TensorFlow already runs with other devices"):
        device.choose(Training(device="gpu"))


def test_a_gpu_whose_memory_is_taken_already_is_used(fixed, monkeypatch):
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *_: None)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": (9, 0)})

    def refuse(*_):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    assert device.choose(Training(device="gpu")).is_gpu


def test_training_on_the_cpu_beside_gpus_gives_the_same_bits(tmp_path, monkeypatch):
    spec = {
        "data": {"type": "digits", "limit": 120},
        "model": {"type": "cnn", "filters": [4]},
        "training": {"epochs": 2},
    }
    first = deepcli.train(spec, "training.device=cpu", output=tmp_path / "a", progress=False)
    monkeypatch.setattr(tensorflow_device, "_without_gpus", lambda gpus: tf.distribute.OneDeviceStrategy("/cpu:0"))
    second = deepcli.train(spec, "training.device=cpu", output=tmp_path / "b", progress=False)
    assert second.metrics == first.metrics
    assert np.array_equal(vars(second.predictions())["probabilities"], vars(first.predictions())["probabilities"])
    exported = second.export("keras", verify=True)
    assert exported.verdict.difference < 1e-6


@pytest.mark.parametrize(
    ("data", "precision", "compiled"),
    [
        ("{type: text, path: book.txt, window: 8}", "auto", True),
        ("{type: text, path: book.txt, window: 8}", "mixed_bfloat16", False),
        ("digits", "auto", False),
        ("imdb", "auto", False),
    ],
)
def test_xla_is_chosen_on_a_cpu_only_where_it_was_measured_to_be_faster(spec, data, precision, compiled):
    own_files.running_text(Path("book.txt"), 40)
    model = "{type: transformer, num_layers: 1, hidden_dim: 8, num_heads: 2}"
    path = spec(f"data: {data}\nmodel: {model}\ntraining: {{device: cpu, precision: {precision}}}\n")
    experiment = load([path], []).experiment
    chosen = device.choose(experiment.training)
    policy = device.choose_precision(experiment.training, experiment.model, chosen).value
    found = device.choose_jit(experiment.training, experiment.model, experiment.signature, chosen, policy)
    assert found.value is compiled


def test_xla_that_is_asked_for_is_used_with_any_precision(spec):
    path = spec("data: digits\nmodel: mlp\ntraining: {jit_compile: true, precision: mixed_bfloat16}\n")
    experiment = load([path], []).experiment
    chosen = device.choose(experiment.training)
    choice = device.choose_jit(experiment.training, experiment.model, experiment.signature, chosen, "mixed_bfloat16")
    assert str(choice) == "true (requested)"
