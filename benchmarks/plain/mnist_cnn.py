"""The reference conv net as a plain Keras script: float32 arrays, `fit`, default settings.

The last line printed is JSON: {"test_loss": …, "test_accuracy": …, "epoch_seconds": …}.
"""

import argparse
import json
import time

import keras
import numpy as np

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data", help="mnist.npz")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--limit", type=int, help="maximum number of examples per split, for quick trials")
options = parser.parse_args()

keras.utils.set_random_seed(options.seed)

with np.load(options.data) as data:
    x_train = data["x_train"][..., None].astype("float32") / 255
    x_test = data["x_test"][..., None].astype("float32") / 255
    y_train, y_test = data["y_train"], data["y_test"]

x_train, y_train = x_train[: options.limit], y_train[: options.limit]
x_test, y_test = x_test[: options.limit], y_test[: options.limit]

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
began = time.perf_counter()
model.fit(x_train, y_train, batch_size=128, epochs=options.epochs, validation_split=0.2, verbose=0)
seconds = (time.perf_counter() - began) / options.epochs
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(json.dumps({"test_loss": loss, "test_accuracy": accuracy, "epoch_seconds": seconds}))
