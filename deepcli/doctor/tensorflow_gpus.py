"""The GPUs that TensorFlow finds, and why it finds none."""

from __future__ import annotations

import tensorflow as tf

from deepcli.doctor.gpus import Gpu

INSTALL = "pip install 'deepcli[gpu]'"


def gpus() -> list[Gpu]:
    """Describe each GPU that TensorFlow found."""
    found = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return [Gpu(str(one.get("device_name", "GPU")), tuple(one.get("compute_capability", ()))) for one in found]


def built_with_cuda() -> bool:
    """Return whether this TensorFlow can use NVIDIA's GPUs."""
    return bool(tf.test.is_built_with_cuda())
