"""The reference conv net as its author would write it by hand: float32 arrays, `fit`, default settings.

Usage: python benchmarks/keras_mnist_cnn.py MNIST_NPZ [STEPS]
"""

import sys

import keras
import numpy as np

with np.load(sys.argv[1]) as data:
    x_train = data["x_train"][..., None].astype("float32") / 255
    x_test = data["x_test"][..., None].astype("float32") / 255
    y_train, y_test = data["y_train"], data["y_test"]

if len(sys.argv) > 2:
    x_train, y_train = x_train[: 160 * int(sys.argv[2])], y_train[: 160 * int(sys.argv[2])]

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
model.fit(x_train, y_train, batch_size=128, epochs=1, validation_split=0.2, verbose=0)
print(model.evaluate(x_test, y_test, verbose=0))
