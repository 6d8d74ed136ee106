"""Devices in a process that has used TensorFlow before, as a notebook has: it fixes them with its first operation."""

import numpy as np
import pytest
import tensorflow as tf

import deepcli
from deepcli.errors import DeviceError
from deepcli.experiment.schema import Training
from deepcli.training import device


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
    monkeypatch.setattr(device, "_without_gpus", lambda gpus: tf.distribute.OneDeviceStrategy("/cpu:0"))
    second = deepcli.train(spec, "training.device=cpu", output=tmp_path / "b", progress=False)
    assert second.metrics == first.metrics
    assert np.array_equal(vars(second.predictions())["probabilities"], vars(first.predictions())["probabilities"])
    exported = second.export("keras", verify=True)
    assert exported.verdict.difference < 1e-6
