"""An epoch over pictures in a file takes memory for a few batches, not for the pictures."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

COUNT, SIDE, SIZE = 6_000, 128, 64
BYTES = COUNT * SIDE * SIDE * 3
"""281 MiB."""
EPOCH = """
import sys
from pathlib import Path
import numpy as np
from deepcli.data.arrays.array_stores import open_store
from deepcli.data.arrays.splits import Split
from deepcli.data.arrays.stored_rows import StoredRows
from deepcli.training.order import Order

def own():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

x = StoredRows([open_store(Path("x.npy")).read("x")])
split = Split(x, np.arange(len(x)) % 3, np.arange(len(x)))
order = Order(len(x), SIZE, 0)
if sys.argv[1] == "tensorflow":
    import tensorflow as tf
    from deepcli.training.pipeline import TrainingBatches
    batches = TrainingBatches(split, order, None, tf.distribute.get_strategy())
else:
    import jax
    from deepcli.training.jax_batches import JaxBatches
    batches = JaxBatches(split, order, None, lambda gather, places: jax.device_put(gather(places, slice(None))))
begun, peak, seen = 0, 0, 0
for number, batch in enumerate(batches.epoch(0, 0, order.steps)):
    begun = begun or own()
    peak, seen = max(peak, own()), seen + len(batch[1])
assert seen == len(x)
print(peak - begun)
""".replace("SIZE", str(SIZE))


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_an_epoch_over_a_file_takes_no_memory_for_it(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    x = np.lib.format.open_memmap("x.npy", "w+", np.uint8, (COUNT, SIDE, SIDE, 3))
    for start in range(0, COUNT, 500):
        x[start : start + 500] = np.random.default_rng(start).integers(0, 255, (500, SIDE, SIDE, 3), np.uint8)
    x.flush()
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [sys.executable, "-c", EPOCH, backend]
    done = subprocess.run(words, check=True, timeout=600, env=environment, stdout=subprocess.PIPE, text=True)
    batches = 16 * SIZE * SIDE * SIDE * 3
    assert int(done.stdout) < batches < BYTES / 5
