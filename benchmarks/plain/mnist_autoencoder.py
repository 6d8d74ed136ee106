"""The first autoencoder of "Building Autoencoders in Keras" (blog.keras.io, 2016), in Keras 3: 32 numbers, 50 epochs.

Its validation split is the test split, as there; nothing is chosen on it here. The page says "about 0.09" for the loss.

The last line printed is JSON: {"test_loss": …, "fit_seconds": …, "fit_cpu_seconds": …}.
"""

import argparse
import json
import time

import keras
import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data", help="mnist.npz")
parser.add_argument("--epochs", type=int, default=50)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--limit", type=int, help="maximum number of examples per split, for quick trials")
options = parser.parse_args()

keras.utils.set_random_seed(options.seed)

with np.load(options.data) as data:
    x_train, x_test = (
        data[name].reshape(-1, 784).astype("float32")[: options.limit] / 255 for name in ("x_train", "x_test")
    )

pixels = keras.Input((784,))
code = keras.layers.Dense(32, activation="relu")(pixels)
model = keras.Model(pixels, keras.layers.Dense(784, activation="sigmoid")(code))
model.compile("adam", "binary_crossentropy")
began, cpu = time.perf_counter(), time.process_time()
model.fit(x_train, x_train, batch_size=256, epochs=options.epochs, validation_data=(x_test, x_test), verbose=0)
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
loss = model.evaluate(x_test, x_test, verbose=0)
print(json.dumps({"test_loss": loss, "fit_seconds": seconds, "fit_cpu_seconds": cpu}))
