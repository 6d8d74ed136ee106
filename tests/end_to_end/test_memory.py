"""The MNIST run needs no more memory than the same model written by hand."""

import os
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
LIMIT = ["--epochs", "1", "--limit", "16000"]  # 100 steps of 128 once a fifth is held out


@pytest.mark.long  # `make bench` measures it, too
@pytest.mark.real_data
def test_the_mnist_run_peaks_no_higher_than_plain_keras_on_float32_arrays(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from measure import DEEPCLI, measure

    data = Path(os.environ["DEEPCLI_DATA_DIR"]) / "mnist.npz"
    config = BENCHMARKS.parent / "configs" / "mnist" / "cnn.yaml"
    ours = measure([DEEPCLI, "train", str(config), "training.epochs=1", "training.max_steps=100", "-o", "run"])
    plain = measure([sys.executable, str(BENCHMARKS / "plain" / "mnist_cnn.py"), str(data), *LIMIT])
    assert ours.memory <= plain.memory
